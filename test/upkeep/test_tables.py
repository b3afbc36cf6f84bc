"""What validation finds in the tables of a folder: each defect by itself, with its line and what repairs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from weaksep.upkeep.validate import validate

LONG = "x" * 201


@dataclass(frozen=True)
class Case:
    """A line of a table is replaced (None: taken away; 0: the whole file); what is found then.

    Args:
        name, line, text: the table, the line, what stands there instead.
        where: file:line of the problem.
        what: how its text begins.
        remedy: "fix", "drop" (fix, at the price of the clip), "stage" 1, or the text itself.
    """

    name: str
    line: int
    text: str | bytes | None
    where: str
    what: str
    remedy: str


def wav(number: int) -> str:
    """A line of wav.scp."""
    return f"mix-{number} audio/mix/mix-{number}.wav"


def event(number: int, onset: str, offset: str, label: str) -> str:
    """A line of events.tsv."""
    return f"mix-{number}.wav\t{onset}\t{offset}\t{label}"


DURATION = "0.5000000"
SCENE_1 = (
    '{"utt_id": "mix-1", "duration_s": 0.5, "sample_rate": 8000, "gain_db": 0.0, "events": [{"event_id": '
    '"bark-mix-1-00", "class_name": "bark", "recording_id": "bark-mix-1", "onset_s": 0.0, "level_db": -26.0}]}'
)
CASES = [
    # lines of a Kaldi table
    Case("wav.scp", 2, f"{wav(3)}\n{wav(2)}\n#3", "wav.scp:3", "mix-2 comes after mix-3, not sorted", "fix"),
    Case("wav.scp", 2, f"{wav(2)}\n{wav(2)}", "wav.scp:3", "mix-2 again, first in line 2", "fix"),
    Case("wav.scp", 2, f"{wav(2)}\nmix-2 a.wav", "wav.scp:3", "mix-2 again with another value", "drop"),
    Case("utt2labels", 2, "mix-2 bark,drill\nmix-2 horn", "utt2labels:3", "mix-2 again with another value", "drop"),
    Case("utt2dur", 2, "mix-2 0.5\nmix-2 1", "utt2dur:3", "mix-2 again with another value", "fix"),
    Case("wav.scp", 2, f"{wav(2)}\n", "wav.scp:3", "an empty line", "fix"),
    Case("wav.scp", 2, "mix-2", "wav.scp:2", "expected 'key value', found 'mix-2'", "drop"),
    Case("utt2dur", 2, "mix-2 ", "utt2dur:2", "expected 'key value', found 'mix-2 '", "fix"),
    Case("wav.scp", 2, "mix-2\taudio/mix/mix-2.wav", "wav.scp:2", "surplus blanks or tabs: expected 'mix-2 a", "fix"),
    Case("wav.scp", 2, f" {wav(2)}  ", "wav.scp:2", "surplus blanks or tabs: expected 'mix-2 a", "fix"),
    Case("wav.scp", 1, b"\xef\xbb\xbf" + wav(1).encode(), "wav.scp:1", "begins with a byte order mark", "fix"),
    Case("wav.scp", 2, f"{wav(2)}\r", "wav.scp:2", "Windows line ends (lines that have them: 1)", "fix"),
    Case("wav.scp", 6, None, "wav.scp:5", "the last line has no end; the file may be cut", "fix"),
    Case(
        "wav.scp",
        2,
        b"mix-2 audio/\xff.wav",
        "wav.scp:2",
        "not text: 'utf-8' codec can't decode byte 0xff in position 12",
        "drop",
    ),
    Case("utt2spk", 2, "mix-2 a\x07b", "utt2spk:2", "not text: the control character '\\x07' in column 8", "drop"),
    Case("src_bark.scp", 2, "mix-2 \x01", "src_bark.scp:2", "not text: the control character", "stage"),
    # ids
    Case("wav.scp", 1, ".mix a.wav", "wav.scp:1", "the id '.mix' is empty or begins with a dot", "drop"),
    Case("wav.scp", 1, "../a a.wav", "wav.scp:1", "the id '../a' holds a slash", "drop"),
    Case("wav.scp", 1, "m\u00a0x a.wav", "wav.scp:1", "the id 'm\\xa0x' holds a blank", "drop"),
    Case("wav.scp", 1, f"{LONG} a.wav", "wav.scp:1", f"the id '{LONG}' is longer than 200 bytes", "drop"),
    # clips that a table lacks or has beyond
    Case("utt2spk", 2, None, "wav.scp:2", "mix-2 is not in utt2spk", "drop"),
    Case("utt2labels", 2, None, "wav.scp:2", "mix-2 is not in utt2labels", "drop"),
    Case("utt2dur", 2, None, "wav.scp:2", "mix-2 is not in utt2dur", "fix"),
    Case("wav.scp", 2, None, "utt2spk:2", "mix-2 is not in wav.scp", "drop"),
    Case("wav.scp", 2, None, "utt2dur:2", "mix-2 is not in wav.scp", "fix"),
    Case("wav.scp", 2, None, "src_drill.scp:1", "mix-2 is not in wav.scp", "fix"),
    Case("wav.scp", 2, None, "events.tsv:3", "'mix-2' is no clip of wav.scp", "fix"),
    Case("wav.scp", 2, None, "scenes.jsonl:2", "mix-2 is not in wav.scp", "fix"),
    # empty files
    Case("wav.scp", 0, "", "wav.scp", "no clip in it", "stage"),
    Case("labels.txt", 0, "", "labels.txt", "no class in it", "stage"),
    Case("events.tsv", 0, "", "events.tsv:1", "the first line must name", "stage"),
    Case("scenes.jsonl", 0, "", "wav.scp:1", "mix-1 is not in scenes.jsonl", "stage"),
    Case("utt2spk", 0, "", "wav.scp:5", "mix-5 is not in utt2spk", "drop"),
    # spk2utt
    Case("spk2utt", 2, "mix-2 mix-9", "spk2utt:2", "'mix-2 mix-9', which is not what utt2spk says", "fix"),
    Case("spk2utt", 2, "mix-2 mix-2 mix-2", "spk2utt:2", "'mix-2 mix-2 mix-2', which is not what utt2spk", "fix"),
    Case("spk2utt", 2, None, "spk2utt", "'mix-2 mix-2', not there, which is what", "fix"),
    Case("spk2utt", 5, "mix-5 mix-5\nmix-6 mix-6", "spk2utt:6", "'mix-6 mix-6', which is not what utt2spk", "fix"),
    # lengths
    Case("utt2dur", 2, "mix-2 half", "utt2dur:2", "mix-2: 'half' is not a length in seconds", "fix"),
    Case("utt2dur", 2, "mix-2 nan", "utt2dur:2", "mix-2: 'nan' is not a length in seconds", "fix"),
    Case("utt2dur", 2, "mix-2 0", "utt2dur:2", "mix-2: '0' is not a length in seconds", "fix"),
    Case("utt2dur", 2, "mix-2 1e300", "utt2dur:2", "mix-2: '1e300' is not a length in seconds", "fix"),
    Case("utt2dur", 2, "mix-2 0.6", "scenes.jsonl:2", "mix-2: 0.5 s long, utt2dur has 0.6 s", "stage"),
    # classes
    Case("labels.txt", 2, "drill\ndrill", "labels.txt:3", "drill again, first in line 2", "fix"),
    Case("labels.txt", 2, "drill ", "labels.txt:2", "surplus blanks or tabs: expected 'drill'", "fix"),
    Case("labels.txt", 2, "drill\n", "labels.txt:3", "an empty line", "fix"),
    Case("labels.txt", 2, b"dr\xffll", "labels.txt:2", "not text: 'utf-8'", "stage"),
    Case(
        "labels.txt",
        4,
        "a/b\n",
        "labels.txt:4",
        "the class 'a/b' holds a slash",
        "rename it in conf/data.yaml, then run.sh --stage 0",
    ),
    Case("labels.txt", 3, "hoot", "utt2labels:3", "mix-3: not in labels.txt: 'horn'", "stage"),
    Case("labels.txt", 3, "hoot", "events.tsv:7", "class 'horn' is not in labels.txt", "stage"),
    Case(
        "labels.txt", 3, "hoot", "src_horn.scp", "class 'horn' is not in labels.txt", "remove it, or run.sh --stage 1"
    ),
    Case("labels.txt", 3, "hoot", "src_hoot.scp", "no such file", "stage"),
    Case("utt2labels", 2, "mix-2 bark,drill,bark", "utt2labels:2", "mix-2: a class is named twice", "stage"),
    Case("utt2labels", 2, "mix-2 bark,", "utt2labels:2", "mix-2: not in labels.txt: ''", "stage"),
    Case("utt2labels", 2, "mix-2 bark", "utt2labels:2", "mix-2 is labelled bark, in events.tsv it has bark,d", "stage"),
    Case("utt2labels", 2, "mix-2 -", "utt2labels:2", "mix-2 is labelled -, in events.tsv it has bark,drill", "stage"),
    Case("utt2labels", 2, "mix-2 -", "utt2labels:2", "mix-2 is labelled -, in scenes.jsonl it has bark,drill", "stage"),
    Case(
        "utt2labels", 2, "mix-2 bark", "src_drill.scp:1", "mix-2 has a reference of class drill, which utt2l", "stage"
    ),
    Case("utt2labels", 1, "mix-1 bark,horn", "utt2labels:1", "mix-1 has class horn and is not in src_horn", "stage"),
    # events.tsv
    Case("events.tsv", 1, "file\tonset\toffset\tevent_label", "events.tsv:1", "the first line must name the", "stage"),
    Case("events.tsv", 3, "mix-2.wav\t0\t0.375", "events.tsv:3", "3 cells, the header has 4", "stage"),
    Case("events.tsv", 3, event(2, "0", "nan", "bark"), "events.tsv:3", "onset and offset must be seconds", "stage"),
    Case("events.tsv", 3, event(2, "0", "1e300", "bark"), "events.tsv:3", "onset and offset must be seconds", "stage"),
    Case(
        "events.tsv", 3, event(2, "0", "0.6", "bark"), "events.tsv:3", "mix-2: an event from 0 to 0.6 s leaves", "fix"
    ),
    Case("events.tsv", 3, event(2, "-1", "0.3", "bark"), "events.tsv:3", "mix-2: an event from -1 to 0.3 s lea", "fix"),
    Case(
        "events.tsv",
        3,
        event(2, "0.2", "0.2", "bark"),
        "events.tsv:3",
        "mix-2: an event from 0.2 to 0.2 s ends",
        "stage",
    ),
    Case("events.tsv", 3, event(2, "0", "0.3", "hoot"), "events.tsv:3", "class 'hoot' is not in labels.txt", "stage"),
    Case("events.tsv", 3, event(9, "0", "0.3", "bark"), "events.tsv:3", "'mix-9' is no clip of wav.scp", "fix"),
    Case("events.tsv", 3, None, "utt2labels:2", "mix-2 is labelled bark,drill, in events.tsv it has drill", "stage"),
    Case("events.tsv", 3, None, "scenes.jsonl:2", "mix-2: bark at 0 s is not in events.tsv", "stage"),
    Case(
        "events.tsv", 3, event(2, "0.1", "0.3", "bark"), "events.tsv:3", "mix-2: no bark at 0.1 s in its scene", "stage"
    ),
    Case(
        "events.tsv",
        2,
        f"{event(1, '0', '.5', 'bark')}\n{event(1, '0', '.5', 'bark')}",
        "events.tsv:3",
        "mix-1: the same row again",
        "fix",
    ),
    Case(
        "events.tsv",
        10,
        f"{event(5, '0.125', '0.25', 'horn')}\n{event(1, '0', '.5', 'bark')}",
        "events.tsv:11",
        "not sorted by filename, onset",
        "fix",
    ),
    Case("events.tsv", 3, "", "events.tsv:3", "an empty line", "fix"),
    # scenes.jsonl
    Case("scenes.jsonl", 1, "{", "scenes.jsonl:1", "not a scene: ", "stage"),
    Case("scenes.jsonl", 1, '{"utt_id": "mix-1"}', "scenes.jsonl:1", "not a scene: ", "stage"),
    Case("scenes.jsonl", 1, SCENE_1.replace("8000", '"8000"'), "scenes.jsonl:1", "sample_rate '8000'", "stage"),
    Case("scenes.jsonl", 1, None, "wav.scp:1", "mix-1 is not in scenes.jsonl", "stage"),
    Case("scenes.jsonl", 1, f"{SCENE_1}\n{SCENE_1}", "scenes.jsonl:2", "mix-1 again, first in line 1", "fix"),
    Case(
        "scenes.jsonl",
        1,
        f"{SCENE_1}\n{SCENE_1.replace('-26', '-27')}",
        "scenes.jsonl:2",
        "mix-1 again with ano",
        "stage",
    ),
    Case("scenes.jsonl", 1, f"#2\n{SCENE_1}\n#2", "scenes.jsonl:2", "mix-1 comes after mix-2, not sorted", "fix"),
    Case("scenes.jsonl", 1, f"{SCENE_1}\n", "scenes.jsonl:2", "an empty line", "fix"),
    Case(
        "scenes.jsonl",
        1,
        SCENE_1.replace("0.5", "0.25"),
        "scenes.jsonl:1",
        "mix-1: 0.25 s long, utt2dur has 0.5",
        "stage",
    ),
    Case(
        "scenes.jsonl",
        1,
        SCENE_1.replace('"bark"', '"horn"'),
        "utt2labels:1",
        "mix-1 is labelled bark, in scenes.jsonl it has horn",
        "stage",
    ),
    # files that wav.scp and src_*.scp name
    Case("wav.scp", 2, "mix-2 sox a.wav |", "wav.scp:2", "mix-2: shell pipes are not run", "drop"),
    Case("wav.scp", 2, "mix-2 | sox a.wav", "wav.scp:2", "mix-2: shell pipes are not run", "drop"),
    Case(
        "wav.scp",
        2,
        "mix-2 audio/../audio/mix/mix-2.wav",
        "wav.scp:2",
        "mix-2: audio/../audio/mix/mix-2.wav leads",
        "stage",
    ),
    Case("wav.scp", 2, "mix-2 no.wav", "wav.scp:2", "mix-2: no file no.wav", "stage"),
    Case("src_horn.scp", 3, "mix-5 no.wav", "src_horn.scp:3", "mix-5: no file no.wav", "stage"),
    Case("wav.scp", 2, "mix-2 audio/mix", "wav.scp:2", "mix-2: no file audio/mix", "stage"),
    Case("audio/mix/mix-2.wav", 0, "", "wav.scp:2", "mix-2: audio/mix/mix-2.wav is empty", "stage"),
    # references
    Case("src_horn.scp", 3, None, "utt2labels:5", "mix-5 has class horn and is not in src_horn.scp", "stage"),
    Case("src_horn.scp", 3, "#3\nmix-9 a.wav", "src_horn.scp:4", "mix-9 is not in wav.scp", "fix"),
    Case(
        "src_horn.scp",
        1,
        "mix-1 audio/mix/mix-1.wav\n#1",
        "src_horn.scp:1",
        "mix-1 has a reference of class horn",
        "stage",
    ),
]


def remedy_of(folder: Path, remedy: str) -> str:
    """The text that a case's ``remedy`` stands for."""
    fix = f"utils/fix_data_dir.sh {folder}"
    drop = f"run.sh --stage 1 (or, without the clip, {fix})"
    return {"fix": fix, "drop": drop, "stage": "run.sh --stage 1"}.get(remedy, remedy)


