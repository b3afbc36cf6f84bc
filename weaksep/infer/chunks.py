"""A recording of any length in chunks that overlap and fade into each other; memory does not grow with the length.

A net sees each chunk by itself, so near a chunk's ends it lacks what comes before or after. There the chunk is thrown
away: of an overlap only the middle counts, where one chunk fades out linearly and the next fades in. The two weights
sum to one, so outputs that sum to their input in every chunk do so in the whole.

Chunks start at whole steps of what separates them: a net that halves its frames makes other masks of a sound that
begins a frame later.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChunkPlan:
    """Sizes in samples: of a chunk, of the overlap of two, of the fade in the overlap's middle, and of a step.

    Chunk and overlap are of whole steps.
    """

    chunk: int
    overlap: int
    fade: int
    step: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.fade <= self.overlap < self.chunk:
            raise ValueError(f"expected 0 < fade <= overlap < chunk, found {self}")
        if self.chunk % self.step or self.overlap % self.step:
            raise ValueError(f"expected chunk and overlap of whole steps, found {self}")

    @property
    def hop(self) -> int:
        """Samples from the start of a chunk to that of the next."""
        return self.chunk - self.overlap

    @property
    def thrown_away(self) -> int:
        """Samples at a chunk's inner ends that do not count."""
        return (self.overlap - self.fade) // 2


def separate_chunks(
    separate: Callable[[np.ndarray], np.ndarray], blocks: Iterable[np.ndarray], plan: ChunkPlan
) -> Iterator[np.ndarray]:
    """Separate a stream.

    All chunks have one size, but a short recording's only one; the last one reaches back to come within a step of it.
    So what a recording needs of memory does not depend on how its length divides.

    Args:
        separate: audio (C, n) -> sources (S, C, n).
        blocks: the stream, (C, n) each, of any sizes.
        plan: sizes of the chunks.

    Yields:
        sources (S, C, n), together as long as the stream.
    """
    rise = np.linspace(0.0, 1.0, plan.fade, endpoint=False, dtype=np.float32) + np.float32(0.5 / plan.fade)
    begin, end = plan.thrown_away, plan.hop + plan.thrown_away
    fading: np.ndarray | None = None  # the last chunk's end, already weighted
    for chunk, back, last in _chunks(blocks, plan):
        sources = separate(chunk)[..., back:]
        if fading is not None:
            faded = slice(begin, begin + plan.fade)
            sources[..., faded] = sources[..., faded] * rise + fading
        yield sources[..., begin if fading is not None else 0 : None if last else end]
        if last:
            return
        fading = sources[..., end : end + plan.fade] * (1.0 - rise)


def ahead(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The pieces; the next one is made, in a thread, while one is in use, since encoding takes a third as long as a
    small net. An error is raised where its piece would come."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece


def _chunks(blocks: Iterable[np.ndarray], plan: ChunkPlan) -> Iterator[tuple[np.ndarray, int, bool]]:
    """The chunks (C, n); how many samples each reaches back before its place; and whether it is the last."""
    held = np.zeros((0, 0), dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block], axis=1) if held.size else block
        while held.shape[1] > plan.chunk + plan.hop:
            yield held[:, : plan.chunk], 0, False
            held = held[:, plan.hop :]
    if held.shape[1] > plan.chunk:
        yield held[:, : plan.chunk], 0, False
        start = -(-(held.shape[1] - plan.chunk) // plan.step) * plan.step
        yield held[:, start:], plan.hop - start, True
    elif held.size:
        yield held, 0, True
