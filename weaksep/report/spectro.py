"""Spectrograms for the eye: levels in dB, and the mask that a separated source amounts to."""

from __future__ import annotations

import numpy as np

RANGE_DB = 60.0  # what a picture shows below its loudest point
_WINDOW_S = 0.032


def magnitude(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Magnitudes (F, T) of audio (N,): windows of about 32 ms (a power of two of samples), half of it apart."""
    import torch

    from weaksep.signal.stft import Stft

    window = 2 ** max(4, round(np.log2(_WINDOW_S * sample_rate)))
    samples = torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32))
    return Stft(window, window // 2).magnitude(samples[None])[0].numpy().T


def level_db(magnitudes: np.ndarray, peak: float) -> np.ndarray:
    """Magnitudes in dB below ``peak``, held between -RANGE_DB and 0; all at the bottom when the peak is 0.

    >>> level_db(np.array([1.0, 0.1, 0.0]), 1.0).tolist()
    [0.0, -20.0, -60.0]
    """
    if peak <= 0:
        return np.full(magnitudes.shape, -RANGE_DB)
    floor = 10 ** (-RANGE_DB / 20)
    return 20 * np.log10(np.clip(magnitudes / peak, floor, 1.0))


def estimated_mask(separated: np.ndarray, mixture: np.ndarray) -> np.ndarray:
    """Share of the mixture's magnitude that a source took, in [0, 1], same shape; NaN where the mixture is silent.

    A picture of what the system did, not its own mask: that one is not kept, and a phase may have been changed.
    """
    silent = mixture <= max(float(mixture.max(initial=0.0)) * 10 ** (-RANGE_DB / 20), 1e-12)
    ratio = np.divide(separated, mixture, out=np.full(mixture.shape, np.nan), where=~silent)
    return np.clip(ratio, 0.0, 1.0)
