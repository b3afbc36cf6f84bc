"""The bootstrap's interval: reproducible, of the right width, and over the recordings that groups are made of."""

from __future__ import annotations

from itertools import product
from math import isnan

import numpy as np
import pytest

from weaksep.metrics import bootstrap
from weaksep.metrics.bootstrap import bootstrap_mean_ci, count_recordings, paired_bootstrap, support


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


def test_clips_of_one_recording_are_drawn_with_it() -> None:
    values, clips = np.arange(40.0) ** 1.5, [f"clip-{n:02d}" for n in range(40)]
    of = {clip: f"rec-{n // 4}" for n, clip in enumerate(clips)}
    recordings = {clip: [("", name)] for clip, name in of.items()}
    assert bootstrap_mean_ci(values, clips, 5, recordings=recordings) == pytest.approx(
        bootstrap_mean_ci(values, [*of.values()], 5), rel=1e-12
    )
    assert paired_bootstrap(values, np.full(40, 99.0), clips, 5, recordings=recordings) == pytest.approx(
        paired_bootstrap(values, np.full(40, 99.0), [*of.values()], 5), rel=1e-12
    )
    assert (count_recordings(clips, recordings), support(clips, recordings)) == (10, 10)


def test_mixtures_weigh_by_the_product_over_their_recordings_drawn_within_classes() -> None:
    """Against all draws there are: two of the two dogs, and three of the three horns."""
    values = {"ax": 0.0, "ay": 1.0, "bz": 2.0, "bx": 10.0, "a": 3.0, "xy": 5.0}
    recordings = {clip: {("dog" if name in "ab" else "horn", name) for name in clip} for clip in values}
    means = []
    for drawn in product("ab", "ab", "xyz", "xyz", "xyz"):
        weights = [np.prod([drawn.count(name) for name in clip]) for clip in values]
        if any(weights):
            means.append(np.average([*values.values()], weights=weights))
    found = bootstrap_mean_ci([*values.values()], [*values], 0, 20_000, recordings)
    assert found == pytest.approx(np.percentile(means, [2.5, 97.5]))
    assert (count_recordings(values, recordings), support([*values][:2], recordings)) == (5, 2)


def test_mixtures_of_few_recordings_say_little_of_new_ones() -> None:
    """A random effect of each recording: intervals of mixtures miss the mean, those of recordings hold it."""
    random = np.random.default_rng(0)
    first, second = random.integers(8, size=(2, 120))
    clips = [f"mix-{n:03d}" for n in range(120)]
    recordings = {c: {("dog", f"d{i}"), ("horn", f"h{k}")} for c, i, k in zip(clips, first, second, strict=True)}
    held = []
    for _ in range(200):
        dog, horn = random.standard_normal((2, 8))
        values = 2 * dog[first] + horn[second] + random.standard_normal(120)
        intervals = [bootstrap_mean_ci(values, clips, 0, 400, made) for made in (None, recordings)]
        held.append([low <= 0 <= high for low, high in intervals])
    mixtures, crossed = np.mean(held, axis=0)
    assert mixtures < 0.5 and 0.9 < crossed < 0.99


def test_what_classes_differ_by_is_not_in_the_interval() -> None:
    values, clips = np.repeat([0.0, 10.0], 4), list("abcdefgh")
    recordings = {clip: {("dog" if clip < "e" else "horn", clip)} for clip in clips}
    assert bootstrap_mean_ci(values, clips, 0, recordings=recordings) == (5.0, 5.0)
    assert bootstrap_mean_ci(values, clips, 0)[0] < 3.0


def test_a_class_of_one_recording_does_not_stand_still() -> None:
    recordings = {"1": {("dog", "a")}, "2": {("horn", "b")}, "3": {("siren", "c")}}
    assert bootstrap_mean_ci([0.0, 1.0, 2.0], ["1", "2", "3"], 0, recordings=recordings) == (0.0, 2.0)


def test_draws_that_leave_no_mixture_are_skipped() -> None:
    """Where that is all of them, there is no interval, and no difference to be sure of."""
    recordings = {"ab": {("", "a"), ("", "b")}, "c": {("", "c")}}
    assert bootstrap_mean_ci([1.0, 2.0], ["ab", "c"], 0, recordings=recordings) == (1.0, 2.0)
    many = {clip: {("", f"{clip}{n}") for n in range(40)} for clip in "ab"}
    assert all(map(isnan, bootstrap_mean_ci([1.0, 2.0], ["a", "b"], 0, recordings=many)))
    difference, low, high, p = paired_bootstrap([1.0, 2.0], [0.0, 0.0], ["a", "b"], 0, recordings=many)
    assert (difference, p) == (1.5, 1.0) and isnan(low) and isnan(high)


def test_draws_do_not_depend_on_how_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    values, clips = np.arange(50.0), [f"mix-{n:02d}" for n in range(50)]
    recordings = {clip: {("dog", f"d{n % 7}"), ("horn", f"h{n % 3}")} for n, clip in enumerate(clips)}
    first = bootstrap_mean_ci(values, clips, 3, recordings=recordings)
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 1000)
    assert bootstrap_mean_ci(values, clips, 3, recordings=dict(reversed(recordings.items()))) == pytest.approx(first)
