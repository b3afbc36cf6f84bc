"""A recording of any length -> clips of one length, mono, at one rate and level; memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audioread import read_blocks
from weaksep.fileio.audiostream import resampled, stream_info
from weaksep.fileio.datadir import EventLabel
from weaksep.signal.level import gain_to
from weaksep.signal.units import samples_to_seconds, seconds_to_samples

# A rest shorter than this share of a clip is not worth one of its own: it would be the last clip nearly twice.
SHORTEST_REST = 0.1
LONGER_S = 0.5  # a file that much longer than a stretch holds more than the stretch


@dataclass(frozen=True)
class Piece:
    """One clip: where it begins in its file, samples at the clips' rate, and its audio (N,)."""

    start: int
    audio: np.ndarray


def mono_stream(path: Path, sample_rate: int, accept_truncated: bool) -> Iterator[np.ndarray]:
    """A file as blocks (n,), mean of the channels, at the rate."""
    blocks = (block.mean(axis=0, keepdims=True) for block in read_blocks(path, accept_truncated))
    for block in resampled(blocks, stream_info(path, accept_truncated).sample_rate, sample_rate):
        yield block[0]


def between(blocks: Iterable[np.ndarray], start: int, stop: int | None) -> Iterator[np.ndarray]:
    """The samples from ``start`` up to ``stop`` of a stream."""
    place = 0
    for block in blocks:
        if stop is not None and place >= stop:
            return
        part = block[max(0, start - place) : None if stop is None else max(0, stop - place)]
        place += len(block)
        if len(part):
            yield part


def pieces(blocks: Iterable[np.ndarray], size: int) -> Iterator[Piece]:
    """A stream in clips of ``size`` samples, one behind the other.

    The last one ends with the stream and may overlap with the one before; a stream shorter than a clip is filled up
    with silence. A rest below ``SHORTEST_REST`` of a clip is left out.
    """
    kept, start = np.zeros(0, dtype=np.float32), 0
    for block in blocks:
        kept = np.concatenate([kept, block])
        while len(kept) >= 2 * size:  # so much that something is left to end with
            yield Piece(start, kept[:size])
            kept, start = kept[size:], start + size
    if not len(kept):
        return
    if len(kept) < size:
        yield Piece(start, np.concatenate([kept, np.zeros(size - len(kept), dtype=np.float32)]))
        return
    yield Piece(start, kept[:size])
    rest = len(kept) - size
    if rest >= SHORTEST_REST * size:
        yield Piece(start + rest, kept[-size:])


def stretch_of(
    path: Path, span_s: tuple[float, float] | None, accept_truncated: bool = False
) -> tuple[float, float | None]:
    """Begin and end of what is cut of a file, seconds: a stretch of it, or all where the file is the stretch alone.

    Which of the two its length tells, so this is for a file whose name does not: see ``Entry.whole_names``.

    Raises:
        UserError: the file cannot be read, or ends before the stretch begins.
    """
    if span_s is None:
        return 0.0, None
    info = stream_info(path, accept_truncated)
    length_s = info.samples / info.sample_rate
    if length_s <= span_s[1] - span_s[0] + LONGER_S:
        return 0.0, None
    if length_s <= span_s[0]:
        raise UserError(f"{path}: {length_s:.1f} s long; its labels are of {span_s[0]:g} to {span_s[1]:g} s")
    return span_s


class Cutter:
    """Cuts a recording into clips, as often as asked: memory does not grow with its length.

    Args:
        path: the file.
        sample_rate: of the clips.
        span_s: the stretch that is wanted, see ``stretch_of``.
        accept_truncated: see ``audioread.opened``.

    Raises:
        UserError: the file cannot be read, or ends before the stretch.
    """

    def __init__(
        self, path: Path, sample_rate: int, span_s: tuple[float, float] | None = None, accept_truncated: bool = False
    ) -> None:
        self.path, self.sample_rate, self.accept_truncated = path, sample_rate, accept_truncated
        begin_s, end_s = stretch_of(path, span_s, accept_truncated)
        self._start = seconds_to_samples(begin_s, sample_rate)
        self._stop = None if end_s is None else seconds_to_samples(end_s, sample_rate)
        self.samples = 0  # that the latest pass has seen

    def _blocks(self) -> Iterator[np.ndarray]:
        self.samples = 0
        stream = mono_stream(self.path, self.sample_rate, self.accept_truncated)
        for block in between(stream, self._start, self._stop):
            self.samples += len(block)
            yield block

    @property
    def end_s(self) -> float:
        """Where in the file the latest pass has ended, seconds."""
        return (self._start + self.samples) / self.sample_rate

    def gain_to(self, level_db: float | None) -> float:
        """What brings the loud parts to a level; 1 for None."""
        return gain_to(level_db, (block[None] for block in self._blocks()), self.sample_rate)

    def pieces(self, clip_samples: int, gain: float) -> Iterator[Piece]:
        """Its clips, multiplied by a gain; ``start`` is counted from the file's beginning."""
        for piece in pieces(self._blocks(), clip_samples):
            yield Piece(piece.start + self._start, piece.audio * np.float32(gain))


def events_within(events: Sequence[EventLabel], start: int, size: int, sample_rate: int) -> list[EventLabel]:
    """The parts of events that lie in a clip, by the clip's time; one shorter than a sample is none."""
    inside = []
    for event in events:
        onset = max(0, seconds_to_samples(event.onset_s, sample_rate) - start)
        offset = min(size, seconds_to_samples(event.offset_s, sample_rate) - start)
        if onset < offset:
            times = (samples_to_seconds(onset, sample_rate), samples_to_seconds(offset, sample_rate))
            inside.append(EventLabel(*times, event.label))
    return sorted(inside, key=lambda event: (event.onset_s, event.offset_s, event.label))
