"""BSS eval against fast_bss_eval, and where that has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from weaksep.metrics.bss_eval import bss_eval, correlations, ratios
from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB, si_sdr


def as_written(audio):
    """Rounded to 16 bits, as separated files are."""
    return np.rint(audio * 32768) / 32768


def mixture(random, n_sources, n_samples=8000):
    """Sources (K, N) in bands, each silent for half the time, and estimates that hold some of each other and noise."""
    sources = np.zeros((n_sources, n_samples))
    for k in range(n_sources):
        band = signal.butter(4, [0.05 + 0.15 * k, 0.2 + 0.15 * k], "bandpass", output="sos")
        start = random.integers(n_samples // 2)
        part = slice(start, start + n_samples // 2)
        sources[k, part] = 0.1 * signal.sosfilt(band, random.standard_normal(n_samples))[part]
    sources = as_written(sources)
    noise = 0.003 * random.standard_normal(sources.shape)
    filtered = signal.lfilter([0.7, 0.2, -0.1], 1.0, sources)
    return sources, as_written(filtered + 0.2 * sources.sum(axis=0) + noise)


def judge(sources, estimates, taps=512):
    """The three by fast_bss_eval in double precision, (3, K)."""
    package = pytest.importorskip("fast_bss_eval")
    import torch

    arrays = (torch.from_numpy(sources), torch.from_numpy(estimates))
    values = package.bss_eval_sources(*arrays, filter_length=taps, compute_permutation=False, clamp_db=60)
    return np.stack([value.numpy() for value in values])


@pytest.mark.parametrize(("n_sources", "taps"), [(1, 64), (2, 64), (3, 64), (5, 32), (2, 512)])
def test_same_as_fast_bss_eval(n_sources, taps):
    random = np.random.default_rng(n_sources)
    sources, estimates = mixture(random, n_sources)
    values = np.stack(bss_eval(sources, estimates, taps))
    expected = judge(sources, estimates, taps)
    if n_sources == 1:  # no interference: a difference of zero, lost in rounding over there
        values, expected = values[[0, 2]], expected[[0, 2]]
    np.testing.assert_allclose(values, expected, atol=0.002)


def test_the_ends_of_a_clip_do_not_meet():
    """Sound at both ends of a clip whose length suits the Fourier transform: copies past the end must not wrap."""
    random = np.random.default_rng(9)
    sources = random.standard_normal((2, 1024))
    estimates = signal.lfilter(random.standard_normal(100), 1.0, sources) + random.standard_normal(sources.shape)
    values = np.stack(bss_eval(sources, estimates, taps=128))
    np.testing.assert_allclose(values, judge(sources, estimates, 128), atol=0.002)


def test_many_mixtures_at_once_make_no_difference():
    random = np.random.default_rng(7)
    mixtures = [mixture(random, n_sources, 2000) for n_sources in (2, 3, 2, 2, 3, 1)]
    together = ratios([correlations(*pair, taps=40) for pair in mixtures])
    for pair, values in zip(mixtures, together, strict=True):
        np.testing.assert_allclose(values, np.stack(bss_eval(*pair, taps=40)), atol=1e-6)


def test_one_tap_and_one_source_is_si_sdr():
    random = np.random.default_rng(1)
    sources, estimates = mixture(random, 1)
    sdr, sir, sar = bss_eval(sources, estimates, taps=1)
    assert sdr == pytest.approx(si_sdr(sources, estimates), abs=1e-3)
    assert sar == pytest.approx(sdr) and sir == CEILING_DB


def test_filtering_is_no_distortion_and_mixing_is_no_artefact():
    random = np.random.default_rng(2)
    sources = random.standard_normal((2, 4000))
    delayed = signal.lfilter([0.0, 0.0, 1.0, 0.5], 1.0, np.pad(sources, ((0, 0), (0, 10))))
    sdr, _, sar = bss_eval(np.pad(sources, ((0, 0), (0, 10))), delayed, taps=16)
    assert (sdr == CEILING_DB).all() and (sar == CEILING_DB).all()
    sdr, sir, sar = bss_eval(sources, np.stack([sources.sum(axis=0)] * 2), taps=16)
    assert (sar == CEILING_DB).all()
    np.testing.assert_allclose(sdr, sir, atol=1e-6)
    np.testing.assert_allclose(sir, 0.0, atol=0.5)


def test_silent_estimates_have_the_floor():
    random = np.random.default_rng(3)
    sources, estimates = mixture(random, 2)
    estimates[1] = 0
    values = np.stack(bss_eval(sources, estimates, taps=32))
    assert (values[:, 1] == FLOOR_DB).all()
    assert (values[:, 0] > 0).all()


def test_singular_sources():
    """Tones, constants, clicks and doubles: fast_bss_eval gives up on some of them."""
    random = np.random.default_rng(4)
    n = np.arange(4000)
    tones = np.stack([0.1 * np.sin(0.3 * n), 0.1 * np.sin(0.9 * n)])
    noise = 0.1 * random.standard_normal(4000)
    for sources in (tones, np.stack([noise, noise]), np.stack([np.full(4000, 0.1), noise]), np.eye(2, 4000)):
        estimates = sources + 0.02 * random.standard_normal(sources.shape)
        values = np.stack(bss_eval(sources, estimates, taps=64))
        assert np.isfinite(values).all() and (values >= FLOOR_DB).all() and (values <= CEILING_DB).all()
    np.testing.assert_allclose(np.stack(bss_eval(tones, 0.5 * tones, taps=64)), CEILING_DB)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 100])
def test_short_clips(n_samples):
    random = np.random.default_rng(5)
    sources, noise = random.standard_normal((2, 2, n_samples))
    assert len(correlations(sources, noise).own) == max(1, n_samples // 2)
    values = np.stack(bss_eval(sources, sources + 0.1 * noise))
    assert np.isfinite(values).all() and (np.abs(values) <= 60).all()


@pytest.mark.parametrize(
    ("reference", "estimate", "said"),
    [
        (np.ones((2, 8)), np.ones((2, 9)), "expected references"),
        (np.ones(8), np.ones(8), "expected references"),
        (np.ones((0, 8)), np.ones((0, 8)), "expected references"),
        (np.stack([np.ones(8), np.zeros(8)]), np.ones((2, 8)), "a reference is silent"),
        (np.ones((2, 8)), np.full((2, 8), np.nan), "NaN or infinite"),
    ],
)
def test_what_has_no_answer(reference, estimate, said):
    with pytest.raises(ValueError, match=said):
        bss_eval(reference, estimate)