def found(*folders: Path) -> list[str]:
    """All problems of the folders, one line each."""
    return [str(problem) for report in validate(folders) for problem in report.problems]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where} {case.what[:40]}")
def test_a_defect_is_found_where_it_is(folder: Path, set_line: Callable[..., None], case: Case) -> None:
    path = folder / case.name
    if case.line == 0:
        path.write_text("")
    elif isinstance(case.text, str) and "#" in case.text:  # "#n" stands for what was there in line n
        number = int(case.text.partition("#")[2][0])
        old = path.read_text().splitlines()[number - 1]
        set_line(path, case.line, case.text.replace(f"#{number}", old))
    else:
        set_line(path, case.line, case.text)
    lines = [line for line in found(folder) if line.startswith(f"{folder}/{case.where}: {case.what}")]
    assert len(lines) == 1, found(folder)
    remedy = remedy_of(folder, case.remedy)
    assert lines[0].endswith(f"; {remedy}") or f"; {remedy}," in lines[0], lines[0]


def test_a_whole_folder_has_no_problem(folder: Path) -> None:
    assert found(folder) == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("wav.scp", "stage"),
        ("utt2spk", "stage"),
        ("spk2utt", "fix"),
        ("utt2dur", "fix"),
        ("labels.txt", "stage"),
        ("utt2labels", "stage"),
        ("events.tsv", "stage"),
        ("scenes.jsonl", "stage"),
        ("src_bark.scp", "stage"),
    ],
)
def test_a_missing_table_is_one_problem(folder: Path, name: str, remedy: str) -> None:
    (folder / name).unlink()
    assert found(folder) == [f"{folder}/{name}: no such file; {remedy_of(folder, remedy)}"]
    os.mkfifo(folder / name)  # into which nobody writes
    assert found(folder) == [f"{folder}/{name}: cannot be read (not a regular file); put a readable file in its place"]


