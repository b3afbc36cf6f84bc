"""How like the mixture an output is: the correlation that tells a source from the mixture at another level.

Of two sources that are not correlated, the correlations of either with their sum have squares that sum to one: one of
them is at most 0.71. Outputs that all have 0.98 are the mixture.
"""

import numpy as np

# RMS below which rounding to 16 bits is too much of a signal, in steps of it: white noise of three has a correlation of
# 0.995 with itself rounded.
SILENT_STEPS = 3.0


def mixture_correlation(mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Correlation of each estimate with the mixture, without its sign: an inverted mixture is no other sound.

    Args:
        mixture: (N,).
        estimates: (K, N).

    Returns:
        float64 (K,) in [0, 1]; NaN where one of the two is silent.

    >>> mixture = np.array([0.1, -0.1, 0.2, -0.2])
    >>> mixture_correlation(mixture, np.stack([mixture / 6, [0.2, -0.2, -0.1, 0.1], 0 * mixture])).round(6).tolist()
    [1.0, 0.0, nan]
    """
    signals = np.vstack([mixture, estimates]).astype(np.float64)
    signals -= signals.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(signals, axis=1)
    norms[norms < SILENT_STEPS / 32768 * len(mixture) ** 0.5] = np.nan
    return np.minimum(np.abs(signals[1:] @ signals[0]) / (norms[1:] * norms[0]), 1.0)
