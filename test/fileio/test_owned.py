"""Names that are written down before the files are, and what is done with nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.lock import LOCK_NAME, folder_lock, worker_in
from weaksep.fileio.owned import Claims, NotOurs, read_claims, read_stamp, remove_temporaries, sizes
from weaksep.fileio.shards import Shards


def test_a_claim_is_remembered_and_unknown_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").touch()
    note = tmp_path / "note"
    Claims(tmp_path, note)([tmp_path / "a.wav"])
    (tmp_path / "a.wav").touch()
    again = Claims(tmp_path, note)
    again([tmp_path / "a.wav", tmp_path / "audio/b.wav"])
    with pytest.raises(NotOurs, match="mine.wav: not noted as written by weaksep"):
        again([tmp_path / "c.wav", tmp_path / "mine.wav"])
    assert read_claims(note) == ["a.wav", "audio/b.wav"]


def test_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    note = tmp_path / "note"
    Claims(tmp_path, note)([tmp_path / "a.wav"])
    note.write_text(note.read_text() + '\n"b.w')
    Claims(tmp_path, note)([tmp_path / "c.wav"])
    assert read_claims(note) == ["a.wav", "c.wav"]


def test_a_note_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "note").symlink_to(tmp_path / "mine")
    with pytest.raises((UserError, OSError)):
        Claims(tmp_path, tmp_path / "note")([tmp_path / "a.wav"])
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "file"])
def test_notes_that_are_no_folder(tmp_path: Path, kind: str) -> None:
    (tmp_path / "away").mkdir()
    for name in ("key", "1.json", "1.files"):
        (tmp_path / "away" / name).write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    if kind == "link":
        (folder / ".unfinished").symlink_to(tmp_path / "away")
    else:
        (folder / ".unfinished").write_text("mine")
    shards = Shards(folder, "key")
    for what in (lambda: shards.begin([]), shards.remove, shards.undo, shards.start_over):
        with pytest.raises(UserError, match=r"out/.unfinished: a link or a file where the notes of weaksep go"):
            what()
    assert sorted(os.listdir(tmp_path / "away")) == ["1.files", "1.json", "key"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[" * 100_000, "not a stamp"),
        ('{"outputs": {"a.txt": 1e999}}', "not a stamp"),
        ('{"outputs": {"b.wav": 1}}', "names 'b.wav'"),
        ('{"outputs": {"/etc/a.txt": 1}}', "names '/etc/a.txt'"),
    ],
    ids=["deep", "infinite", "another kind", "elsewhere"],
)
def test_a_stamp_that_cannot_be_one(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "stamp.json").write_text(text)
    with pytest.raises(ValueError, match=wrong):
        read_stamp(tmp_path / "stamp.json", ["*.txt"])


def test_a_page_that_has_had_another_place(tmp_path: Path) -> None:
    (tmp_path / "stamp.json").write_text(json.dumps({"outputs": {"a.txt": 1, "../old.md": 2, "../new.md": 3}}))
    assert read_stamp(tmp_path / "stamp.json", ["*.txt", "../new.md"]).outputs == {"a.txt": 1, "../new.md": 3}


def test_a_pipe_in_place_of_a_stamp_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stamp.json")
    with pytest.raises(OSError, match="not a regular file"):
        read_stamp(tmp_path / "stamp.json")


def test_a_folder_that_is_a_link_has_its_neighbours_where_the_link_is(tmp_path: Path) -> None:
    (tmp_path / "disk/exp/report").mkdir(parents=True)
    (tmp_path / "exp").symlink_to(tmp_path / "disk/exp")
    (tmp_path / "page.md").write_text("ours")
    (tmp_path / "disk/page.md").write_text("somebody's")
    assert sizes(tmp_path / "exp/report", ["../../page.md"]) == {"../../page.md": 4}
    ours, others = tmp_path / ".page.1.tmp.md", tmp_path / "disk/.page.1.tmp.md"
    for path in (ours, others):
        path.touch()
    remove_temporaries(tmp_path / "exp/report", ["../../page.md"])
    assert others.exists() and not ours.exists()


def test_what_lies_among_the_notes_stays(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "key")
    shards.begin([])
    (shards.path / "mine.txt").write_text("mine")
    shards.undo()
    assert os.listdir(shards.path) == ["mine.txt"]


def test_a_killed_run_s_files_go_and_no_others(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "one")
    shards.begin([tmp_path / "wav.scp"])
    shards.claims("1")([tmp_path / f"audio/dog/{name}.wav" for name in "abc"])
    (tmp_path / "audio/dog").mkdir(parents=True)
    for name in ("a.wav", "mine.wav"):  # killed before it came to b
        (tmp_path / "audio/dog" / name).touch()
    (tmp_path / "audio/dog/c.wav").symlink_to(tmp_path / "audio/dog/mine.wav")
    Shards(tmp_path, "two").begin([tmp_path / "wav.scp"])
    assert sorted(os.listdir(tmp_path / "audio/dog")) == ["c.wav", "mine.wav"]


@pytest.mark.parametrize("kind", ["link", "broken link", "pipe", "folder", "file", "second name"])
def test_a_lock_that_is_not_ours(tmp_path: Path, kind: str) -> None:
    lock, mine = tmp_path / "out" / LOCK_NAME, tmp_path / "mine"
    lock.parent.mkdir()
    mine.write_text("" if kind == "second name" else "mine")
    if kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    elif kind == "file":
        lock.write_text("mine")
    elif kind == "second name":
        os.link(mine, lock)
    else:
        lock.symlink_to(mine if kind == "link" else tmp_path / "nothing")
    content = mine.read_text()
    with pytest.raises(UserError, match=r"out/\.lock: not a lock of weaksep, which goes there; move it away"):
        with folder_lock(lock.parent):
            pytest.fail("held")
    assert "not a lock of weaksep" in (worker_in(lock.parent) or "")
    assert mine.read_text() == content and os.path.lexists(lock) and not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_temporary_name_that_somebody_has_is_left_alone(tmp_path: Path, kind: str) -> None:
    mine, taken = tmp_path / "mine", tmp_path / f".a.{os.getpid()}.tmp.txt"
    mine.write_text("mine")
    taken.symlink_to(mine) if kind == "link" else taken.write_text("mine")
    for fails in (False, True):
        with pytest.raises(ZeroDivisionError) if fails else atomic_path(tmp_path / "b"):
            with atomic_path(tmp_path / "a.txt") as temporary:
                assert temporary != taken and temporary.suffix == ".txt"
                temporary.write_text("1" if not fails else str(1 / 0))
    assert (tmp_path / "a.txt").read_text() == "1"
    assert mine.read_text() == taken.read_text() == "mine" and taken.is_symlink() == (kind == "link")
    assert sorted(os.listdir(tmp_path)) == sorted([taken.name, "a.txt", "b", "mine"])


@pytest.mark.parametrize("name", ["model.safetensors", "checkpoint.pt", "classifier/model.safetensors"])
def test_what_a_killed_training_was_writing_goes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    left = path.with_name(f".{path.stem}.4242.tmp{path.suffix}")
    left.parent.mkdir(exist_ok=True)
    left.touch()
    remove_temporaries(tmp_path, [name])
    assert not left.exists()
