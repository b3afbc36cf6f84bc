"""A recording of any length -> clips of one length, mono, at one rate and level; memory does not grow with it."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info
from weaksep.fileio.audioread import read_blocks
from weaksep.fileio.audiostream import resampled
from weaksep.fileio.datadir import EventLabel
from weaksep.signal.units import seconds_to_samples

# A rest shorter than this share of a clip is not worth one of its own: it would be the last clip nearly twice.
SHORTEST_REST = 0.1
LONGER_S = 0.5  # a file that much longer than a stretch holds more than the stretch

Span = tuple[float, float]  # onset and offset in seconds


def between(blocks: Iterable[np.ndarray], start: int, stop: int = sys.maxsize) -> Iterator[np.ndarray]:
    """The samples from ``start`` up to ``stop`` of a stream; what comes after is not read."""
    position = 0
    for block in blocks:
        part = block[max(0, start - position) : max(0, stop - position)]
        position += len(block)
        if len(part):
            yield part
        if position >= stop:
            return


def pieces(blocks: Iterable[np.ndarray], size: int) -> Iterator[tuple[int, np.ndarray]]:
    """A stream in pieces (N,) of ``size`` samples, one after the other, each with the sample at which it begins.

    The last one ends with the stream and may overlap with the one before; a stream shorter than a piece is padded with
    silence. A rest below ``SHORTEST_REST`` of a piece is left out.
    """
    kept, start = np.zeros(0, dtype=np.float32), 0
    for block in blocks:
        kept = np.concatenate([kept, block])
        while len(kept) >= 2 * size:  # so much that something is left to end with
            yield start, kept[:size]
            kept, start = kept[size:], start + size
    if len(kept):
        yield start, np.pad(kept[:size], (0, max(0, size - len(kept))))
    rest = len(kept) - size
    if rest >= SHORTEST_REST * size:
        yield start + rest, kept[-size:]


def stretch_of(path: Path, span_s: Span | None, accept_truncated: bool = False) -> Span | None:
    """The stretch that is cut out of a file; None when all of it is, since the file is the stretch alone.

    Which of the two its length tells, so this is for a file whose name does not: see ``Entry.whole_names``.

    Raises:
        UserError: the file cannot be read, or ends before the stretch begins.
    """
    if span_s is None:
        return None
    info = audio_info(path, accept_truncated)
    length_s = info.samples / info.sample_rate
    if length_s <= span_s[1] - span_s[0] + LONGER_S:
        return None
    if length_s <= span_s[0]:
        raise UserError(f"{path}: {length_s:.1f} s long; its labels are of {span_s[0]:g} to {span_s[1]:g} s")
    return span_s


class Cutter:
    """A recording, or a stretch of it, as a stream; it can be read as often as asked.

    Args:
        path: the file.
        sample_rate: of the stream, Hz.
        span_s: the stretch that is wanted, see ``stretch_of``.
        accept_truncated: see ``audioread.opened``.

    Attributes:
        start: where in the file it begins, in samples of the stream.
        samples: how many the latest pass has given.

    Raises:
        UserError: the file cannot be read, or ends before the stretch.
    """

    def __init__(
        self, path: Path, sample_rate: int, span_s: Span | None = None, accept_truncated: bool = False
    ) -> None:
        self.path, self.sample_rate, self.accept_truncated, self.samples = path, sample_rate, accept_truncated, 0
        stretch = stretch_of(path, span_s, accept_truncated)
        self.start, self._stop = (seconds_to_samples(s, sample_rate) for s in stretch) if stretch else (0, sys.maxsize)

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks (n,), mean of the channels."""
        self.samples = 0
        mono = (block.mean(axis=0, keepdims=True) for block in read_blocks(self.path, self.accept_truncated))
        stream = resampled(mono, audio_info(self.path, self.accept_truncated).sample_rate, self.sample_rate)
        for block in between((block[0] for block in stream), self.start, self._stop):
            self.samples += len(block)
            yield block


def events_within(events: Iterable[EventLabel], start: int, size: int, sample_rate: int) -> list[EventLabel]:
    """The parts of events that lie in a clip, by the clip's time; one shorter than a sample is none."""
    inside = sorted(
        (
            max(0, seconds_to_samples(event.onset_s, sample_rate) - start),
            min(size, seconds_to_samples(event.offset_s, sample_rate) - start),
            event.label,
        )
        for event in events
    )
    return [EventLabel(on / sample_rate, off / sample_rate, label) for on, off, label in inside if on < off]