def test_all_defects_are_listed_at_once(folder: Path, set_line: Callable[..., None]) -> None:
    set_line(folder / "utt2spk", 1, None)
    set_line(folder / "utt2dur", 2, "mix-2 x")
    set_line(folder / "utt2labels", 5, b"mix-5 \xff")
    set_line(folder / "events.tsv", 4, "nothing")
    set_line(folder / "scenes.jsonl", 3, "nothing")
    (folder / "audio/drill/mix-4.wav").unlink()
    (folder / "labels.txt").write_bytes(b"bark\r\ndrill\r\nhorn\r\n")
    wheres = {line.partition(": ")[0].removeprefix(f"{folder}/") for line in found(folder)}
    assert wheres >= {
        "wav.scp:1",
        "utt2dur:2",
        "utt2labels:5",
        "events.tsv:4",
        "scenes.jsonl:3",
        "src_drill.scp:3",
        "labels.txt:1",
    }


@pytest.mark.parametrize("name", ["utt2dur", "scenes.jsonl"])
def test_a_double_line_is_not_out_of_order_as_well(folder: Path, set_line: Callable[..., None], name: str) -> None:
    line = (folder / name).read_text().splitlines()[1]
    set_line(folder / name, 2, f"{line}\n{line}")
    assert [problem.partition("; ")[0] for problem in found(folder)] == [
        f"{folder}/{name}:3: mix-2 again, first in line 2"
    ]


