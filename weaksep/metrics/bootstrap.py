"""Confidence intervals by the bootstrap over recordings: of a mean, and of the difference between two systems.

What an interval is for is new recordings of the same classes. 500 mixtures may be made of 90 recordings, so it is the
recordings that are drawn, with replacement, and not the mixtures. A mixture shares its recordings with others: it is
one cell of a crossed design, and counts as often as the product of how often each of its recordings was drawn (the
pigeonhole bootstrap; Owen, Annals of Applied Statistics 1, 2007; Owen and Eckles, "Bootstrapping data arrays of
arbitrary order", ibid. 6, 2012). Where each clip is of one recording this is the cluster bootstrap (Davison and
Hinkley, "Bootstrap Methods and their Application", 1997, ch. 3.8). All values of a mixture (its classes) have its
weight. The interval runs between percentiles of the resampled weighted means.

Owen draws from all rows together. Here recordings are drawn within their strata, the classes of stage 1, which draws a
class first and then a file of it: a class of three recordings never vanishes, and the interval has nothing of how much
classes differ. A stratum of one recording would stand still and narrow the interval, so where there is one, all are
drawn together. A draw that leaves no mixture whole has no mean and is skipped. The product errs to the safe side: what
belongs to a mixture alone, and not to its recordings, is counted several times. In simulations with 88 recordings, 3 to
43 of a class, the intervals of mixtures of three held the mean in 93 to 100 of 100 cases, those of whole mixtures in 33
to 91; of mixtures of nine they are up to several times too wide.

Two systems are scored on the same pairs (mixture, class), so the differences pair by pair are what matters: what makes
a mixture hard drops out of them. The two-sided p is twice the smaller share of resampled means on the other side of
zero, a mean at zero counting on both sides; one is added to both counts, so that no finite number of draws calls
anything impossible (ch. 4.2 and 5.4).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from weaksep.errors import refuse
from weaksep.seeding import generator

# Multiplicities held at once.
DRAWS_AT_ONCE = 2_000_000
INTERVAL = (2.5, 97.5)  # percentiles
# Groups from which an interval is worth showing: of two, resampling gives one, the other or both, and an interval that
# both happen to lie above zero is one time in two above it. Reports give none of fewer.
FEWEST_GROUPS = 5

Values = np.ndarray | Sequence[float]
Groups = np.ndarray | Sequence[str]
# Group (mixture) -> its recordings, each as (stratum, name); a group that is not in it is a recording of its own.
Recordings = Mapping[str, Collection[tuple[str, str]]]


def _made_of(groups: Iterable[str], recordings: Recordings | None) -> list[list[tuple[str, str]]]:
    return [sorted((recordings or {}).get(group) or [("", group)]) for group in groups]


def count_recordings(groups: Iterable[str], recordings: Recordings | None) -> int:
    """How many recordings the groups are made of."""
    return len({*chain(*_made_of(groups, recordings))})


def support(groups: Collection[str], recordings: Recordings | None) -> int:
    """How many recordings an interval rests on; where there are fewer groups, how many of these."""
    return min(len(set(groups)), count_recordings(groups, recordings))


def _resampled_means(
    values: np.ndarray, groups: Groups, random: np.random.Generator, n_resamples: int, recordings: Recordings | None
) -> np.ndarray:
    """Weighted means of ``values`` (n,) with recordings drawn with replacement: (n_resamples,), or less by the draws
    that leave no group."""
    matched = values.ndim == 1 and 0 < values.size == len(groups)
    refuse(
        {
            f"expected n > 0 values and n groups, got {values.shape} and {len(groups)}": not matched,
            "values must be finite": not np.isfinite(values).all(),
        }
    )
    names, membership = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(membership, weights=values), np.bincount(membership)
    made = _made_of(names.tolist(), recordings)
    units = sorted({*chain(*made)})  # by stratum
    sizes = list(Counter(stratum for stratum, _ in units).values())
    sizes = sizes if min(sizes) > 1 else [len(units)]
    ends, place = np.repeat(np.cumsum(sizes), sizes), {unit: number for number, unit in enumerate(units)}
    members = [place[unit] for unit in chain(*made)]
    starts = np.cumsum([0, *map(len, made[:-1])])
    at_once = max(1, DRAWS_AT_ONCE // len(members))
    means = []
    for start in range(0, n_resamples, at_once):
        n = min(at_once, n_resamples - start)
        drawn = random.integers(ends - np.repeat(sizes, sizes), ends, size=(n, len(units)))
        times = np.bincount((drawn * n + np.arange(n)[:, None]).ravel(), minlength=len(units) * n).reshape(-1, n)
        weights = np.multiply.reduceat(times[members], starts, axis=0, dtype=np.float64)  # (groups, n)
        total = counts @ weights
        means.append((sums @ weights)[total > 0] / total[total > 0])
    return np.concatenate(means)


def _interval(means: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(means, INTERVAL) if means.size else (np.nan, np.nan)
    return float(low), float(high)


def bootstrap_mean_ci(
    values: Values, groups: Groups, seed: int, n_resamples: int = 2000, recordings: Recordings | None = None
) -> tuple[float, float]:
    """95 % percentile interval of the mean of ``values``, resampling recordings.

    Args:
        values: (n,), all finite.
        groups: (n,), which group (mixture) each value belongs to.
        seed: the same seed gives the same interval.
        n_resamples: number of resampled means.
        recordings: what groups are made of; by default each is a recording.

    Returns:
        (low, high); both equal the mean when there is only one group; NaN where no draw leaves a group whole, as may be
        with a few groups of very many recordings.

    Raises:
        ValueError: no values, not finite, or lengths differ.
    """
    values = np.asarray(values, dtype=np.float64)
    return _interval(_resampled_means(values, groups, generator(seed, "bootstrap"), n_resamples, recordings))


def paired_bootstrap(
    a: Values, b: Values, groups: Groups, seed: int, n_resamples: int = 10_000, recordings: Recordings | None = None
) -> tuple[float, float, float, float]:
    """Mean of ``a - b`` with its 95 % percentile interval and two-sided p, resampling recordings.

    Args:
        a: (n,), all finite.
        b: (n,), all finite; ``b[i]`` is of the same mixture and class as ``a[i]``.
        groups: (n,), which group (mixture) each pair belongs to.
        seed: the same seed gives the same answer.
        n_resamples: number of resampled means; the smallest possible p is 2 / (n_resamples + 1).
        recordings: what groups are made of; by default each is a recording.

    Returns:
        (difference, low, high, p); low and high as those of ``bootstrap_mean_ci``.

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
    means = _resampled_means(first - second, groups, generator(seed, "paired bootstrap"), n_resamples, recordings)
    fewest = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    p = min(1.0, 2.0 * (fewest + 1) / (means.size + 1))
    return float((first - second).mean()), *_interval(means), float(p)
