"""Levels: root mean square in dB relative to full scale (1.0)."""

import math
from collections.abc import Iterable

import numpy as np

LEVEL_BLOCK_S = 0.1
LOUD_RANGE_DB = 40.0  # blocks that far below the loudest are pauses and say nothing of the level
SILENCE_DB = -200.0  # below, a sound is none: 24 bits end at -144, and a gain to make it heard would overflow


def rms(x: np.ndarray) -> float:
    """Root mean square of a waveform (N,), computed in float64. 0 for an empty one."""
    if x.size == 0:
        return 0.0
    # Not np.dot: BLAS sums in another order with more threads, and mixtures must be rebuilt bit for bit.
    return math.sqrt(float(np.mean(np.square(x.astype(np.float64, copy=False)))))


def is_silent(x: np.ndarray) -> bool:
    """Whether a waveform (N,) is so quiet (``SILENCE_DB``) that it counts as digital silence."""
    return rms(x) < db_to_gain(SILENCE_DB)


def db_to_gain(db: float) -> float:
    """Amplitude factor of a gain in dB.

    >>> round(db_to_gain(-20.0), 6)
    0.1
    """
    return 10.0 ** (db / 20.0)


def loud_level(blocks: Iterable[np.ndarray], block_samples: int) -> float | None:
    """RMS of the loud blocks of a stream (C, n), its channels' mean, in dB relative to full scale; None for silence."""
    energies: list[np.ndarray] = []
    for block in blocks:
        mono = block.mean(axis=0, dtype=np.float64)
        whole = len(mono) // block_samples * block_samples
        parts = [mono[:whole].reshape(-1, block_samples), *([mono[None, whole:]] if whole < len(mono) else [])]
        energies += [np.square(part).mean(axis=1) for part in parts]
    energy = np.concatenate(energies) if energies else np.zeros(1)
    if not energy.max():
        return None
    return float(10.0 * np.log10(energy[energy >= energy.max() * 10.0 ** (-LOUD_RANGE_DB / 10.0)].mean()))


def gain_to(level_db: float | None, blocks: Iterable[np.ndarray], sample_rate: int) -> float:
    """What brings the loud parts of a stream (C, n) to a level; 1 for None, and for silence (``SILENCE_DB``)."""
    if level_db is None:
        return 1.0
    found = loud_level(blocks, max(1, int(LEVEL_BLOCK_S * sample_rate)))
    return 1.0 if found is None or found < SILENCE_DB else db_to_gain(level_db - found)
