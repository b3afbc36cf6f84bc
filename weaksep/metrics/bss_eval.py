"""BSS eval of separated sources: SDR, SIR and SAR in dB.

Vincent, Gribonval, Fevotte, "Performance measurement in blind audio source separation", IEEE TASLP, 2006. What an
estimate holds of the target is its projection on delayed copies of the target, that is, the target through the best
filter of 512 taps; what it holds of the sources together is its projection on delayed copies of all of them. With the
shares c and C of the estimate's energy in the two projections (Scheibler, "SDR - medium rare with fast computations",
ICASSP 2022),

    SDR = 10 log10( c / (1 - c) ),  SIR = 10 log10( c / (C - c) ),  SAR = 10 log10( C / (1 - C) ).

A share is y' T^-1 y: y correlates the sources with the estimate, T the sources with one another; both are normed. T is
a symmetric block-Toeplitz matrix of (K * taps)^2 numbers that is never made: the recursion of Levinson for blocks
(Whittle 1963; Wiggins and Robinson 1965) goes from n taps to n + 1, and each step adds its part d' E^-1 d to the share,
d being the part of y that fewer taps do not explain. Several mixtures take each step together. A test holds the result
equal to fast_bss_eval's, which solves for the filters and takes ten times as long.

Conventions:
- Estimates belong to the references in their order; no permutation is looked for.
- All is held in [FLOOR_DB, CEILING_DB], as SI-SDR is, and a silent estimate has FLOOR_DB three times.
- Sources of few tones leave T singular. ``LOAD`` on its diagonal, below the noise of 16 bits, keeps it regular.
- In a clip of fewer than K * 512 samples the filters are shorter: else they could turn anything into the estimate.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import fft

from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB

FILTER_TAPS = 512
LOAD = 1e-9
# Mixtures that take a step together: enough for the calls to cost little, few enough for the cache.
TOGETHER = 32


class Correlations(NamedTuple):
    """All that BSS eval must know of a mixture; much smaller than its signals.

    Attributes:
        own: (taps, K, K); [m, j, k] is the sum over n of s_j[n] s_k[n + m], each source of energy one.
        cross: (taps, K, K); [m, j, k] is the sum over n of s_j[n] e_k[n + m], each estimate of energy one or zero.
    """

    own: np.ndarray
    cross: np.ndarray


def _normed(signals: np.ndarray) -> np.ndarray:
    energies = np.einsum("kn,kn->k", signals, signals)
    if not np.isfinite(energies).all():
        raise ValueError("signals hold NaN or infinite samples, or overflow when squared")
    return signals / np.sqrt(np.where(energies > 0, energies, 1.0))[:, None]


def correlations(reference: np.ndarray, estimate: np.ndarray, taps: int = FILTER_TAPS) -> Correlations:
    """Correlations of the sources of one mixture.

    Args:
        reference: the sounding sources (K, N), none silent.
        estimate: their estimates (K, N).
        taps: length of the filters that are no distortion; less in very short clips.

    Raises:
        ValueError: shapes differ, no source or no sample, a silent reference, or samples that are not finite.
    """
    reference, estimate = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if reference.ndim != 2 or 0 in reference.shape or reference.shape != estimate.shape:
        raise ValueError(f"expected references and estimates (K, N), got {reference.shape} and {estimate.shape}")
    if not reference.any(axis=1).all():
        raise ValueError("a reference is silent")
    n_sources, n_samples = reference.shape
    taps = max(1, min(taps, n_samples // n_sources))
    size = fft.next_fast_len(n_samples + taps - 1, real=True)  # lags above -taps and below taps do not wrap around
    sources, found = (fft.rfft(_normed(signals), size) for signals in (reference, estimate))
    own = np.empty((taps, n_sources, n_sources))
    cross = np.empty_like(own)
    for j, source in enumerate(sources.conj()):
        lags = fft.irfft(source * sources[j:], size)
        own[:, j, j:] = lags[:, :taps].T
        own[0, j:, j], own[1:, j:, j] = lags[:, 0], lags[:, : size - taps : -1].T
        cross[:, j] = fft.irfft(source * found, size)[:, :taps].T
    return Correlations(own, cross)


def _shares(own: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Shares y' T^-1 y of several mixtures at once.

    ``ahead`` and ``back`` are the predictors A_0 = 1, A_1 .. A_n and B_0 .. B_n = 1, with T A = (E, 0 .. 0) and
    T B = (0 .. 0, E). The former grows at the end of its buffer's used part and the latter at its front.

    Args:
        own: (B, taps, K, K), see ``Correlations``.
        cross: (B, taps, K, M).

    Returns:
        (B, M) in [0, 1].
    """
    batch, taps, k, _ = own.shape
    size = taps * k
    loaded = own[:, 0] + LOAD * np.eye(k)
    # [P(taps - 1) .. P(1)] side by side: its last n blocks are what the row of lag n has before the diagonal.
    rows = own[:, :0:-1].transpose(0, 2, 1, 3).reshape(batch, k, size - k)
    right = np.ascontiguousarray(cross.reshape(batch, size, -1))
    ahead, back = np.zeros((batch, size, k)), np.zeros((batch, size, k))
    ahead[:, :k] = back[:, -k:] = np.eye(k)
    ahead_energy, back_energy = loaded, loaded
    explained = np.zeros((batch, right.shape[2]))
    for n in range(taps):
        if n:
            grown, shifted = ahead[:, : (n + 1) * k], back[:, -(n + 1) * k :]
            missed = rows[:, :, -n * k :] @ grown[:, : n * k]
            missed_back = missed.transpose(0, 2, 1)
            by_back = np.linalg.solve(back_energy, missed)
            by_ahead = np.linalg.solve(ahead_energy, missed_back)
            change = shifted @ by_back
            shifted -= grown @ by_ahead
            grown -= change
            ahead_energy = ahead_energy - missed_back @ by_back
            back_energy = back_energy - missed @ by_ahead
        new = back[:, -(n + 1) * k :].transpose(0, 2, 1) @ right[:, : (n + 1) * k]
        explained += (new * np.linalg.solve(back_energy, new)).sum(axis=1)
    return np.clip(explained, 0.0, 1.0)


