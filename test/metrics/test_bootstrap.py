"""The bootstrap's interval: reproducible, of the right width, and over groups."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.metrics import bootstrap
from weaksep.metrics.bootstrap import bootstrap_mean_ci


def test_width_of_independent_values():
    values = np.random.default_rng(0).standard_normal(400)
    low, high = bootstrap_mean_ci(values, np.arange(400), seed=1)
    assert low < values.mean() < high
    # 2 * 1.96 * sigma / sqrt(n)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_copies_in_a_group_bring_no_certainty():
    values = np.random.default_rng(0).standard_normal(100)
    copies, groups = np.repeat(values, 4), np.repeat(np.arange(100), 4)
    low, high = bootstrap_mean_ci(values, np.arange(100), seed=1)
    assert bootstrap_mean_ci(copies, groups, seed=1) == pytest.approx((low, high))
    naive_low, naive_high = bootstrap_mean_ci(copies, np.arange(400), seed=1)
    assert naive_high - naive_low < 0.6 * (high - low)


def test_groups_weigh_by_their_size():
    # A mean over all values, not a mean of the groups' means: 3 of 4 values are 0.
    low, high = bootstrap_mean_ci([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"], seed=0)
    assert (low, high) == (0.0, 1.0)
    constant = bootstrap_mean_ci([2.0, 2.0, 2.0], ["a", "a", "b"], seed=0)
    assert constant == (2.0, 2.0)


def test_same_seed_same_interval_however_it_is_cut(monkeypatch):
    values, groups = np.arange(50.0), [f"mix-{k // 2}" for k in range(50)]
    first = bootstrap_mean_ci(values, groups, seed=3)
    assert bootstrap_mean_ci(values, groups, seed=3) == first
    assert bootstrap_mean_ci(values, groups, seed=4) != first
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 100)
    assert bootstrap_mean_ci(values, groups, seed=3) == pytest.approx(first)


def test_refuses_what_has_no_mean():
    with pytest.raises(ValueError, match="n > 0"):
        bootstrap_mean_ci([], [], seed=0)
    with pytest.raises(ValueError, match="finite"):
        bootstrap_mean_ci([1.0, np.nan], ["a", "b"], seed=0)
    with pytest.raises(ValueError, match="groups"):
        bootstrap_mean_ci([1.0, 2.0], ["a"], seed=0)
