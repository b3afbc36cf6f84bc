"""Draws against closed forms, and their independence of order."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2, chisquare, kstest, poisson

from weaksep.errors import UserError
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.sampler import sample_scene, zero_truncated_poisson

RATE = 8000


def pool(**sizes):
    return {name: [(f"{name}{i}", f"rec-{name}{i}") for i in range(n)] for name, n in sizes.items()}


def config(**changes):
    values = {"clip_s": 2.0, "mean_events": 3.0, "sets": {"train": 9, "valid": 9, "test": 9}}
    return MixConfig(**{**values, **changes})


def scenes(count, by_class, **changes):
    return [sample_scene(config(**changes), by_class, "train", f"train-{i}", RATE) for i in range(count)]


@pytest.mark.parametrize("rate", [0.01, 1.0, 5.0, 40.0])
def test_zero_truncated_poisson_has_the_exact_law(rate):
    rng = np.random.default_rng(0)
    draws = np.array([zero_truncated_poisson(rng, rate) for _ in range(20_000)])
    assert draws.min() >= 1
    mean = rate / -math.expm1(-rate)
    variance = mean * (1 + rate - mean)
    assert draws.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / len(draws)) + 1e-3)
    probability = poisson.pmf(np.arange(1, 200), rate) / -math.expm1(-rate)
    often = np.flatnonzero(probability * len(draws) > 10) + 1
    expected = probability[often - 1] * len(draws)
    found = np.array([np.sum(draws == n) for n in often])
    # The numbers that are too rare for the test form one class of their own.
    expected, found = (np.append(x, len(draws) - x.sum()) for x in (expected, found))
    statistic = np.sum(np.square(found - expected) / np.maximum(expected, 1.0))
    assert chi2.sf(statistic, len(often)) > 1e-3


def test_mean_events_is_lambda_over_one_minus_e_to_minus_lambda():
    counts = [len(scene.events) for scene in scenes(4000, pool(a=50, b=50))]
    assert np.mean(counts) == pytest.approx(3 / (1 - math.exp(-3)), abs=0.1)


def test_classes_levels_and_onsets_are_uniform():
    events = [event for scene in scenes(3000, pool(a=99, b=999, c=9999)) for event in scene.events]
    counts = Counter(event.class_name for event in events)
    assert chisquare(list(counts.values())).pvalue > 1e-3, "uniform over classes, not over files"
    onsets = np.array([event.onset_s for event in events])
    assert 0 <= onsets.min() and onsets.max() < 2.0
    assert kstest(onsets / 2.0, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(onsets * RATE, np.rint(onsets * RATE), rtol=1e-15, err_msg="not on a sample")
    levels = np.array([event.level_db for event in events])
    assert kstest((levels + 30) / 5, "uniform").pvalue > 1e-3
    assert all(event.recording_id == f"rec-{event.event_id}" for event in events)


def test_min_event_s_keeps_onsets_from_the_end():
    late = [e.onset_s for s in scenes(500, pool(a=20, b=20), min_event_s=0.5) for e in s.events]
    assert 1.45 < max(late) < 1.5


def test_no_file_twice_and_classes_that_run_out():
    by_class = pool(a=1, b=2, c=60)
    for scene in scenes(300, by_class, mean_events=12.0):
        ids = [event.event_id for event in scene.events]
        assert len(set(ids)) == len(ids)
    drawn = Counter(event.class_name for scene in scenes(300, by_class, mean_events=12.0) for event in scene.events)
    assert drawn["a"] <= 300 and drawn["b"] <= 600 and drawn["c"] > drawn["b"]


def test_more_events_than_files_is_an_error():
    with pytest.raises(UserError, match="train-0: .* no file may occur twice: lower mean_events"):
        scenes(1, pool(a=2, b=2), mean_events=50.0)


def test_a_scene_depends_on_seed_set_id_and_attempt_alone():
    by_class = pool(a=50, b=50)
    base = sample_scene(config(), by_class, "train", "train-7", RATE)
    scenes(3, by_class)
    assert sample_scene(config(), by_class, "train", "train-7", RATE) == base
    others = [
        sample_scene(config(seed=1), by_class, "train", "train-7", RATE),
        sample_scene(config(), by_class, "valid", "train-7", RATE),
        sample_scene(config(), by_class, "train", "train-8", RATE),
        sample_scene(config(), by_class, "train", "train-7", RATE, attempt=1),
    ]
    assert all(other.events != base.events for other in others)
