"""Pieces in which one class is alone: which ones, what they sound like, and that no reference is needed."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import EventLabel
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import read_table
from weaksep.mixtures.alone import alone_segments, faded, write_alone_events
from weaksep.mixtures.config import AloneConfig
from weaksep.mixtures.pool import EventPool


def segments(*events: tuple[float, float, str], min_s: float = 0.1) -> list[tuple[float, float, str]]:
    found = alone_segments([EventLabel(*event) for event in events], min_s)
    return [(segment.onset_s, segment.offset_s, segment.label) for segment in found]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], []),
        ([(0, 1, "a")], [(0, 1, "a")]),
        ([(0, 2, "a"), (1, 3, "b")], [(0, 1, "a"), (2, 3, "b")]),
        ([(0, 3, "a"), (1, 2, "b")], [(0, 1, "a"), (2, 3, "a")]),  # one event in two pieces
        ([(0, 2, "a"), (1, 3, "a")], [(0, 3, "a")]),  # two events of a class, one piece
        ([(0, 1, "a"), (1, 2, "a")], [(0, 2, "a")]),  # they touch
        ([(0, 1, "a"), (1, 2, "b")], [(0, 1, "a"), (1, 2, "b")]),
        ([(0, 1, "a"), (0, 1, "b")], []),
        ([(0, 1.05, "a"), (1, 3, "b")], [(0, 1, "a"), (1.05, 3, "b")]),
        ([(0, 1, "a"), (0.95, 3, "b"), (0, 0.92, "b")], [(1, 3, "b")]),  # 0.03 s is too short
    ],
)
def test_by_hand(events: list[tuple[float, float, str]], expected: list[tuple[float, float, str]]) -> None:
    assert segments(*events) == expected
    assert segments(*reversed(events)) == expected


TIMES = st.integers(0, 40)
EVENT = st.tuples(TIMES, TIMES, st.sampled_from("abc")).filter(lambda e: e[0] < e[1])


@given(st.lists(EVENT, max_size=8))
def test_tick_by_tick(events: list[tuple[int, int, str]]) -> None:
    """Every tick lies in a piece of class c exactly when c alone is active in it."""
    alone: dict[int, str] = {}
    for tick in range(40):
        active = {label for onset, offset, label in events if onset <= tick < offset}
        if len(active) == 1:
            alone[tick] = active.pop()
    found = segments(*events)
    assert {t: label for onset, offset, label in found for t in range(int(onset), int(offset))} == alone
    assert all(before[1] < after[0] or before[2] != after[2] for before, after in zip(found, found[1:], strict=False))


def test_a_fade_leaves_the_middle_alone() -> None:
    piece = faded(np.ones(1000, dtype=np.float32), 8000)
    assert piece.dtype == np.float32 and (piece[40:-40] == 1).all()
    np.testing.assert_allclose(piece[:40] + piece[:40][::-1], 1, rtol=1e-6)
    np.testing.assert_array_equal(piece, piece[::-1])
    assert len(faded(np.ones(1, dtype=np.float32), 8000)) == 1


def test_events_are_pieces_of_the_mixtures_and_need_no_reference(test_data: Path, tmp_path: Path) -> None:
    for path in test_data.glob("src_*.scp"):
        path.unlink()
    (test_data / "utt2labels").unlink()
    write_alone_events(test_data, AloneConfig(min_s=0.1), Shards(tmp_path / "events"))
    pool = EventPool.load(tmp_path / "events")
    # test/tiny_data.py: bark is alone in all of mix-1; in mix-2 from 0 to 1000, drill from 3000 to 4000.
    assert {"mix-1-001", "mix-2-001", "mix-2-002"} <= set(pool.wav)
    assert read_table(tmp_path / "events/utt2class")["mix-2-002"] == "drill"
    assert read_table(tmp_path / "events/utt2spk")["mix-2-002"] == "mix-2"
    piece = read_audio(pool.wav["mix-2-002"], 8000)
    mixture = read_audio(test_data / "audio/mix/mix-2.wav", 8000)
    assert len(piece) == 1000
    np.testing.assert_allclose(piece[40:-40], mixture[3040:3960], atol=1e-7)


def test_faint_pieces_and_classes_that_are_never_alone(
    tiny: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    activity = {"mix-1": {"bark": (0, 2000)}, "mix-2": {"drill": (0, 2000)}, "mix-3": {"horn": (0, 2000)}}
    data = tiny.make_data(tmp_path / "data", activity)
    caplog.set_level("INFO")
    write_alone_events(data, AloneConfig(min_level_db=-40.0), Shards(tmp_path / "events"))
    assert "left out" not in caplog.text
    with pytest.raises(UserError, match="(?s)horn is never active alone"):
        write_alone_events(data, AloneConfig(min_level_db=-10.0), Shards(tmp_path / "other"))
    pair = tiny.make_data(tmp_path / "pair", {**activity, "mix-3": {"horn": (0, 2000), "bark": (0, 2000)}})
    with pytest.raises(UserError, match=re.escape("events.tsv: horn is never active alone")):
        write_alone_events(pair, AloneConfig(), Shards(tmp_path / "third"))
    assert not (tmp_path / "third/wav.scp").exists()
