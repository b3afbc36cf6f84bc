"""Repair: each defect that can be repaired, what is kept of what is changed, and what is left alone."""

from __future__ import annotations

import fcntl
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import read_table
from weaksep.upkeep import fix as fix_module
from weaksep.upkeep.fix import Fixed, fix
from weaksep.upkeep.validate import validate

SetLine = Callable[[Path, int, str | bytes | None], None]
CLIPS = [f"mix-{number}" for number in range(1, 6)]


def tables(folder: Path) -> dict[str, bytes]:
    """Content of every table of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def problems(folder: Path) -> list[str]:
    """All problems of the tables, one line each."""
    return [str(problem) for report in validate([folder]) for problem in report.problems]


def repaired(folder: Path) -> Fixed:
    """Repair a folder; check what holds for every repair."""
    before = tables(folder)
    backups = set((folder / ".backup").glob("*")) if (folder / ".backup").exists() else set()
    fixed = fix(folder)
    changed = {name for name, content in tables(folder).items() if before.get(name) != content}
    assert changed == set(fixed.changed)
    assert [str(problem) for problem in fixed.remaining] == problems(folder)
    assert not any("fix_data_dir.sh" in line for line in problems(folder)), problems(folder)
    if fixed.backup is None:
        assert not changed & set(before)
    else:
        assert fixed.backup not in backups and fixed.backup.parent == folder / ".backup"
        assert tables(fixed.backup) == {name: before[name] for name in changed if name in before}
    after = tables(folder)
    assert fix(folder).changed == [] and tables(folder) == after, "a second time there is nothing to do"
    return fixed


# Defects that cost nothing: afterwards every table is as it was.
REMOVED = {
    "length is none": "utt2dur:2: mix-2: 'half' is not a length in seconds",
    "clip too many in utt2dur": "utt2dur:6: mix-9 is no clip",
    "clip too many in a reference table": "src_horn.scp:4: mix-9 is no clip",
    "event of no clip": "events.tsv:2: bark in mix-9, which is no clip",
    "same event again": "events.tsv:3: bark in mix-1, the same row again",
    "scene of no clip": "scenes.jsonl:3: mix-8 is no clip",
}
HARMLESS: dict[str, tuple[str, int, str | bytes | None]] = {
    "sorting": ("wav.scp", 1, "#2\n#1\n"),
    "duplicate line": ("utt2labels", 2, "#2\n#2"),
    "byte order mark": ("wav.scp", 1, b"\xef\xbb\xbfmix-1 audio/mix/mix-1.wav"),
    "Windows line": ("labels.txt", 2, "#2\r"),
    "Windows line of events": ("events.tsv", 1, "#1\r"),
    "tab": ("wav.scp", 2, "mix-2\taudio/mix/mix-2.wav"),
    "empty line": ("utt2spk", 3, "#3\n"),
    "no last line end": ("utt2spk", 6, None),
    "duplicate class": ("labels.txt", 2, "#2\n#1\n#2"),
    "spk2utt lacks one": ("spk2utt", 2, None),
    "spk2utt is wrong": ("spk2utt", 2, "mix-2 mix-3"),
    "spk2utt is no text": ("spk2utt", 2, b"\xff"),
    "length lost": ("utt2dur", 2, None),
    "length is none": ("utt2dur", 2, "mix-2 half"),
    "length twice": ("utt2dur", 2, "mix-2 0.4\nmix-2 0.5"),
    "clip too many in utt2dur": ("utt2dur", 5, "#5\nmix-9 0.5"),
    "clip too many in a reference table": ("src_horn.scp", 3, "#3\nmix-9 a.wav"),
    "event of no clip": ("events.tsv", 2, "mix-9.wav\t0\t0.1\tbark\n#2"),
    "same event again": ("events.tsv", 2, "#2\n#2"),
    "events not sorted": ("events.tsv", 9, "#10\n#9\n"),
    "scene of no clip": ("scenes.jsonl", 2, "#2\n#8"),
    "same scene again": ("scenes.jsonl", 2, "#2\n#2"),
    "scenes not sorted": ("scenes.jsonl", 1, "#2\n#1\n"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_costs_nothing_comes_back_as_it_was(folder: Path, set_line: SetLine, name: str) -> None:
    table, number, text = HARMLESS[name]
    # utt2dur is made anew with seven decimals, as stage 1 writes it.
    (folder / "utt2dur").write_text("".join(f"{utt} 0.5000000\n" for utt in CLIPS))
    lines = (folder / table).read_text().splitlines()
    before = tables(folder)
    if isinstance(text, str):
        for index, line in reversed(list(enumerate(lines, start=1))):  # "#10" before "#1"
            text = text.replace(f"#{index}", line)
        text = text.replace("#8", lines[0].replace("mix-1", "mix-8"))
    if text is not None and name in ("sorting", "events not sorted", "scenes not sorted"):
        set_line(folder / table, number + 1, None)
        text = text.rstrip("\n")
    set_line(folder / table, number, text)
    assert problems(folder)
    fixed = repaired(folder)
    assert fixed.kept == CLIPS and fixed.changed == [table] and not fixed.dropped
    assert tables(folder) == before and not fixed.remaining
    assert fixed.removed == ([REMOVED[name]] if name in REMOVED else [])


@pytest.mark.parametrize("name", ["utt2dur", "spk2utt"])
def test_two_tables_are_made_anew(folder: Path, name: str) -> None:
    before = read_table(folder / name)
    (folder / name).unlink()
    fixed = repaired(folder)
    assert fixed.changed == [name] and fixed.backup is None and not fixed.remaining
    after = read_table(folder / name)
    assert after.keys() == before.keys()
    assert name == "spk2utt" and after == before or {float(value) for value in after.values()} == {0.5}


# Defects that cost the clip mix-2, and why it goes.
COSTLY: dict[str, tuple[str, int, str | bytes | None, str]] = {
    "not in wav.scp": ("wav.scp", 2, None, "not in wav.scp"),
    "not in utt2spk": ("utt2spk", 2, None, "not in utt2spk"),
    "not in utt2labels": ("utt2labels", 2, None, "not in utt2labels"),
    "no value": ("utt2labels", 2, "mix-2", "not in utt2labels"),
    "no text": ("wav.scp", 2, b"mix-2 \xff", "not in wav.scp"),
    "two files": ("wav.scp", 2, "#\nmix-2 a.wav", "wav.scp has it twice, with different values"),
    "two labels": ("utt2labels", 2, "#\nmix-2 horn", "utt2labels has it twice, with different values"),
    "two references": ("src_bark.scp", 2, "#\nmix-2 a.wav", "src_bark.scp has it twice, with different values"),
    "two scenes": ("scenes.jsonl", 2, "#\n#-27", "scenes.jsonl has it twice, with different values"),
}


# What is told of a line that says nothing.
LOST = {
    "no value": "expected 'key value', found 'mix-2'",
    "no text": "not text: 'utf-8' codec can't decode byte 0xff in position 6: invalid start byte",
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_costs_a_clip_costs_that_one_alone(folder: Path, set_line: SetLine, name: str) -> None:
    table, number, text, why = COSTLY[name]
    line = (folder / table).read_text().splitlines()[1]
    if isinstance(text, str):
        text = text.replace("#-27", line.replace("-26.0", "-27.0")).replace("#", line)
    set_line(folder / table, number, text)
    fixed = repaired(folder)
    assert fixed.dropped == {"mix-2": why} and fixed.remaining == []
    assert fixed.removed == ([f"{table}:2: {LOST[name]}"] if name in LOST else [])
    assert fixed.kept == list(read_table(folder / "wav.scp")) == ["mix-1", "mix-3", "mix-4", "mix-5"]
    assert not any(b"mix-2" in content for content in tables(folder).values())
    assert fixed.changed[-1] == "wav.scp" or table == "wav.scp" and line.encode() not in tables(folder)[table]
    assert (folder / "audio/mix/mix-2.wav").exists(), "no audio is touched"


def test_a_clip_in_one_other_table_only_is_named(folder: Path, set_line: SetLine) -> None:
    set_line(folder / "utt2labels", 5, "mix-5 horn\nmix-9 horn")
    fixed = repaired(folder)
    assert fixed.dropped == {"mix-9": "not in wav.scp"} and fixed.changed == ["utt2labels"]


def test_a_bad_id_goes(folder: Path) -> None:
    for name in ("wav.scp", "utt2spk", "utt2dur", "utt2labels"):
        text = (folder / name).read_text()
        (folder / name).write_text(text + text.splitlines()[0].replace("mix-1 ", "x/y ") + "\n")
    names = ["utt2spk", "utt2dur", "utt2labels", "wav.scp"]
    assert repaired(folder).removed == [f"{name}:6: the id 'x/y' holds a slash" for name in names]
    assert problems(folder) == []


@pytest.mark.parametrize("spoil", ["missing", "no audio", "no samples"])
def test_a_clip_without_length_and_without_audio_goes(folder: Path, set_line: SetLine, spoil: str) -> None:
    set_line(folder / "utt2dur", 2, None)
    path = folder / "audio/mix/mix-2.wav"
    path.unlink()
    if spoil == "no audio":
        path.write_bytes(b"text")
    elif spoil == "no samples":
        write_audio(path, np.zeros(0), 8000)
    fixed = repaired(folder)
    assert fixed.dropped == {"mix-2": "utt2dur does not say how long it is, and its audio cannot be read"}
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("mix-1.wav\t0.0000000\t0.7\tbark", "mix-1.wav\t0.0000000\t0.5\tbark"),
        ("mix-1.wav\t0\t0.50\tbark", "mix-1.wav\t0\t0.50\tbark"),
        ("mix-1.wav\t-0.1\t0.3\tbark", "mix-1.wav\t0.0000000\t0.3\tbark"),
        ("mix-1.wav\t0.0000000\t0.500001\tbark", "mix-1.wav\t0.0000000\t0.500001\tbark"),  # within a sample
    ],
)
def test_events_are_cut_at_the_ends_of_their_clip(folder: Path, set_line: SetLine, row: str, expected: str) -> None:
    set_line(folder / "events.tsv", 2, row)
    assert repaired(folder).remaining == []
    assert (folder / "events.tsv").read_text().splitlines()[1] == expected


@pytest.mark.parametrize("onset", ["0.6", "0.5"])
def test_an_event_outside_its_clip_goes_and_what_then_lacks_is_told(
    folder: Path, set_line: SetLine, onset: str
) -> None:
    set_line(folder / "events.tsv", 2, f"mix-1.wav\t{onset}\t0.7\tbark")
    fixed = repaired(folder)
    assert fixed.removed == ["events.tsv:2: bark in mix-1, outside the clip"]
    assert len(fixed.remaining) == 2  # the clip's label, and its scene
    assert {problem.remedy for problem in fixed.remaining} == {"run.sh --stage 1"}


def test_what_cannot_be_repaired_stays_as_it_is_and_is_told(folder: Path, set_line: SetLine) -> None:
    set_line(folder / "events.tsv", 2, "mix-1.wav\t0.3\t0.3\tbark")
    set_line(folder / "scenes.jsonl", 5, "no scene")
    set_line(folder / "src_horn.scp", 3, None)
    (folder / "audio/mix/mix-4.wav").unlink()
    before = tables(folder)
    fixed = repaired(folder)
    assert tables(folder) == before and fixed.backup is None and not (folder / ".backup").exists()
    wheres = {(problem.file.name, problem.line) for problem in fixed.remaining}
    assert wheres >= {("events.tsv", 2), ("scenes.jsonl", 5), ("utt2labels", 5), ("wav.scp", 4)}


@pytest.mark.parametrize("name", ["utt2spk", "utt2labels", "labels.txt", "events.tsv", "scenes.jsonl", "src_horn.scp"])
def test_a_table_that_only_its_stage_can_make_is_not_made(folder: Path, name: str) -> None:
    (folder / name).unlink()
    before = tables(folder)
    fixed = repaired(folder)
    assert tables(folder) == before
    assert [str(problem) for problem in fixed.remaining] == [f"{folder}/{name}: no such file; run.sh --stage 1"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_events_without_their_header_are_left_alone(folder: Path, line_end: bytes) -> None:
    rows = (folder / "events.tsv").read_bytes().splitlines()[:0:-1]
    (folder / "events.tsv").write_bytes(b"".join(row + line_end for row in rows))
    repaired(folder)
    assert (folder / "events.tsv").read_bytes() == b"".join(row + b"\n" for row in rows)


def test_lines_that_nobody_understands_stay_at_the_end(folder: Path, set_line: SetLine) -> None:
    for name, number in (("events.tsv", 3), ("scenes.jsonl", 2)):
        first, second = (folder / name).read_text().splitlines()[number - 1 : number + 1]
        set_line(folder / name, number, f"{second}\nwhat is this\n{first}")
        set_line(folder / name, number + 3, None)
    fixed = repaired(folder)
    assert fixed.changed == ["events.tsv", "scenes.jsonl"] and len(fixed.remaining) == 2
    for name in fixed.changed:
        *lines, last = (folder / name).read_text().splitlines()
        assert last == "what is this" and all("mix-" in line for line in lines[1:])


def test_a_wrong_scene_costs_nothing_and_stays(folder: Path, set_line: SetLine) -> None:
    scene = (folder / "scenes.jsonl").read_text().splitlines()[1]
    set_line(folder / "scenes.jsonl", 2, scene.replace("8000", "0"))
    fixed = repaired(folder)
    assert fixed.kept == CLIPS and {problem.remedy for problem in fixed.remaining} == {"run.sh --stage 1"}
    assert "mix-2" in (folder / "scenes.jsonl").read_text()


def test_unreadable_classes_are_left_alone(folder: Path, set_line: SetLine) -> None:
    set_line(folder / "labels.txt", 2, b"dr\xffll\n")
    before = tables(folder)
    repaired(folder)
    assert tables(folder)["labels.txt"] == before["labels.txt"]


def test_a_valid_folder_is_left_alone(made_by_stages: Path, tmp_path: Path) -> None:
    for name in ("data/train", "data/events/train"):
        copy = Path(shutil.copytree(made_by_stages / name, tmp_path / name))
        before = tables(copy)
        fixed = fix(copy)
        assert fixed.changed == [] and fixed.backup is None and fixed.remaining == []
        assert tables(copy) == before and not (copy / ".backup").exists()


def test_a_folder_of_events(stages: Path) -> None:
    folder = stages / "data/events/train"
    lines = (folder / "utt2class").read_text().splitlines()
    (folder / "utt2class").write_text("\n".join(lines[:0:-1]) + "\n")
    (folder / "utt2dur").unlink()
    fixed = repaired(folder)
    first = lines[0].split()[0]
    assert fixed.dropped == {first: "not in utt2class"} and fixed.remaining == []
    before = tables(fixed.backup) if fixed.backup else {}
    assert set(before) == {"utt2class", "utt2spk", "spk2utt", "wav.scp"}


def test_an_earlier_backup_is_never_touched(folder: Path, set_line: SetLine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        """It is always the same second."""

        @staticmethod
        def now() -> Clock:
            return Clock()

        def strftime(self, _: str) -> str:
            return "20261122T180000-"

    monkeypatch.setattr(fix_module, "datetime", Clock)
    names = []
    for number in (1, 2, 3):
        set_line(folder / "wav.scp", 1, f"mix-1 {' ' * number}audio/mix/mix-1.wav")
        backup = fix(folder).backup
        assert backup is not None
        names.append(backup.name)
    assert all(name.startswith("20261122T180000-") for name in names) and len(set(names)) == 3
    first = (folder / ".backup" / names[0] / "wav.scp").read_text()
    assert first.startswith("mix-1  audio"), "two blanks, as it was the first time"


def test_the_backup_may_go_elsewhere(folder: Path, set_line: SetLine, tmp_path: Path) -> None:
    set_line(folder / "wav.scp", 1, "mix-1  audio/mix/mix-1.wav")
    backup = fix(folder, tmp_path / "old").backup
    assert backup is not None and backup.parent == tmp_path / "old" and (backup / "wav.scp").exists()
    assert not (folder / ".backup").exists()


def test_it_refuses_to_leave_nothing(folder: Path) -> None:
    (folder / "utt2labels").write_text("mix-9 bark\n")
    before = tables(folder)
    with pytest.raises(UserError, match="no clip is in all of wav.scp, utt2spk and utt2labels"):
        fix(folder)
    assert tables(folder) == before


@pytest.mark.parametrize("name", ["wav.scp", "utt2dur", "events.tsv"])
def test_a_table_that_cannot_be_read_stops_it(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    (folder / "utt2spk").write_text("")
    (folder / "utt2spk").write_text("".join(f"{utt} {utt}\n" for utt in reversed(CLIPS)))
    before = tables(folder)
    with pytest.raises(UserError, match=f"{name}: cannot be read"):
        fix(folder)
    assert tables(folder) == before


def test_no_folder_and_no_clips(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UserError, match="no such data folder"):
        fix(tmp_path / "none")
    (folder / "wav.scp").unlink()
    with pytest.raises(UserError, match=r"(?s)nothing was changed .*wav.scp: no such file; run.sh --stage 1$"):
        fix(folder)


def test_it_waits_for_the_stage_that_writes_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.fileio.lock.folder_lock.__wrapped__.__defaults__", (0.0,))
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="works here"):
            fix(folder)


def test_a_failed_write_leaves_each_table_whole(
    folder: Path, set_line: SetLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_line(folder / "utt2spk", 2, None)
    before, written = tables(folder), []

    def write(path: Path, text: str) -> None:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path.name)
        path.write_text(text)

    monkeypatch.setattr(fix_module, "write_text", write)
    with pytest.raises(OSError, match="No space"):
        fix(folder)
    monkeypatch.undo()
    changed = {name for name, content in tables(folder).items() if before[name] != content}
    assert changed == set(written) and "wav.scp" not in written, "wav.scp comes last"
    fixed = repaired(folder)
    assert fixed.dropped == {"mix-2": "not in utt2spk"} and fixed.remaining == []


def restored(folder: Path, made: Path) -> None:
    """Put the tables of ``made`` into a folder that links to its audio."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "audio").symlink_to(made / "audio")
    for name, content in tables(made).items():
        (folder / name).write_bytes(content)


