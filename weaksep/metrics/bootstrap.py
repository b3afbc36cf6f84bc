"""Confidence intervals by the bootstrap over groups: of a mean, and of the difference between two systems.

Values of one mixture (its classes) are not independent of one another, so whole mixtures are drawn, with
replacement, and not single values (the cluster bootstrap; Davison and Hinkley, "Bootstrap Methods and their
Application", 1997, ch. 3.8). The interval runs between percentiles of the resampled means.

Two systems are scored on the same pairs (mixture, class), so the differences pair by pair are what matters: what makes
a mixture hard drops out of them. The two-sided p is twice the smaller share of resampled means on the other side of
zero, a mean at zero counting on both sides; one is added to both counts, so that no finite number of draws calls
anything impossible (ch. 4.2 and 5.4).
"""

from collections.abc import Sequence

import numpy as np

from weaksep.errors import refuse
from weaksep.seeding import generator

# Resampled group indices held at once.
DRAWS_AT_ONCE = 2_000_000
INTERVAL = (2.5, 97.5)  # percentiles
# Groups from which an interval is worth showing: of two, resampling gives one, the other or both, and an interval that
# both happen to lie above zero is one time in two above it. Reports give none of fewer.
FEWEST_GROUPS = 5

Values = np.ndarray | Sequence[float]
Groups = np.ndarray | Sequence[str]


def _resampled_means(values: np.ndarray, groups: Groups, random: np.random.Generator, n_resamples: int) -> np.ndarray:
    """Means (n_resamples,) of ``values`` (n,) with whole groups drawn with replacement."""
    matched = values.ndim == 1 and 0 < values.size == len(groups)
    refuse(
        {
            f"expected n > 0 values and n groups, got {values.shape} and {len(groups)}": not matched,
            "values must be finite": not np.isfinite(values).all(),
        }
    )
    _, membership = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(membership, weights=values), np.bincount(membership)
    at_once = max(1, DRAWS_AT_ONCE // len(sums))
    means = []
    for start in range(0, n_resamples, at_once):
        drawn = random.integers(len(sums), size=(min(at_once, n_resamples - start), len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def bootstrap_mean_ci(values: Values, groups: Groups, seed: int, n_resamples: int = 2000) -> tuple[float, float]:
    """95 % percentile interval of the mean of ``values``, resampling groups.

    Args:
        values: (n,), all finite.
        groups: (n,), which group (mixture) each value belongs to.
        seed: the same seed gives the same interval.
        n_resamples: number of resampled means.

    Returns:
        (low, high); both equal the mean when there is only one group.

    Raises:
        ValueError: no values, not finite, or lengths differ.
    """
    values = np.asarray(values, dtype=np.float64)
    means = _resampled_means(values, groups, generator(seed, "bootstrap"), n_resamples)
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)


def paired_bootstrap(
    a: Values, b: Values, groups: Groups, seed: int, n_resamples: int = 10_000
) -> tuple[float, float, float, float]:
    """Mean of ``a - b`` with its 95 % percentile interval and two-sided p, resampling groups.

    Args:
        a: (n,), all finite.
        b: (n,), all finite; ``b[i]`` is of the same mixture and class as ``a[i]``.
        groups: (n,), which group (mixture) each pair belongs to.
        seed: the same seed gives the same answer.
        n_resamples: number of resampled means; the smallest possible p is 2 / (n_resamples + 1).

    Returns:
        (difference, low, high, p).

    Raises:
        ValueError: lengths differ, a value is not finite, or there are fewer than two groups, of which nothing can be
            said.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    refuse(
        {
            f"expected n pairs, got {first.shape} and {second.shape}": first.shape != second.shape,
            f"expected two or more groups, got {len(set(groups))}": len(set(groups)) < 2,
        }
    )
    means = _resampled_means(first - second, groups, generator(seed, "paired bootstrap"), n_resamples)
    low, high = np.percentile(means, INTERVAL)
    fewest = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    p = min(1.0, 2.0 * (fewest + 1) / (n_resamples + 1))
    return float((first - second).mean()), float(low), float(high), float(p)