def _decibels(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10.0 * np.log10(part / np.maximum(rest, 0.0))
    return np.where(part > 0, np.clip(ratio, FLOOR_DB, CEILING_DB), FLOOR_DB)


def ratios(mixtures: Sequence[Correlations]) -> list[np.ndarray]:
    """SDR, SIR and SAR of the sources of each mixture.

    Args:
        mixtures: in any order; those with as many sources (and taps) are worked on together.

    Returns:
        for each mixture float64 (3, K), in dB, within [FLOOR_DB, CEILING_DB].
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, mixture in enumerate(mixtures):
        by_shape.setdefault(mixture.own.shape, []).append(index)
    results: dict[int, np.ndarray] = {}
    for (taps, k, _), indices in by_shape.items():
        for start in range(0, len(indices), TOGETHER):
            part = indices[start : start + TOGETHER]
            stacked = [np.stack([mixtures[index][which] for index in part]) for which in (0, 1)]
            # Each source by itself is a problem with K = 1.
            alone = [np.einsum("btkk->bkt", array).reshape(-1, taps, 1, 1) for array in stacked]
            target, sources = _shares(*alone).reshape(-1, k), _shares(*stacked)
            pairs = ((target, 1 - target), (target, sources - target), (sources, 1 - sources))
            results.update(zip(part, np.stack([_decibels(*pair) for pair in pairs], axis=1), strict=True))
    return [results[index] for index in range(len(mixtures))]


def bss_eval(
    reference: np.ndarray, estimate: np.ndarray, taps: int = FILTER_TAPS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(SDR, SIR, SAR) of the sources of one mixture, each float64 (K,) in dB; see ``correlations``.

    >>> random = np.random.default_rng(0)
    >>> sources, noise = random.standard_normal((2, 4000)), random.standard_normal((2, 4000))
    >>> sdr, sir, sar = bss_eval(sources, sources + 0.1 * sources[::-1] + 0.01 * noise, taps=8)
    >>> [float(db.mean().round()) for db in (sdr, sir, sar)]
    [20.0, 20.0, 40.0]
    """
    sdr, sir, sar = ratios([correlations(reference, estimate, taps)])[0]
    return sdr, sir, sar
