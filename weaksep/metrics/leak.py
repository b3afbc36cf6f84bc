"""Energy that a separator lets into the output of a class that is absent from the mixture.

An absent class has no reference signal to compare with; the right output is silence. The leak is the output's
energy relative to the mixture's, in dB: 0 dB is the whole mixture, and lower is better.
"""

from __future__ import annotations

import math

import numpy as np

from weaksep.metrics.si_sdr import inner

# Perfect silence would be -inf and spoil every mean. A class output below this is lost in the rounding of
# 16-bit files (-71 dB for a mixture of -30 dB RMS).
LEAK_FLOOR_DB = -80.0


def leak_db(mixture: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Energy of each estimate relative to the mixture.

    Args:
        mixture: (N,).
        estimate: outputs of absent classes (..., N).

    Returns:
        float64 (...) in dB, at least LEAK_FLOOR_DB; NaN where the mixture is silent.

    Raises:
        ValueError: lengths differ, N is 0, or samples are not finite.

    >>> leak_db(np.ones(8), np.stack([0.1 * np.ones(8), np.zeros(8)])).round(6).tolist()
    [-20.0, -80.0]
    """
    mixture, estimate = np.asarray(mixture), np.asarray(estimate)
    if mixture.ndim != 1 or mixture.size == 0 or estimate.shape[-1:] != mixture.shape:
        raise ValueError(f"expected a mixture (N,) and estimates (..., N), got {mixture.shape} and {estimate.shape}")
    energy = inner(mixture, mixture)
    energies = [inner(row, row) for row in estimate.reshape(-1, mixture.size)]
    if not math.isfinite(energy + sum(energies)):
        raise ValueError("signals hold NaN or infinite samples, or overflow when squared")
    if energy == 0:
        return np.full(estimate.shape[:-1], np.nan)
    ratios = [value / energy for value in energies]
    decibels = [max(10.0 * math.log10(ratio), LEAK_FLOOR_DB) if ratio > 0 else LEAK_FLOOR_DB for ratio in ratios]
    return np.array(decibels).reshape(estimate.shape[:-1])
