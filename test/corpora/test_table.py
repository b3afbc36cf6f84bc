"""A corpus as a table of events: what is read, and every line that cannot be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weaksep.corpora.config import TableConfig
from weaksep.corpora.event import check_sets
from weaksep.corpora.table import open_table, without_silent_ends
from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio

RATE = 8000
HEADER = "filename\tclass\tset\trecording\tonset\toffset\n"
LINES = [
    ("day/dog 1.wav", "dog", "train", "", "", ""),
    ("day/cat.wav", "cat", "train", "day", "0.5", "1.0"),
    ("day/cat.wav", "cat", "train", "day", "1.25", "1.5"),
    ("v.wav", "dog", "valid", "", "", ""),
    ("v.wav", "cat", "valid", "", "0", "1"),
    ("t.wav", "dog", "test", "7", "", ""),
    ("t.wav", "cat", "test", "7", "0", "1"),
    ("t.wav", "cow", "nowhere", "", "", ""),  # a class that is not asked for
]


def config(**more: object) -> TableConfig:
    return TableConfig.model_validate({"corpus": "table", "sample_rate": RATE, "classes": ["dog", "cat"], **more})


def write(folder: Path, lines: list[tuple[str, ...]] = LINES) -> Path:
    (folder / "events.tsv").write_text(HEADER + "".join("\t".join(line) + "\n" for line in lines))
    return folder


def test_events_of_files_and_of_parts_of_files(tmp_path: Path) -> None:
    ramp = np.arange(2 * RATE, dtype=np.int16)
    for name in ("day/dog 1.wav", "day/cat.wav"):
        write_audio(tmp_path / name, ramp, RATE)
    corpus = open_table(config(), write(tmp_path))
    sets = corpus.sets
    ids = {name: [event.event_id for event in events] for name, events in sets.items()}
    assert ids["train"] == ["day-day_cat-000003", "day-day_cat-000004", "day_dog_1"]
    assert ids["valid"] == ["v", "v-000006"] and ids["test"] == ["7-t", "7-t-000008"]
    first, second, whole = sets["train"]
    assert (first.recording_id, whole.recording_id, whole.class_name) == ("day", "day_dog_1", "dog")
    assert len(corpus.load(whole, RATE)) == 2 * RATE
    part = corpus.load(first, RATE)
    assert len(part) == RATE // 2 and part[0] * 32768 == RATE // 2
    assert len(corpus.load(second, 2 * RATE)) == RATE // 2


def test_zeros_at_the_ends_can_be_left_out(tmp_path: Path) -> None:
    padded = np.concatenate([np.zeros(5), np.full(100, 900), np.zeros(50)]).astype(np.int16)
    write_audio(tmp_path / "v.wav", padded, RATE)
    corpus = open_table(config(trim=True), write(tmp_path))
    assert len(corpus.load(corpus.sets["valid"][0], RATE)) == 100
    assert without_silent_ends(np.zeros(9)).size == 0


def test_a_part_that_the_file_does_not_hold(tmp_path: Path) -> None:
    write_audio(tmp_path / "day/cat.wav", np.ones(RATE, dtype=np.int16), RATE)
    corpus = open_table(config(), write(tmp_path))
    with pytest.raises(UserError, match="day/cat.wav: 1.000 s long; its table says 1.25 s on"):
        corpus.load(corpus.sets["train"][1], RATE)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("x.wav", "dog", "dev", "", "", ""), "events.tsv:10: set 'dev' is none of train, valid, test"),
        (("", "dog", "train", "", "", ""), "events.tsv:10: filename or class is empty"),
        (("x.wav", "dog", "train", "", "1", ""), "onset '1', offset '' are not seconds"),
        (("x.wav", "dog", "train", "", "2", "1"), "onset 2 to offset 1 is no span of time"),
        (("x.wav", "dog", "train", "", "0", "1e306"), "onset 0 to offset 1e306 is no span of time"),
        (("v.wav", "dog", "valid", "", "", ""), "v.wav would have the id of .*v.wav; give onset and offset of each"),
        (("x.wav", "dog", "train", "7", "", ""), "recording 7 is in train and test"),
        (("v.wav", "dog", "train", "other", "1", "2"), "v.wav is in valid too; a file is one recording, of one set"),
        (("." * 3 + "/.x.wav", "dog", "train", "", "", ""), "cannot be an id"),
    ],
)
def test_lines_that_cannot_be_right(tmp_path: Path, line: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_sets(open_table(config(), write(tmp_path, [*LINES, line])).sets, ["dog", "cat"])


def test_a_class_that_a_set_lacks_and_a_table_that_is_not_there(tmp_path: Path) -> None:
    lacking = open_table(config(), write(tmp_path, [line for line in LINES if line[1:3] != ("cat", "valid")]))
    with pytest.raises(UserError, match="valid: no event of class cat"):
        check_sets(lacking.sets, ["dog", "cat"])
    asked = r"(?s)no such class as data.yaml asks for.*\n  dgo; did you mean dog\? There are: dog, cow, cat$"
    with pytest.raises(UserError, match=asked):
        open_table(config(classes=["dgo", "cat"]), tmp_path)
    with pytest.raises(UserError, match="other.tsv: no such table of events"):
        open_table(config(table="other.tsv"), tmp_path)
    with pytest.raises(UserError, match="no folder of the table of events"):
        open_table(config(), None)
