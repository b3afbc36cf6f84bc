"""The paired bootstrap: its p is right under no effect, small under one, and over mixtures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weaksep.metrics import bootstrap
from weaksep.metrics.bootstrap import paired_bootstrap


def test_a_constant_difference_is_certain():
    a, b = np.arange(6.0) + 1.5, np.arange(6.0)
    difference, low, high, p = paired_bootstrap(a, b, list("aabbcc"), seed=0, n_resamples=999)
    assert (difference, low, high) == pytest.approx((1.5, 1.5, 1.5))
    assert p == pytest.approx(2 / 1000)  # never 0
    assert paired_bootstrap(b, a, list("aabbcc"), seed=0, n_resamples=999)[3] == p


def test_no_difference_at_all():
    assert paired_bootstrap([1.0, 2.0], [1.0, 2.0], ["a", "b"], seed=0) == (0.0, 0.0, 0.0, 1.0)


def test_two_groups_in_closed_form():
    # Means of two draws of {-1, +3}: -1, 1, 1, 3 with a quarter each, so 1 in 4 is at or below zero.
    difference, low, high, p = paired_bootstrap([0.0, 3.0], [1.0, 0.0], ["a", "b"], seed=0, n_resamples=40_000)
    assert (difference, low, high) == (1.0, -1.0, 3.0)
    assert p == pytest.approx(0.5, abs=0.02)


def test_interval_and_p_as_the_normal_approximation_has_them():
    random = np.random.default_rng(3)
    b = 20 * random.standard_normal(400)
    a = b + 0.2 + 2 * random.standard_normal(400)  # pairing takes the spread of 20 dB out
    difference, low, high, p = paired_bootstrap(a, b, np.arange(400), seed=1)
    spread = (a - b).std() / 20
    assert difference == pytest.approx((a - b).mean())
    assert (low, high) == pytest.approx((difference - 1.96 * spread, difference + 1.96 * spread), abs=0.1 * spread)
    assert p == pytest.approx(math.erfc(abs(difference) / spread / math.sqrt(2)), abs=0.02)


def test_under_no_effect_p_is_even():
    random = np.random.default_rng(0)
    trials = [(*random.standard_normal((2, 60)), np.arange(60), trial) for trial in range(300)]
    found = np.array([paired_bootstrap(*trial, n_resamples=500)[3] for trial in trials])
    for share in (0.05, 0.2, 0.5):
        assert np.mean(found <= share) == pytest.approx(share, abs=3 * math.sqrt(share * (1 - share) / 300) + 0.01)


def test_copies_in_a_mixture_bring_no_certainty():
    random = np.random.default_rng(0)
    a, b = random.standard_normal(50) + 0.3, np.zeros(50)
    plain = paired_bootstrap(a, b, np.arange(50), seed=1)
    copied = paired_bootstrap(np.repeat(a, 4), np.repeat(b, 4), np.repeat(np.arange(50), 4), seed=1)
    assert copied == pytest.approx(plain)


def test_same_seed_same_answer_however_it_is_cut(monkeypatch):
    a, b, groups = np.arange(40.0), np.arange(40.0)[::-1], [f"mix-{k // 2}" for k in range(40)]
    first = paired_bootstrap(a, b, groups, seed=3)
    assert paired_bootstrap(a, b, groups, seed=3) == first
    assert paired_bootstrap(a, b, groups, seed=4) != first
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 100)
    assert paired_bootstrap(a, b, groups, seed=3) == pytest.approx(first)


def test_refuses_what_cannot_be_compared():
    with pytest.raises(ValueError, match="two or more groups"):
        paired_bootstrap([1.0, 2.0], [0.0, 0.0], ["a", "a"], seed=0)
    with pytest.raises(ValueError, match="two or more groups"):
        paired_bootstrap([], [], [], seed=0)
    with pytest.raises(ValueError, match="finite"):
        paired_bootstrap([1.0, np.nan], [0.0, 0.0], ["a", "b"], seed=0)
    with pytest.raises(ValueError, match="n pairs"):
        paired_bootstrap([1.0, 2.0], [0.0], ["a", "b"], seed=0)
