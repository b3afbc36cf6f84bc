"""Leak of absent classes, and overlap from frame labels counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.metrics.leak import LEAK_FLOOR_DB, leak_db
from weaksep.metrics.overlap import overlap_share


def test_leak_is_the_energy_ratio():
    mixture = np.random.default_rng(0).standard_normal(5000)
    estimates = np.stack([mixture, 0.1 * mixture, -0.001 * mixture])
    np.testing.assert_allclose(leak_db(mixture, estimates), [0.0, -20.0, -60.0], atol=1e-9)
    assert leak_db(mixture, 2.0 * mixture) == pytest.approx(20 * np.log10(2.0))


def test_silent_output_has_the_floor():
    mixture = np.ones(100)
    np.testing.assert_array_equal(leak_db(mixture, np.stack([np.zeros(100), 1e-9 * mixture])), LEAK_FLOOR_DB)


def test_silent_mixture_has_no_leak():
    assert np.isnan(leak_db(np.zeros(100), np.ones(100)))


def test_no_absent_class():
    assert leak_db(np.ones(100), np.zeros((0, 100))).shape == (0,)


def test_leak_refuses_wrong_input():
    with pytest.raises(ValueError, match="expected a mixture"):
        leak_db(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="NaN"):
        leak_db(np.ones(3), np.array([0.0, np.nan, 0.0]))


def test_overlap_by_hand():
    activity = np.array(
        [
            [1, 0, 0],
            [1, 1, 0],
            [1, 1, 1],
            [0, 0, 1],
            [0, 0, 0],
        ]
    )
    np.testing.assert_allclose(overlap_share(activity), [2 / 3, 1.0, 0.5])


def test_overlap_of_an_absent_class_does_not_exist():
    assert np.isnan(overlap_share(np.array([[1, 0], [1, 0]]))[1])
    assert overlap_share(np.array([[1, 0], [1, 0]]))[0] == 0.0


def test_overlap_of_unsigned_labels():
    # Frame labels are uint8; sums must not wrap round.
    assert overlap_share(np.ones((3, 300), dtype=np.uint8))[0] == 1.0


def test_overlap_refuses_clip_labels():
    with pytest.raises(ValueError, match="T, K"):
        overlap_share(np.array([1, 0]))
