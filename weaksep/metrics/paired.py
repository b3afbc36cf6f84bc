"""Whether one system is better than another on the same mixtures: the paired bootstrap.

Both are scored on the same pairs (mixture, class), so the differences pair by pair are what matters, and what makes a
mixture hard drops out of them. Whole mixtures are drawn, with replacement, as in ``bootstrap.py``. The two-sided p is
twice the smaller share of resampled means on the other side of zero, a mean at zero counting on both sides; one is
added to both counts, so that no finite number of draws calls anything impossible (Davison and Hinkley, "Bootstrap
Methods and their Application", 1997, ch. 4.2 and 5.4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weaksep.metrics import bootstrap
from weaksep.seeding import generator


def paired_bootstrap(
    a: np.ndarray | Sequence[float],
    b: np.ndarray | Sequence[float],
    groups: np.ndarray | Sequence[str],
    seed: int,
    n_resamples: int = 10_000,
    level: float = 0.95,
) -> tuple[float, float, float, float]:
    """Mean of ``a - b`` with its percentile interval and two-sided p, resampling groups.

    Args:
        a: (n,), all finite.
        b: (n,), all finite; ``b[i]`` is of the same mixture and class as ``a[i]``.
        groups: (n,), which group (mixture) each pair belongs to.
        seed: the same seed gives the same answer.
        n_resamples: number of resampled means; the smallest possible p is 2 / (n_resamples + 1).
        level: probability mass of the interval.

    Returns:
        (difference, low, high, p).

    Raises:
        ValueError: lengths differ, a value is not finite, or there are fewer than two groups, of which nothing can be
            said.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(groups) != first.size:
        raise ValueError(f"expected n pairs and n groups, got {first.shape}, {second.shape} and {len(groups)}")
    differences = first - second
    if not np.isfinite(differences).all():
        raise ValueError("values must be finite")
    names, membership = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"expected two or more groups, got {len(names)}")
    sums = np.bincount(membership, weights=differences)
    counts = np.bincount(membership)
    random = generator(seed, "paired bootstrap")
    at_once = max(1, bootstrap.DRAWS_AT_ONCE // len(sums))
    parts = []
    for start in range(0, n_resamples, at_once):
        drawn = random.integers(len(sums), size=(min(at_once, n_resamples - start), len(sums)))
        parts.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    means = np.concatenate(parts)
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.percentile(means, [tail, 100.0 - tail])
    fewest = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    p = min(1.0, 2.0 * (fewest + 1) / (n_resamples + 1))
    return float(differences.mean()), float(low), float(high), float(p)
