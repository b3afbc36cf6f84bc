"""A sound level meter: the level of a stream second by second, and over the whole (Leq).

A level is that of the root mean square, relative to full scale (1.0): a sine from -1 to 1 has -3 dB. Of several
channels it is that of their mean power. What is below ``LEAST_DB`` counts as silence, whose level is -inf, so that
10 ** (level / 10) is a power that may be averaged.
"""

from typing import NamedTuple

import numpy as np
from scipy.signal import oaconvolve

from weaksep.signal.units import samples_to_seconds, seconds_to_samples
from weaksep.signal.weighting import a_weighting_taps

LEAST_DB = -144.0  # where 24 bits end; what is left there of a sum of outputs is rounding


class Levels(NamedTuple):
    """Levels of a sound in dB; -inf for silence.

    Attributes:
        by_second_db: of each second, (T,); the last one may be shorter.
        leq_db: of the whole.
        duration_s: of the whole.
    """

    by_second_db: np.ndarray
    leq_db: float
    duration_s: float


class LevelMeter:
    """Takes in a sound piece by piece and keeps a number for each second.

    Args:
        channels: of the sound.
        sample_rate: Hz.
        a_weighted: whether to measure as people hear (signal/weighting.py).

    >>> meter = LevelMeter(1, 8000)
    >>> meter.add(np.full((1, 12_000), 0.1))
    >>> [value.round(3).tolist() for value in map(np.asarray, meter.finish())]
    [[-20.0, -20.0], -20.0, 1.5]
    """

    def __init__(self, channels: int, sample_rate: int, a_weighted: bool = False) -> None:
        self.sample_rate = sample_rate
        self._taps = a_weighting_taps(sample_rate) if a_weighted else np.ones(1)
        self._held = np.zeros((channels, len(self._taps) // 2))  # what the next samples are weighted with
        self._second = max(1, seconds_to_samples(1.0, sample_rate))
        self._samples = 0
        self._energies: np.ndarray = np.zeros(0)

    def add(self, piece: np.ndarray) -> None:
        """Audio (C, n)."""
        whole = np.concatenate([self._held, piece], axis=1, dtype=np.float64)
        samples = max(0, whole.shape[1] - len(self._taps) + 1)
        self._held = whole[:, samples:].copy()
        if samples:
            weighted = oaconvolve(whole, self._taps[None], mode="valid", axes=1) if len(self._taps) > 1 else whole
            seconds = (self._samples + np.arange(samples)) // self._second
            energies: np.ndarray = np.bincount(seconds, weights=np.square(weighted).mean(axis=0))
            energies[: self._energies.size] += self._energies
            self._energies, self._samples = energies, self._samples + samples

    def finish(self, calibration_db: float = 0.0) -> Levels:
        """The levels, once, after the last piece.

        Args:
            calibration_db: the level of full scale: 0 for levels relative to it, that of its sound pressure for dB SPL.
        """
        self.add(np.zeros((len(self._held), len(self._taps) // 2)))
        sizes = np.diff([*range(0, self._samples, self._second), self._samples])
        by_second = _in_db(self._energies / sizes, calibration_db)
        leq = _in_db(self._energies.sum() / max(1, self._samples), calibration_db)
        return Levels(by_second, float(leq), samples_to_seconds(self._samples, self.sample_rate))


def _in_db(power: np.ndarray, calibration_db: float) -> np.ndarray:
    least = 10.0 ** (LEAST_DB / 10.0)
    return np.where(power < least, -np.inf, 10.0 * np.log10(np.maximum(power, least)) + calibration_db)
