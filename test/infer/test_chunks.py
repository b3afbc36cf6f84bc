"""Streams in chunks: nothing is lost or doubled, and where chunks meet nothing is heard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaksep.infer.chunks import ChunkPlan, separate_chunks

PLAN = ChunkPlan(chunk=50, overlap=20, fade=8)


def cut(audio: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    """The stream in blocks of these sizes, again and again."""
    start = 0
    while start < audio.shape[1]:
        size = sizes[start % len(sizes)]
        yield audio[:, start : start + size]
        start += size


def joined(separate, audio: np.ndarray, sizes: list[int], plan: ChunkPlan = PLAN) -> np.ndarray:
    return np.concatenate(list(separate_chunks(separate, cut(audio, sizes), plan)), axis=2)


@given(st.integers(1, 400), st.lists(st.integers(1, 120), min_size=1, max_size=5))
def test_what_is_done_sample_by_sample_is_the_same_in_chunks(length: int, sizes: list[int]) -> None:
    audio = np.random.default_rng(length).standard_normal((2, length)).astype(np.float32)
    whole = joined(lambda block: np.stack([0.25 * block, 0.75 * block, block * block]), audio, sizes)
    assert whole.shape == (3, 2, length)
    np.testing.assert_allclose(whole, np.stack([0.25 * audio, 0.75 * audio, audio * audio]), atol=1e-6)


def test_every_chunk_is_whole_but_a_short_recordings_only_one() -> None:
    seen: list[int] = []

    def separate(block: np.ndarray) -> np.ndarray:
        seen.append(block.shape[1])
        return block[None]

    joined(separate, np.zeros((1, 1000), dtype=np.float32), [7])
    assert set(seen) == {50}
    for length in range(51, 111):  # however the length divides
        seen.clear()
        joined(separate, np.zeros((1, length), dtype=np.float32), [7])
        assert set(seen) == {50}
    seen.clear()
    joined(separate, np.zeros((1, 30), dtype=np.float32), [7])
    assert seen == [30]


@given(st.integers(1, 400), st.lists(st.integers(1, 120), min_size=1, max_size=5))
def test_chunks_begin_at_whole_steps(length: int, sizes: list[int]) -> None:
    """Something that does one thing at every fifth sample, as a net that shortens time does."""
    audio = np.random.default_rng(length).standard_normal((1, length)).astype(np.float32)
    seen: list[int] = []

    def separate(block: np.ndarray) -> np.ndarray:
        seen.append(block.shape[1])
        return (block * (np.arange(block.shape[1]) % 5 == 0))[None]

    plan = ChunkPlan(chunk=50, overlap=20, fade=8, step=5)
    np.testing.assert_allclose(joined(separate, audio, sizes, plan), separate(audio), atol=1e-6)
    assert all(45 < size <= 50 for size in seen[:-1]) or length < 50


def test_the_ends_of_a_chunk_do_not_count_and_the_middle_fades() -> None:
    def separate(block: np.ndarray) -> np.ndarray:
        marked = block.copy()
        marked[:, : PLAN.thrown_away] = 99.0  # what a net makes of a chunk's ends
        marked[:, 50 - PLAN.thrown_away :] = 99.0
        return marked[None]

    audio = np.ones((1, 200), dtype=np.float32)
    inner = joined(separate, audio, [200])[0, 0, PLAN.thrown_away : 110]
    np.testing.assert_allclose(inner, 1.0, atol=1e-6)

    number = iter(range(100))
    steps = joined(lambda block: np.full((1, *block.shape), float(next(number)), dtype=np.float32), audio, [200])[0, 0]
    assert steps[:36].tolist() == [0.0] * 36 and steps[44:66].tolist() == [1.0] * 22  # the fade is from 36 to 44
    assert (np.diff(steps[35:45]) > 0).all() and np.diff(steps).max() < 0.13


def test_memory_is_that_of_a_chunk() -> None:
    most = 0

    def separate(block: np.ndarray) -> np.ndarray:
        nonlocal most
        most = max(most, block.shape[1])
        return block[None]

    total = sum(part.shape[2] for part in separate_chunks(separate, (np.zeros((1, 10)) for _ in range(10_000)), PLAN))
    assert total == 100_000 and most == 50


@pytest.mark.parametrize("sizes", [(10, 10, 2), (10, 4, 5), (10, 4, 0)])
def test_sizes_that_do_not_go_together(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="fade <= overlap < chunk"):
        ChunkPlan(*sizes)


@pytest.mark.parametrize("sizes", [(52, 20, 8, 5), (50, 21, 8, 5)])
def test_sizes_that_are_not_of_whole_steps(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="of whole steps"):
        ChunkPlan(*sizes)
