"""How recordings become clips, and clips sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.fileio.datadir import EventLabel
from weaksep.recordings.cut import Cutter, between, events_within, pieces, stretch_of
from weaksep.recordings.split import split

Sound = Callable[..., Any]


def stream(audio: np.ndarray, block: int) -> list[np.ndarray]:
    return [audio[start : start + block] for start in range(0, len(audio), block)]


@settings(deadline=None, max_examples=60)
@given(length=st.integers(1, 400), size=st.integers(5, 60), block=st.integers(1, 90))
def test_pieces_cover_the_stream(length: int, size: int, block: int) -> None:
    audio = np.arange(1, length + 1, dtype=np.float32)
    found = list(pieces(stream(audio, block), size))
    covered = np.zeros(length, dtype=bool)
    for start, piece in found:
        assert len(piece) == size
        inside = audio[start : start + size]
        np.testing.assert_array_equal(piece[: len(inside)], inside)
        assert not piece[len(inside) :].any()
        covered[start : start + size] = True
    assert length - covered.sum() < max(1, 0.1 * size)  # a rest that is not worth a clip
    assert len({start for start, _ in found}) == len(found)


def test_between_takes_the_stretch() -> None:
    audio = np.arange(100, dtype=np.float32)
    assert np.concatenate(list(between(stream(audio, 7), 13, 44))).tolist() == list(range(13, 44))
    assert np.concatenate(list(between(stream(audio, 7), 90))).tolist() == list(range(90, 100))


def test_a_file_that_is_the_stretch_is_taken_whole(tmp_path: Path, tone: Sound, write: Sound) -> None:
    short, long = write(tmp_path / "s.wav", tone(10.0, 400)), write(tmp_path / "l.wav", tone(60.0, 400))
    assert stretch_of(short, (30.0, 40.0)) is None
    assert stretch_of(long, (30.0, 40.0)) == (30.0, 40.0)
    with pytest.raises(UserError, match=r"60\.0 s long; its labels are of 90 to 100 s"):
        stretch_of(long, (90.0, 100.0))


def test_a_recording_is_read_at_the_rate_as_often_as_asked(tmp_path: Path, tone: Sound, write: Sound) -> None:
    cutter = Cutter(write(tmp_path / "a.wav", tone(5.0, 400, 44_100), 44_100), 8000)
    first, again = (list(pieces(cutter.blocks(), 16_000)) for _ in range(2))
    assert [start for start, _ in first] == [0, 16_000, 24_000]
    np.testing.assert_allclose(first[0][1][100:], tone(2.0, 400, 8000)[100:], atol=1e-3)
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(first, again, strict=True))


def test_events_are_cut_with_their_clip() -> None:
    events = [EventLabel(0.5, 2.5, "dog"), EventLabel(3.0, 9.0, "horn"), EventLabel(0.0, 1.0, "dog")]
    assert events_within(events, 16_000, 16_000, 8000) == [EventLabel(0.0, 0.5, "dog"), EventLabel(1.0, 2.0, "horn")]


def recordings(n: int) -> dict[str, set[str]]:
    return {f"r{i:03d}": {("dog", "horn", "siren")[i % 3], *(["rare"] if i % 10 == 0 else [])} for i in range(n)}


def test_each_class_is_shared_out() -> None:
    classes = recordings(120)
    homes = split(classes, {"train": 0.8, "valid": 0.1, "test": 0.1}, seed=1)
    counts = Counter((homes[name], label) for name, own in classes.items() for label in own)
    assert {label: counts["test", label] for label in ("dog", "horn", "siren")} == dict.fromkeys(
        ("dog", "horn", "siren"), pytest.approx(4, abs=1)
    )
    assert counts["valid", "rare"] >= 1 and counts["test", "rare"] >= 1
    assert Counter(homes.values())["train"] == pytest.approx(96, abs=3)


SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


def homes_of(classes: dict[str, set[str]], label: str, shares: dict[str, float] = SHARES) -> Counter[str]:
    """How many recordings of a class each set has."""
    homes = split(classes, shares, seed=0)
    return Counter(homes[name] for name, own in classes.items() if label in own)


@pytest.mark.parametrize("n", [3, 4, 7, 10])
def test_a_class_with_three_recordings_is_in_every_set(n: int) -> None:
    more = {f"r{i}": {"dog", *(["cat"] if i % 2 else [])} for i in range(40)}
    rare = {f"s{i}": {"rare", "cat", f"once{i}"} for i in range(n)}  # once0 to once9: one recording each
    assert homes_of(more | rare, "rare") == {"train": n - 2, "valid": 1, "test": 1}


def test_recordings_of_one_class_that_are_all_of_rarer_ones() -> None:
    assert homes_of({f"r{i}": {"dog", f"once{i}"} for i in range(10)}, "dog") == {"train": 8, "valid": 1, "test": 1}


def test_of_few_recordings_with_many_classes_the_rarest_comes_first() -> None:
    rng = np.random.default_rng(2)
    table = {f"r{n:02d}": {*map(str, rng.choice(8, int(rng.integers(1, 4)), replace=False))} for n in range(20)}
    homes = split(table, {"train": 0.8, "valid": 0.1, "test": 0.1}, seed=0)
    counts = Counter(name for own in table.values() for name in own)
    for name in (name for name, number in counts.items() if number >= 3):
        assert {homes[recording] for recording in table if name in table[recording]} == {"train", "valid", "test"}


def test_what_no_split_can_spread_goes_by_its_share() -> None:
    classes = recordings(60) | {"a": {"owl"}, "b": {"owl"}}
    assert homes_of(classes, "owl") == {"train": 2}
    assert homes_of(classes, "owl", {"train": 0.8, "valid": 0.2, "test": 0.0}) == {"train": 1, "valid": 1}


def test_the_split_depends_on_names_and_seed_alone() -> None:
    classes, shares = recordings(60), {"train": 0.7, "valid": 0.15, "test": 0.15}
    backwards = dict(reversed(list(classes.items())))
    assert split(classes, shares, 5) == split(backwards, shares, 5)
    assert split(classes, shares, 5) != split(classes, shares, 6)
