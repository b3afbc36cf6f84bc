"""Reading text: what is no regular file, or larger than anybody would write, ends in one line at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.fileio import parsed
from weaksep.fileio.ark import ArkReader
from weaksep.fileio.audio import read_any
from weaksep.fileio.datadir import parse_events, parse_lengths, parse_scp, read_scp
from weaksep.fileio.parsed import Parsed
from weaksep.fileio.tables import parse_ids, parse_list, parse_table, read_lines, read_list, read_table
from weaksep.fileio.tsv import read_tsv
from weaksep.fileio.yamlfile import load_config
from weaksep.mixtures.scene import parse_scenes, read_scenes
from weaksep.recordings.audioset import read_segments
from weaksep.recordings.jams import read_jams
from weaksep.recordings.tables import read_table as read_labels
from weaksep.report.facts import read_history

READERS: dict[str, Callable[[Path], object]] = {
    "lines": read_lines,
    "table": read_table,
    "classes": read_list,
    "scp": read_scp,
    "tsv": lambda path: read_tsv(path, ["onset"]),
    "scenes": read_scenes,
    "settings": lambda path: load_config(FeatsConfig, path),
    "history": read_history,
    "clip labels": lambda path: read_labels(path, timed=False),
    "events": lambda path: read_labels(path, timed=True),
    "segments": read_segments,
    "jams": read_jams,
    "audio": lambda path: read_any(path, 8000),
    "archive": lambda path: ArkReader().read(path, 0),
}
PARSERS = [parse_table, parse_scp, parse_lengths, parse_ids, parse_list, parse_events, parse_scenes]


def pipe(folder: Path) -> Path:
    """A named pipe into which nobody writes."""
    os.mkfifo(folder / "file.jams")
    return folder / "file.jams"


def linked_pipe(folder: Path) -> Path:
    (folder / "link.jams").symlink_to(pipe(folder))
    return folder / "link.jams"


def directory(folder: Path) -> Path:
    (folder / "file.jams").mkdir()
    (folder / "file.jams/file.jams").mkdir()  # of a folder read_jams reads the files in it
    return folder / "file.jams"


def device(folder: Path) -> Path:
    (folder / "zero.jams").symlink_to("/dev/zero")
    return folder / "zero.jams"


@pytest.mark.parametrize("place", [pipe, linked_pipe, directory, device])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_regular_file_is_one_line_at_once(
    tmp_path: Path, reader: str, place: Callable[[Path], Path]
) -> None:
    path = place(tmp_path)
    with pytest.raises(UserError, match="not a regular file") as caught:
        READERS[reader](path)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize("parser", PARSERS)
def test_to_a_parser_it_is_the_one_problem_of_the_file(tmp_path: Path, parser: Callable[[Path], Parsed]) -> None:
    found = parser(pipe(tmp_path))
    assert not found.there and [problem.what for problem in found.problems] == ["cannot be read (not a regular file)"]
    found = parser(tmp_path / "none")
    assert not found.there and [problem.what for problem in found.problems] == ["no such file"]


def sparse(path: Path, size: int) -> Path:
    """A file that is all zeros and takes no room."""
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def test_files_have_sizes_and_lines_have_lengths(tmp_path: Path) -> None:
    huge = sparse(tmp_path / "huge", 2**40)
    for reader, match in ((read_list, "larger than"), (read_jams, "larger than"), (read_table, "a line of")):
        with pytest.raises(UserError, match=match):
            reader(huge)
    with pytest.raises(UserError, match="huge: cannot be read .larger than"):
        load_config(FeatsConfig, huge)


def test_a_table_is_read_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "MAX_LINE_BYTES", 12)
    (tmp_path / "table").write_text("".join(f"u{number} value\n" for number in range(100, 200)))
    assert len(read_table(tmp_path / "table")) == 100
    (tmp_path / "table").write_text("a value\nb a longer value\n")
    with pytest.raises(UserError, match="table: cannot be read .a line of 12 bytes or more"):
        read_table(tmp_path / "table")


@pytest.mark.parametrize("value", ["[" * 100_000, '{"a": ' * 100_000])
def test_nested_jams(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.jams").write_text(value)
    with pytest.raises(UserError, match=r"a\.jams: not a JAMS file of clip labels or events"):
        read_jams(tmp_path)


def test_a_time_of_400_digits(tmp_path: Path) -> None:
    event = {"time": 10**400, "duration": 1.0, "value": "dog", "confidence": 1.0}
    annotations = [{"namespace": "segment_open", "data": [event]}]
    (tmp_path / "a.jams").write_text(json.dumps({"file_metadata": {}, "annotations": annotations}))
    with pytest.raises(UserError, match=r"a\.jams: not a JAMS file of clip labels or events .OverflowError"):
        read_jams(tmp_path)


def test_all_that_is_wrong_with_the_text_is_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(b"\xef\xbb\xbfb x\r\n\na \xff\na\tx\nc \0\nd x")
    problems = [(problem.line, problem.what.partition(":")[0]) for problem in parse_table(tmp_path / "table").problems]
    assert problems == [
        (1, "begins with a byte order mark"),
        (2, "an empty line"),
        (3, "not text"),
        (4, "surplus blanks or tabs"),
        (4, "a comes after b, not sorted as by LC_ALL=C sort"),
        (5, "not text"),
        (1, "Windows line ends (lines that have them"),
        (6, "the last line has no end; the file may be cut short"),
    ]
    assert list(parse_table(tmp_path / "table").entries) == ["b", "a", "d"]
