"""How like the mixture an output is: the correlation that tells a source from the mixture at another level.

Of two sources that are not correlated, the correlations of either with their sum have squares that sum to one: one of
them is at most 0.71. Outputs that all have 0.98 are the mixture.
"""

from collections.abc import Iterable

import numpy as np

ALIKE = 0.98  # correlation of an output with the mixture
# RMS below which rounding to 16 bits is too much of a signal, in steps of it: white noise of three has a correlation of
# 0.995 with itself rounded.
SILENT_STEPS = 3.0
# Outputs with less of the energy than this share of the loudest one's are not asked for: a mask's floor leaves a faint
# mixture in the output of every class that is absent.
HEARD_SHARE = 0.1


def all_alike(correlations: Iterable[float]) -> bool:
    """Whether outputs that ought to be different sources are the mixture, all of them."""
    return min(correlations) > ALIKE


class LikenessMeter:
    """Takes in a mixture and estimates of its sources piece by piece, in no memory to speak of."""

    def __init__(self) -> None:
        self._n = 0  # samples
        self._sums = self._squares = self._products = np.zeros(1)

    def add(self, mixture: np.ndarray, estimates: np.ndarray) -> None:
        """The next samples: mixture (N,), estimates (K, N)."""
        signals = np.empty((1 + len(estimates), len(mixture)))
        signals[0], signals[1:] = mixture, estimates
        self._n += signals.shape[1]
        self._sums = self._sums + signals.sum(axis=1)
        self._squares = self._squares + np.einsum("kn,kn->k", signals, signals)
        self._products = self._products + signals @ signals[0]

    def _norms(self) -> np.ndarray:
        """Of the mixture and the estimates without their means, (1 + K,); NaN for silence."""
        norms = np.sqrt(np.maximum(self._squares - self._sums**2 / max(self._n, 1), 0.0))
        return np.where(norms < SILENT_STEPS / 32768 * self._n**0.5, np.nan, norms)

    def correlations(self) -> np.ndarray:
        """Of each estimate with the mixture, without its sign (an inverted mixture is no other sound): float64 (K,) in
        [0, 1]; NaN where one of the two is silent."""
        norms = self._norms()
        products = self._products - self._sums * self._sums[0] / max(self._n, 1)
        return np.minimum(np.abs(products[1:]) / (norms[1:] * norms[0]), 1.0)

    def separates_nothing(self) -> bool:
        """Whether the estimates that can be heard, two at least, are all the mixture; where only one can, it may
        rightly be."""
        norms = self._norms()[1:]
        heard = norms**2 >= HEARD_SHARE * np.max(norms**2, initial=0.0, where=~np.isnan(norms))
        return bool(heard.sum() > 1) and all_alike(self.correlations()[heard])


def mixture_correlation(mixture: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Correlation of each estimate (K, N) with the mixture (N,), see ``LikenessMeter.correlations``.

    >>> mixture = np.array([0.1, -0.1, 0.2, -0.2])
    >>> mixture_correlation(mixture, np.stack([mixture / 6, [0.2, -0.2, -0.1, 0.1], 0 * mixture])).round(6).tolist()
    [1.0, 0.0, nan]
    """
    meter = LikenessMeter()
    meter.add(mixture, estimates)
    return meter.correlations()
