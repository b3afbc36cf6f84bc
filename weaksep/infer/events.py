"""When a class sounds in a separated recording, by the energy of its output: rows for an events.tsv.

A class is taken to sound where its output holds a tenth of the recording's energy or more, unless that is 40 dB below
the recording's loudest moment. Pauses up to 0.2 s belong to an event; what is shorter than 0.1 s is none. A classifier
knows more of a class than its output's energy does; this needs none.
"""

from collections.abc import Sequence

import numpy as np

from weaksep.metrics.leak import LEAST_SHARE

BLOCK_S = 0.05
RANGE_DB = 40.0
LONGEST_PAUSE_S = 0.2
SHORTEST_S = 0.1


def runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Runs of True in (T,), as (first, behind the last).

    >>> runs(np.array([True, False, True, True]))
    [(0, 1), (2, 4)]
    """
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def bridged(found: Sequence[tuple[int, int]], longest_pause: int, shortest: int) -> list[tuple[int, int]]:
    """Runs with short pauses between them joined, then those that are still short left out.

    >>> bridged([(0, 2), (3, 5), (9, 10)], 1, 2)
    [(0, 5)]
    """
    joined: list[tuple[int, int]] = []
    for first, last in found:
        if joined and first - joined[-1][1] <= longest_pause:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [(first, last) for first, last in joined if last - first >= shortest]


class EventFinder:
    """Takes in a separated recording piece by piece and keeps a number for each 50 ms of each output.

    Args:
        classes: names of the outputs but the last, which is the residual.
        sample_rate: Hz.
    """

    def __init__(self, classes: Sequence[str], sample_rate: int) -> None:
        self.classes = tuple(classes)
        self.sample_rate = sample_rate
        self._block = max(1, round(BLOCK_S * sample_rate))
        self._samples = 0
        self._left: np.ndarray | None = None
        self._energies: list[np.ndarray] = []

    def add(self, piece: np.ndarray) -> None:
        """Outputs (K + 1, C, n), together the recording."""
        self._samples += piece.shape[2]
        whole = piece if self._left is None else np.concatenate([self._left, piece], axis=2)
        used = whole.shape[2] // self._block * self._block
        self._left = whole[:, :, used:]
        self._energies.append(self._by_block(whole[:, :, :used]))

    def _by_block(self, outputs: np.ndarray) -> np.ndarray:
        """Energies (K + 1, blocks); in the last row that of the sum of all outputs."""
        signals = np.concatenate([outputs[:-1], outputs.sum(axis=0, keepdims=True)])
        return np.square(signals.reshape(*signals.shape[:2], -1, self._block), dtype=np.float64).sum(axis=(1, 3))

    def events(self) -> list[tuple[float, float, str]]:
        """(onset, offset, class) in seconds, by onset, none behind the recording's end; after the last piece."""
        if self._left is None:
            return []
        missing = -self._left.shape[2] % self._block
        last = self._by_block(np.pad(self._left, ((0, 0), (0, 0), (0, missing))))
        energies = np.concatenate([*self._energies, last], axis=1)
        own, mixture = energies[:-1], energies[-1]
        heard = (own >= LEAST_SHARE * mixture) & (own > mixture.max(initial=0.0) * 10.0 ** (-RANGE_DB / 10.0))
        seconds = self._block / self.sample_rate
        end = self._samples * 1000 // self.sample_rate / 1000  # down to what an events.tsv can say: milliseconds
        limits = (round(LONGEST_PAUSE_S / seconds), round(SHORTEST_S / seconds))
        return sorted(
            (first * seconds, min(last * seconds, end), name)
            for name, active in zip(self.classes, heard, strict=True)
            for first, last in bridged(runs(active), *limits)
        )
