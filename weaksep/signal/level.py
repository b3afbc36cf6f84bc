"""Levels: root mean square in dB relative to full scale (1.0)."""

from __future__ import annotations

import math

import numpy as np


def rms(x: np.ndarray) -> float:
    """Root mean square of a waveform (N,), computed in float64. 0 for an empty one."""
    if x.size == 0:
        return 0.0
    # Not np.dot: BLAS sums in another order with more threads, and mixtures must be rebuilt bit for bit.
    return math.sqrt(float(np.mean(np.square(x.astype(np.float64, copy=False)))))


def db_to_gain(db: float) -> float:
    """Amplitude factor of a gain in dB.

    >>> round(db_to_gain(-20.0), 6)
    0.1
    """
    return 10.0 ** (db / 20.0)
