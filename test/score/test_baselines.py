"""What separates nothing: equal shares and random masks, from the mixture alone."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from weaksep.fileio.experiments import BASELINES, EQUAL_SHARES  # noqa: E402
from weaksep.metrics.likeness import LikenessMeter, mixture_correlation  # noqa: E402
from weaksep.score.baselines import blind_outputs  # noqa: E402
from weaksep.signal.stft import Stft  # noqa: E402


def outputs(name, utt="a", n_outputs=4):
    mixture = 0.1 * np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    return mixture, blind_outputs(name, utt, mixture, n_outputs, Stft(128, 64))


@pytest.mark.parametrize("name", BASELINES)
def test_the_outputs_share_out_the_mixture(name):
    mixture, found = outputs(name)
    assert found.shape == (4, 4000) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=0), mixture, atol=1e-6)


def test_equal_shares_are_the_mixture_at_another_level():
    mixture, found = outputs(EQUAL_SHARES)
    np.testing.assert_array_equal(found[3], mixture / 4)
    assert mixture_correlation(mixture, found).min() > 0.9999


def test_random_masks_depend_on_the_clip_alone():
    mixture, found = outputs("random_masks")
    np.testing.assert_array_equal(outputs("random_masks")[1], found)
    assert np.abs(outputs("random_masks", "b")[1] - found).max() > 0.01
    # A softmax of standard normal noise over four has mean 0.25 and standard deviation 0.17 or so.
    assert 0.5 < mixture_correlation(mixture, found).min() < mixture_correlation(mixture, found).max() < 0.95


def test_two_sources_apart_cannot_both_be_like_their_sum():
    random = np.random.default_rng(0)
    for level in (0.01, 0.3, 1.0):
        sources = np.stack([random.standard_normal(8000), level * random.standard_normal(8000)])
        found = mixture_correlation(sources.sum(axis=0), sources)
        assert found.min() < 0.73 and np.square(found).sum() == pytest.approx(1.0, abs=0.05)


def test_what_has_no_correlation():
    loud = np.random.default_rng(0).standard_normal(1000)
    assert np.isnan(mixture_correlation(loud, np.stack([0 * loud, loud / 32768]))).all()  # rounding drowns the second
    assert np.isnan(mixture_correlation(0 * loud, loud[None])).all()
    assert mixture_correlation(loud, np.stack([-loud, loud + 7.0])).tolist() == pytest.approx([1.0, 1.0])
    assert 1.0 - 1e-9 < mixture_correlation(loud, loud[None])[0] <= 1.0


def test_likeness_in_pieces_is_that_of_the_whole():
    mixture, found = outputs("random_masks")
    meter = LikenessMeter()
    for start in range(0, 4000, 1234):
        meter.add(mixture[start : start + 1234] + 0.5, found[:, start : start + 1234])
    np.testing.assert_allclose(meter.correlations(), mixture_correlation(mixture, found), atol=1e-9)


@pytest.mark.parametrize(
    ("shares", "nothing"),
    [
        ((0.25, 0.25, 0.5), True),  # the mixture at other levels
        ((0.97, 0.02, 0.01), False),  # one class alone, and the floor of the masks for the others
        ((0.5, 0.5, 0.0), True),
        ((0.0, 0.0, 0.0), False),
    ],
)
def test_what_separates_nothing(shares, nothing):
    mixture, _ = outputs(EQUAL_SHARES)
    meter = LikenessMeter()
    assert not meter.separates_nothing()
    meter.add(mixture, np.array(shares)[:, None] * mixture)
    assert meter.separates_nothing() == nothing


def test_sources_are_separated_from_one_another():
    sources = 0.1 * np.random.default_rng(0).standard_normal((2, 4000))
    meter = LikenessMeter()
    meter.add(sources.sum(axis=0), sources)
    assert not meter.separates_nothing()