SHUFFLED = ["wav.scp", "utt2spk", "spk2utt", "utt2dur", "utt2labels", "scenes.jsonl", "events.tsv", "src_siren.scp"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(SHUFFLED), min_size=1), st.booleans(), st.randoms(use_true_random=False))
def test_shuffled_and_duplicate_tables_come_back_byte_for_byte(
    made_by_stages: Path, tmp_path: Path, names: set[str], windows: bool, chance: random.Random
) -> None:
    made, folder = made_by_stages / "data/train", tmp_path / "data/train"
    restored(folder, made)
    for name in sorted(names):
        lines = (folder / name).read_bytes().splitlines()
        head, rest = (lines[:1], lines[1:]) if name == "events.tsv" else ([], lines)
        rest = [line for line in rest for _ in range(chance.randint(1, 3))]
        chance.shuffle(rest)
        (folder / name).write_bytes((b"\r\n" if windows else b"\n").join([*head, *rest, b""]))
    fixed = fix(folder)
    assert tables(folder) == tables(made)
    assert len(fixed.kept) == 8 and fixed.remaining == []
    assert fix(folder).changed == []


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(SHUFFLED + ["labels.txt"]), st.integers(0, 20), st.binary(max_size=12)), max_size=6
    )
)
@example([("wav.scp", 0, b"\x00"), ("events.tsv", 0, b"\n")])
@example([("wav.scp", 0, b"\x00"), ("events.tsv", 0, b"\x00\n")])
def test_whatever_was_done_to_it_one_repair_is_enough(
    made_by_stages: Path, tmp_path: Path, slips: list[tuple[str, int, bytes]]
) -> None:
    made, folder = made_by_stages / "data/train", tmp_path / "data/train"
    restored(folder, made)
    for name, number, text in slips:
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        place = number % (len(lines) + 1)
        lines[place : place + number % 2] = [text + b"\n" * (number % 3)]
        (folder / name).write_bytes(b"".join(lines))
    was_valid = not problems(folder)
    try:
        fixed = fix(folder)
    except UserError as error:
        assert "none would be left" in str(error)
        return
    assert not (was_valid and fixed.changed), "what is valid is left alone"
    assert not [str(problem) for problem in fixed.remaining if "fix_data_dir.sh" in problem.remedy]
    after = tables(folder)
    assert fix(folder).changed == [] and tables(folder) == after