def test_every_line_of_a_kind_is_listed(folder: Path) -> None:
    (folder / "utt2dur").write_text("".join(f"mix-{number} x\n" for number in range(1, 6)))
    assert len([line for line in found(folder) if "is not a length" in line]) == 5


def test_two_events_that_begin_and_end_together_are_no_double(folder: Path, set_line: Callable[..., None]) -> None:
    # Both are cut at the clip's end, so their rows are the same.
    row = event(1, "0.2500000", DURATION, "bark")
    set_line(folder / "events.tsv", 2, f"{row}\n{row}")
    one = SCENE_1[SCENE_1.index('{"event_id') : -2].replace('"onset_s": 0.0', '"onset_s": 0.25')
    set_line(folder / "scenes.jsonl", 1, f"{SCENE_1[: SCENE_1.index('[') + 1]}{one}, {one}]}}")
    assert found(folder) == []
    set_line(folder / "events.tsv", 2, f"{row}\n{row}")
    assert [line.partition("; ")[0] for line in found(folder)] == [f"{folder}/events.tsv:4: mix-1: the same row again"]


def test_a_hyphen_is_no_class_and_an_absolute_path_is_fine(folder: Path, set_line: Callable[..., None]) -> None:
    set_line(folder / "wav.scp", 2, f"mix-2 {folder.absolute()}/audio/mix/mix-2.wav")
    assert found(folder) == []
    set_line(folder / "utt2labels", 2, "mix-2 -")
    assert not any("is not in labels.txt" in line for line in found(folder))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert found(tmp_path / "data/test") == [f"{tmp_path}/data/test: no such data folder; run.sh --stage 1"]


def test_a_strange_id_does_not_break_the_line(folder: Path, set_line: Callable[..., None]) -> None:
    set_line(folder / "wav.scp", 1, "a\u2028b a.wav")
    assert all(line.isprintable() for line in found(folder))
