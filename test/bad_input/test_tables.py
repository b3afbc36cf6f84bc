"""Kaldi tables and events.tsv that are malformed, lead astray or do not fit; and odd paths that are all right."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

SCP = Path("data/test/wav.scp")
FIRST = "test-000001 audio/mix/test-000001.wav"
SEPARATE = ("infer", "--oracles", "false")

Spoil = Callable[[str], str | bytes]


def first(line: str) -> Spoil:
    """Another first line."""
    return lambda text: text.replace(FIRST, line, 1)


BAD_SCP: dict[str, tuple[Spoil, str]] = {
    "a pipe behind": (
        first("test-000001 touch sprung |"),
        "wav.scp:1: test-000001: shell pipes are not run",
    ),
    "a pipe in front": (
        first("test-000001 | touch sprung"),
        "wav.scp:1: test-000001: shell pipes are not run",
    ),
    "no value": (first("test-000001"), "wav.scp:1: expected 'key value', found 'test-000001'"),
    "a blank value": (first("test-000001   "), "wav.scp:1: expected 'key value', found 'test-000001   '"),
    "a tab for the blank": (
        first(FIRST.replace(" ", "\t")),
        r"wav.scp:1: surplus blanks or tabs: expected 'test-000001 audio/.*, found 'test-000001\\taudio",
    ),
    "an empty line": (lambda t: t.replace("\n", "\n\n", 1), "wav.scp:2: an empty line"),
    "a key twice": (lambda t: t.splitlines()[0] + "\n" + t, "wav.scp:2: test-000001 again, first in line 1"),
    "out of order": (
        lambda t: "".join(sorted(t.splitlines(True))[::-1]),
        "wav.scp:2: test-000002 comes after test-000003, not sorted",
    ),
    "Windows line ends": (
        lambda t: t.replace("\n", "\r\n"),
        r"^data/test/wav.scp:1: Windows line ends .*weaksep fix",
    ),
    "a byte order mark": (
        lambda t: "\ufeff" + t,
        "^data/test/wav.scp:1: begins with a byte order mark; correct the file .*weaksep fix",
    ),
    "not UTF-8": (lambda t: t.encode() + b"u\xff x\n", "^data/test/wav.scp:4: not text: 'utf-8' codec.*; correct it"),
    "a zero byte": (
        lambda t: t.replace("mix", "m\0x", 1),
        r"^data/test/wav.scp:1: not text: the control character '\\x00'",
    ),
    "an escape character": (
        lambda t: t.replace("mix", "\33[2J", 1),
        r"^data/test/wav.scp:1: not text: the control character '\\x1b'",
    ),
    "an id in another folder": (first("../../x a.wav"), r"wav.scp:1: the id '../../x' holds a slash"),
    "an absolute id": (first("/tmp/x a.wav"), "wav.scp:1: the id '/tmp/x' holds a slash"),
    "the folder above": (first(".. a.wav"), r"wav.scp:1: the id '\.\.' is empty or begins with a dot"),
    "a hidden id": (first(".x a.wav"), r"wav.scp:1: the id '\.x' is empty or begins with a dot"),
    "an id of 300 letters": (
        first("a" * 300 + " a.wav"),
        "wav.scp:1: the id 'a+' is longer than 200 bytes",
    ),
    "an id that cannot be seen": (
        first("test\u200b-1 a.wav"),
        "wav.scp:1: the id .* a character that cannot be printed",
    ),
    "a file that is not there": (
        first("test-000001 none.wav"),
        r"(?s)cannot be separated .1 .*data/test/none.wav: no such f",
    ),
    "a folder": (
        first("test-000001 audio"),
        r"(?s)cannot be separated .1 problem.*data/test/audio: cannot be read as audio .not a regular file",
    ),
    "a name of 5000 letters": (
        first("test-000001 " + "a" * 5000),
        "(?s)1 problem.*: cannot be read as audio .File name too",
    ),
    "empty": (lambda t: "", "wav.scp is empty"),
}


@pytest.mark.parametrize("name", BAD_SCP)
def test_bad_lists_of_files(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD_SCP[name]
    changed = spoil(SCP.read_text())
    SCP.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    refused(*SEPARATE, match=message)
    assert not Path("sprung").exists()


def test_all_lines_are_listed_at_once(recipe: Path, refused) -> None:
    SCP.write_text("b x |\na |x\na y\n/ z\nlonely\n")
    refused(*SEPARATE, match=r"wav.scp is not a valid list of files \(4 problems\)")


def blanks(audio: Path) -> str:
    shutil.copy(audio, "data/test/a name with blanks.wav")
    return "a name with blanks.wav"


def above(audio: Path) -> str:
    shutil.copy(audio, "above.wav")
    return "../../above.wav"


def absolute(audio: Path) -> str:
    shutil.copy(audio, "above.wav")
    return str(Path("above.wav").resolve())


def separator(audio: Path) -> str:
    """A character at which Python would end a line, and Kaldi would not."""
    shutil.copy(audio, "data/test/a\u2028b\x85c.wav")
    return "a\u2028b\x85c.wav"


@pytest.mark.parametrize("place", [blanks, above, absolute, separator])
def test_paths_that_are_all_right(recipe: Path, accepted, place: Callable[[Path], str]) -> None:
    audio = Path("exp/separator_strong/separated/test/audio")
    before = {path: path.read_bytes() for path in audio.rglob("*.wav")}
    SCP.write_text(
        SCP.read_text().replace("audio/mix/test-000001.wav", place(Path("data/test/audio/mix/test-000001.wav")))
    )
    accepted(*SEPARATE)
    assert {path: path.read_bytes() for path in audio.rglob("*.wav")} == before


LABELS: dict[str, tuple[str, str]] = {
    "twice": ("siren\nsiren\n", "^data/test/labels.txt:2: siren again, first in line 1"),
    "empty": ("\n\n", "data/test/labels.txt: no class in it"),
    "another folder": ("dog_bark\n../siren\n", r"labels.txt:2: the class '../siren' holds a slash; rename it"),
    "reserved": ("dog_bark\nbackground\n", "labels.txt:2: the class 'background' is taken: it names the files of"),
    "taken": ("dog_bark\nmix\n", "labels.txt:2: the class 'mix' is taken: it names the folder of the mixtures"),
    "a comma": ("dog_bark\na,b\n", "labels.txt:2: the class 'a,b' holds a comma"),
    "a blank": ("dog bark\nsiren\n", "labels.txt:1: the class 'dog bark' holds a blank"),
    "other classes": (
        "dog_bark\nbell\n",
        "trained for classes dog_bark siren, but data/test/labels.txt has dog_bark bell",
    ),
    "another order": (
        "siren\ndog_bark\n",
        "trained for classes dog_bark siren, but data/test/labels.txt has siren dog_bark",
    ),
}


@pytest.mark.parametrize("name", LABELS)
def test_bad_labels(recipe: Path, refused, name: str) -> None:
    text, message = LABELS[name]
    Path("data/test/labels.txt").write_text(text)
    refused(*SEPARATE, match=message)


HEADER = "filename\tonset\toffset\tevent_label\n"
UTT = "test-000001.wav"
EVENTS: dict[str, tuple[str, str]] = {
    "a column missing": (
        f"filename\tonset\toffset\n{UTT}\t0.1\t0.2\n",
        "^data/test/events.tsv:1: the first line must name the columns .*event_label, each once",
    ),
    "a column twice": (
        f"{HEADER.strip()}\tonset\n",
        "^data/test/events.tsv:1: the first line must name the columns .*, each once",
    ),
    "empty": ("", "^data/test/events.tsv:1: the first line must name the columns filename, onset"),
    "a cell too many": (f"{HEADER}{UTT}\t0.1\t0.2\tsiren\tx\n", "events.tsv:2: 5 cells, the header has 4"),
    "a line of blanks": (f"{HEADER}{UTT}\t0.1\t0.2\tsiren\n \n", "events.tsv:3: an empty line"),
    "text for a time": (
        f"{HEADER}{UTT}\tearly\t0.2\tsiren\n",
        "events.tsv:2: onset and offset must be seconds: 'early' is",
    ),
    "no time": (f"{HEADER}{UTT}\t\t0.2\tsiren\n", "events.tsv:2: onset and offset must be seconds: '' is not a number"),
    "a comma for the point": (f"{HEADER}{UTT}\t0,1\t0.2\tsiren\n", "events.tsv:2: .* seconds: '0,1' is not a number"),
    "not a number": (f"{HEADER}{UTT}\tnan\t0.2\tsiren\n", "events.tsv:2: .* seconds: 'nan' is not a number"),
    "no end": (f"{HEADER}{UTT}\t0.1\tinf\tsiren\n", "events.tsv:2: .* seconds: 'inf' is not a number"),
    "an underscore": (f"{HEADER}{UTT}\t0.1\t1_0\tsiren\n", "events.tsv:2: .* seconds: '1_0' is not a number"),
    "an end in ages": (
        f"{HEADER}{UTT}\t0.1\t1e300\tsiren\n",
        "events.tsv:2: onset and offset must be seconds of a clip, found 0.1 and 1e300",
    ),
    "an end of 999 digits": (
        f"{HEADER}{UTT}\t0.1\t{'9' * 999}\tsiren\n",
        "events.tsv:2: .* seconds: '9+' is not a number",
    ),
    "end before start": (
        f"{HEADER}{UTT}\t0.2\t0.1\tsiren\n",
        "events.tsv:2: test-000001: an event from 0.2 to 0.1 s ends before it begins",
    ),
    "of no length": (
        f"{HEADER}{UTT}\t0.2\t0.2\tsiren\n",
        "events.tsv:2: test-000001: an event from 0.2 to 0.2 s ends before",
    ),
    "before the clip": (
        f"{HEADER}{UTT}\t-0.1\t0.2\tsiren\n",
        "events.tsv:2: test-000001: an event from -0.1 to 0.2 s leaves its clip",
    ),
    "an unknown class": (f"{HEADER}{UTT}\t0.1\t0.2\tbell\n", "events.tsv:2: class 'bell' is not in labels.txt"),
    "an unknown clip": (f"{HEADER}x.wav\t0.1\t0.2\tsiren\n", "events.tsv:2: 'x' is no clip of wav.scp"),
    "Windows line ends": (
        f"{HEADER}{UTT}\t0.1\t0.2\tsiren\n".replace("\n", "\r\n"),
        "^data/test/events.tsv:1: Windows line",
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_bad_events(recipe: Path, refused, name: str) -> None:
    text, message = EVENTS[name]
    Path("data/test/events.tsv").write_bytes(text.encode())
    refused("score", match=message)


CLIP_LABELS: dict[str, tuple[str, str]] = {
    "an unknown class": (
        "test-000001 bell\ntest-000002 siren\ntest-000003 siren\n",
        "utt2labels:1: test-000001: not in labels.txt: 'bell'",
    ),
    "a clip missing": ("test-000001 siren\ntest-000002 siren\n", "data/test/utt2labels: test-000003 has no labels"),
    "a comma too many": (
        "test-000001 siren,\ntest-000002 siren\ntest-000003 siren\n",
        "test-000001: not in labels.txt: ''",
    ),
}


@pytest.mark.parametrize("name", CLIP_LABELS)
def test_bad_clip_labels(recipe: Path, refused, name: str) -> None:
    text, message = CLIP_LABELS[name]
    Path("data/test/utt2labels").write_text(text)
    refused("score", match=message)


POOL: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a class missing": ("utt2class", lambda t: t.partition("\n")[2], "300-3-0-0: not in utt2class"),
    "a recording missing": ("utt2spk", lambda t: t.partition("\n")[2], "300-3-0-0: not in utt2spk"),
    "an unknown class": (
        "utt2class",
        lambda t: t.replace("siren", "bell"),
        r"(?s)class bell is not in labels.*class siren: no",
    ),
    "no events": (
        "wav.scp",
        lambda t: "",
        "(?s)data/events/test is not a valid folder of events.*class siren: no event",
    ),
    "a pipe": ("wav.scp", lambda t: t.replace("audio/300-3-0-0.wav", "touch sprung |"), "shell pipes are not run"),
    "two recordings": ("utt2spk", lambda t: t + t, "utt2spk:5: 300-3-0-0 again, first in line 1"),
}


@pytest.mark.parametrize("name", POOL)
def test_bad_events_folders(recipe: Path, refused, name: str) -> None:
    table, spoil, message = POOL[name]
    path = Path("data/events/test") / table
    path.write_text(spoil(path.read_text()))
    refused("mix", "--config", "conf/mix.yaml", match=message)
    assert not Path("sprung").exists() and not Path("data/events/test/sprung").exists()


MISSING = {
    "mix without events": (
        ("mix", "--config", "conf/mix.yaml", "--events", "none"),
        "^none/train: no events here .*stage 0 wr",
    ),
    "feats without data": (
        ("feats", "--config", "conf/feats.yaml", "--datadir", "none"),
        "^none/train: no such data folder",
    ),
    "infer without data": (
        (*SEPARATE, "--data", "none/test"),
        "^none/test: no such data folder .stage 1 makes it.$",
    ),
    "score without features": (
        ("score", "--dump", "none/test", "--force", "true"),
        "^none/test/feats.yaml: no such config",
    ),
    "report without data": (("report", "--datadir", "none"), "^none/test: no such data folder .stage 1 makes it.$"),
}


@pytest.mark.parametrize("name", MISSING)
def test_folders_that_are_not_there(recipe: Path, refused, name: str) -> None:
    command, message = MISSING[name]
    # What separates nothing is made of the mixtures alone, and scored all the same.
    refused(*command, match=message, others="^exp/(equal_shares|random_masks)/")


@pytest.mark.parametrize("table", ["wav.scp", "labels.txt", "utt2labels", "events.tsv", "src_siren.scp"])
def test_tables_that_are_not_there(recipe: Path, refused, table: str) -> None:
    (Path("data/test") / table).unlink()
    refused("score", match=f"data/test/{table}: no such file; has the stage that writes it been run")


def test_a_folder_in_place_of_a_table(recipe: Path, refused) -> None:
    SCP.unlink()
    SCP.mkdir()
    refused(*SEPARATE, match="^data/test/wav.scp: cannot be read .not a regular file.;")
