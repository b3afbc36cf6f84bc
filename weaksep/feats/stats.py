"""Statistics of the log magnitude over a training set, in Kaldi's CMVN form.

A (2, F + 1) matrix: row 0 sums and the frame count, row 1 sums of squares and 0.
"""

import numpy as np

from weaksep.errors import UserError

# The floor of the logarithm: -100 dB, well under a 16-bit file's rounding noise at the method's STFT scale.
LOG_FLOOR = 1e-5


def log_magnitude(magnitude: np.ndarray) -> np.ndarray:
    """Natural logarithm of a magnitude, floored at LOG_FLOOR."""
    return np.log(np.maximum(magnitude, LOG_FLOOR))


def accumulate(magnitude: np.ndarray) -> np.ndarray:
    """CMVN statistics of one clip (T, F), float64 (2, F + 1)."""
    logs = log_magnitude(magnitude).astype(np.float64)
    return np.stack([np.append(logs.sum(axis=0), len(logs)), np.append(np.square(logs).sum(axis=0), 0.0)])


def mean_and_std(stats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (F,) each from CMVN statistics.

    Raises:
        UserError: not the statistics of one frame or more.
    """
    if stats.shape[0] != 2 or stats.shape[1] < 2 or not np.isfinite(stats).all() or stats[0, -1] < 1:
        raise UserError("cmvn.ark holds no statistics of features; rerun stage 2")
    count = stats[0, -1]
    mean = stats[0, :-1] / count
    variance = stats[1, :-1] / count - np.square(mean)
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 1e-6)).astype(np.float32)
