"""SI-SDR: signals built so that the answer is known, properties, and two independent implementations."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.metrics import si_sdr as module
from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB, si_sdr, si_sdr_improvement

N = 20000


def orthogonal_pair(random, shape=(), dtype=np.float64):
    """Two signals of unit energy, orthogonal to each other."""
    a = random.standard_normal((*shape, N))
    a /= np.linalg.norm(a, axis=-1, keepdims=True)
    b = random.standard_normal((*shape, N))
    b -= (a * b).sum(axis=-1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=-1, keepdims=True)
    return a.astype(dtype), b.astype(dtype)


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("ratio_db", [-45.0, -10.0, 0.0, 3.0, 24.9, 25.1, 59.0])
def test_orthogonal_noise_gives_its_ratio(random, ratio_db):
    reference, noise = orthogonal_pair(random)
    estimate = 0.3 * (reference + 10 ** (-ratio_db / 20) * noise)
    assert si_sdr(reference, estimate) == pytest.approx(ratio_db, abs=1e-6)


@pytest.mark.parametrize("ratio_db", [-45.0, 0.0, 24.9, 25.1, 59.0])
def test_single_precision_is_as_good_as_the_samples(random, ratio_db):
    reference, noise = orthogonal_pair(random)
    estimate = (reference + 10 ** (-ratio_db / 20) * noise).astype(np.float32)
    reference = reference.astype(np.float32)
    exact = si_sdr(reference.astype(np.float64), estimate.astype(np.float64))
    assert si_sdr(reference, estimate) == pytest.approx(exact, abs=1e-3)


def test_level_and_sign_of_either_signal_do_not_matter(random):
    reference, noise = orthogonal_pair(random)
    estimate = reference + noise
    for scale in (1e-4, -2.0, 1e3):
        assert si_sdr(reference, scale * estimate) == pytest.approx(0.0, abs=1e-9)
        assert si_sdr(scale * reference, estimate) == pytest.approx(0.0, abs=1e-9)


def test_part_of_the_target_that_is_missing_counts_as_distortion():
    reference = np.ones(8)
    half = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])
    # The projection is 0.5 everywhere, the residual +-0.5: equal energies.
    assert si_sdr(reference, half) == pytest.approx(0.0, abs=1e-9)


def test_equal_signals_meet_the_ceiling_and_unrelated_ones_the_floor(random):
    reference, noise = orthogonal_pair(random)
    assert si_sdr(reference, reference) == CEILING_DB
    assert si_sdr(reference.astype(np.float32), -0.5 * reference.astype(np.float32)) == CEILING_DB
    assert si_sdr(reference, noise) == FLOOR_DB
    assert si_sdr(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == FLOOR_DB


def test_silence(random):
    reference, _ = orthogonal_pair(random)
    assert si_sdr(reference, np.zeros(N)) == FLOOR_DB
    assert np.isnan(si_sdr(np.zeros(N), reference))
    assert np.isnan(si_sdr(np.zeros(N), np.zeros(N)))


def test_an_offset_counts_unless_means_are_removed(random):
    reference, noise = orthogonal_pair(random)
    reference, noise = reference - reference.mean(), noise - noise.mean()
    estimate = reference + 0.1 * noise + 1.0
    assert si_sdr(reference, estimate) < -10
    assert si_sdr(reference, estimate, zero_mean=True) == pytest.approx(20.0, abs=0.01)


def test_any_leading_axes(random):
    reference, noise = orthogonal_pair(random, (2, 3))
    ratios = np.arange(6.0).reshape(2, 3)
    estimate = reference + 10 ** (-ratios[..., None] / 20) * noise
    np.testing.assert_allclose(si_sdr(reference, estimate), ratios, atol=1e-6)
    assert si_sdr(reference[0, 0], estimate[0, 0]).shape == ()
    assert si_sdr(np.zeros((0, N)), np.zeros((0, N))).shape == (0,)


def test_not_contiguous_and_mixed_dtypes(random):
    reference, noise = orthogonal_pair(random, (2,))
    estimate = reference + noise
    want = si_sdr(reference, estimate)
    np.testing.assert_allclose(si_sdr(np.asfortranarray(reference), estimate), want, atol=1e-9)
    np.testing.assert_allclose(si_sdr(reference.astype(np.float32), estimate), want, atol=1e-4)
    integers = np.rint(1e6 * reference).astype(np.int32)
    np.testing.assert_allclose(si_sdr(integers, estimate), want, atol=1e-2)


@pytest.mark.parametrize("samples", [1, 99, 100, 101, 250])
def test_blocks_make_no_difference(random, monkeypatch, samples):
    reference = random.standard_normal(samples).astype(np.float32)
    estimate = (reference + 1e-2 * random.standard_normal(samples)).astype(np.float32)
    whole = si_sdr(reference, estimate)
    monkeypatch.setattr(module, "BLOCK_SAMPLES", 100)
    assert si_sdr(reference, estimate) == pytest.approx(whole, abs=1e-3)


def test_improvement_is_the_difference(random):
    references = random.standard_normal((3, N)).astype(np.float32)
    mixture = references.sum(axis=0)
    estimates = references + 0.3 * random.standard_normal((3, N)).astype(np.float32)
    separated, unprocessed, gain = si_sdr_improvement(references, estimates, mixture)
    np.testing.assert_array_equal(separated, si_sdr(references, estimates))
    np.testing.assert_array_equal(unprocessed, si_sdr(references, np.broadcast_to(mixture, (3, N))))
    np.testing.assert_array_equal(gain, separated - unprocessed)
    np.testing.assert_allclose(unprocessed, -3.0, atol=0.5)  # one of three equal parts: 10 log10(1 / 2)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        si_sdr(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="N > 0"):
        si_sdr(np.zeros((2, 0)), np.zeros((2, 0)))
    with pytest.raises(ValueError, match="NaN"):
        si_sdr(np.ones(3), np.array([1.0, np.nan, 1.0]))
    with pytest.raises(ValueError, match="NaN"):
        si_sdr(np.array([1.0, np.inf, 1.0]), np.ones(3))
    with pytest.raises(ValueError, match="mixture"):
        si_sdr_improvement(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("zero_mean", [False, True])
def test_same_as_fast_bss_eval(random, zero_mean):
    import fast_bss_eval

    reference = random.standard_normal((4, N)) + 0.2
    estimate = reference + random.standard_normal((4, N)) * np.array([[0.01], [0.5], [2.0], [20.0]])
    want = -fast_bss_eval.si_sdr_loss(estimate, reference, zero_mean=zero_mean)
    np.testing.assert_allclose(si_sdr(reference, estimate, zero_mean=zero_mean), want, atol=1e-6)


@pytest.mark.parametrize("zero_mean", [False, True])
def test_same_as_torchmetrics(random, zero_mean):
    import torch
    from torchmetrics.functional import audio

    reference = random.standard_normal((4, N)) + 0.2
    estimate = reference + random.standard_normal((4, N)) * np.array([[0.01], [0.5], [2.0], [20.0]])
    want = audio.scale_invariant_signal_distortion_ratio(
        torch.from_numpy(estimate), torch.from_numpy(reference), zero_mean=zero_mean
    )
    np.testing.assert_allclose(si_sdr(reference, estimate, zero_mean=zero_mean), want.numpy(), atol=1e-6)
