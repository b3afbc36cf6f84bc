"""How much of a class's sound in a mixture is covered by other classes."""

import numpy as np


def overlap_share(activity: np.ndarray) -> np.ndarray:
    """Share of each class's active frames in which at least one other class is active too.

    Args:
        activity: frame labels (T, K), zero or one.

    Returns:
        float64 (K,) in [0, 1]; NaN for a class without an active frame.

    >>> overlap_share(np.array([[1, 0], [1, 1], [0, 1], [0, 1]])).round(3).tolist()
    [0.5, 0.333]
    """
    active = np.asarray(activity) > 0
    if active.ndim != 2:
        raise ValueError(f"expected frame labels (T, K), got {active.shape}")
    frames = active.sum(axis=0)
    shared = (active & (active.sum(axis=1, keepdims=True) > 1)).sum(axis=0)
    return np.divide(shared, frames, out=np.full(frames.shape, np.nan), where=frames > 0)
