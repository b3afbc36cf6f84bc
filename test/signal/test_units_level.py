"""Units and levels: the one rounding rule, decibels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weaksep.signal.level import db_to_gain, rms
from weaksep.signal.units import frame_centres, n_frames, samples_to_seconds, seconds_to_samples


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, 0), (0.0625e-3, 1), (0.1875e-3, 2), (0.3124e-3, 2), (0.3125e-3, 3), (2.5, 20000)]
)
def test_halves_round_up(seconds: float, expected: int) -> None:
    # At 8 kHz, 0.0625 ms is half a sample and 0.3125 ms two and a half.
    assert seconds_to_samples(seconds, 8000) == expected


def test_samples_survive_the_way_to_seconds_and_back() -> None:
    for samples in range(0, 200_000, 997):
        assert seconds_to_samples(samples_to_seconds(samples, 44_100), 44_100) == samples


def test_frames() -> None:
    assert [n_frames(samples, 128) for samples in (0, 127, 128, 20000)] == [1, 1, 2, 157]
    assert frame_centres(3, 128).tolist() == [0, 128, 256]


def test_levels() -> None:
    sine = np.sin(2 * np.pi * np.arange(8000) / 80)
    assert rms(sine) == pytest.approx(math.sqrt(0.5))
    assert rms(sine * db_to_gain(-20.0)) == pytest.approx(0.1 * math.sqrt(0.5))
    assert db_to_gain(6.0206) == pytest.approx(2.0, rel=1e-5)
    assert rms(np.zeros(0)) == 0.0
