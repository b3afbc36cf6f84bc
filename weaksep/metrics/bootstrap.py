"""Confidence interval of a mean by the bootstrap over groups.

Values of one mixture (its classes) are not independent of one another, so whole mixtures are drawn, with
replacement, and not single values (the cluster bootstrap; Davison and Hinkley, "Bootstrap Methods", 1997,
ch. 3.8). The interval runs between percentiles of the resampled means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weaksep.seeding import generator

# Resampled group indices held at once.
DRAWS_AT_ONCE = 2_000_000


def bootstrap_mean_ci(
    values: np.ndarray | Sequence[float],
    groups: np.ndarray | Sequence[str],
    seed: int,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the mean of ``values``, resampling groups.

    Args:
        values: (n,), all finite.
        groups: (n,), which group (mixture) each value belongs to.
        seed: the same seed gives the same interval.
        n_resamples: number of resampled means.
        level: probability mass of the interval.

    Returns:
        (low, high); both equal the mean when there is only one group.

    Raises:
        ValueError: no values, not finite, or lengths differ.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or len(groups) != values.size:
        raise ValueError(f"expected n > 0 values and n groups, got {values.shape} and {len(groups)}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite")
    _, membership = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(membership, weights=values)
    counts = np.bincount(membership)
    random = generator(seed, "bootstrap")
    means: list[np.ndarray] = []
    at_once = max(1, DRAWS_AT_ONCE // len(sums))
    for start in range(0, n_resamples, at_once):
        rows = min(at_once, n_resamples - start)
        drawn = random.integers(len(sums), size=(rows, len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.percentile(np.concatenate(means), [tail, 100.0 - tail])
    return float(low), float(high)
