"""Kaldi tables (``key value`` lines, sorted and unique under LC_ALL=C), and lists.

These and TSV files (fileio/tsv.py) are UTF-8 with Unix line ends and without control characters, since shell tools read
them byte by byte. Keys become names of files, so a key that would lead into another folder is refused
(fileio/names.py).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import raise_problems
from weaksep.fileio.atomic import write_text
from weaksep.fileio.names import folded, id_problem, label_problem
from weaksep.fileio.parsed import CONTROL, LOST, REPAIR, Entry, Parsed
from weaksep.fileio.scp import scp_entries

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LINE = re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t](?:.*[^ \t])?)[ \t]*")
MAX_LIST_BYTES = 1_000_000
MAX_EVENT_S = 1e6  # 11 days: a later end is no time in a clip, and would not fit into a sample number for long
RENAME = "rename it in conf/data.yaml, then run.sh --stage 0"


def read_lines(path: str | Path) -> list[str]:
    """Lines of a UTF-8 text file, without line ends.

    Raises:
        UserError: the file is missing, unreadable, not UTF-8, begins with a byte order mark, or holds a control
            character, such as the carriage return of a Windows line end.
    """
    parsed = Parsed(Path(path))
    lines = [line for _, line in parsed.lines(loose=True)]
    parsed.values("a text file")
    return lines


def to_float(text: str) -> float:
    """A finite decimal number; ValueError for all else, also for what Python takes beyond that (nan, 1_000).

    >>> to_float("0.25"), to_float("-3e1")
    (0.25, -30.0)
    """
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return value


def to_span(onset: str, offset: str, names: tuple[str, str] = ("onset", "offset")) -> tuple[float, float]:
    """Two cells, of the columns of these names, as seconds; ValueError when they are no span of time.

    >>> to_span("0.5", " 2 ")
    (0.5, 2.0)
    """
    try:
        onset_s, offset_s = to_float(onset.strip()), to_float(offset.strip())
    except ValueError:
        raise ValueError(f"{names[0]} {onset!r}, {names[1]} {offset!r} are not seconds") from None
    if not 0 <= onset_s < offset_s <= MAX_EVENT_S:
        raise ValueError(f"{names[0]} {onset} to {names[1]} {offset} is no span of time")
    return onset_s, offset_s


def parse(
    path: str | Path,
    split: Callable[[str], tuple[str, Any, str]],
    *,
    ordered: bool = True,
    limit: float = math.inf,
) -> Parsed:
    """A file with an entry a line, each of a key of its own.

    Args:
        path: the file.
        split: line -> (key, value, the line as it should be written); ValueError when the line says nothing.
        ordered: the lines must be sorted by their keys.
        limit: of its size in bytes.
    """
    parsed = Parsed(Path(path))
    previous = ""
    for number, line in parsed.lines(limit=limit):
        try:
            key, value, plain = split(line)
        except ValueError as error:
            parsed.fail(number, line, str(error))
            continue
        if plain != line:
            parsed.note(number, f"surplus blanks or tabs: expected {plain!r}, found {line!r}", REPAIR)
        first = parsed.entries.setdefault(key, Entry(number, value, plain))
        if first.line < number and first.value == value:
            parsed.note(number, f"{key} again, first in line {first.line}", REPAIR)
        elif first.line < number:
            parsed.conflicts.add(key)
            parsed.note(number, f"{key} again with another value, first in line {first.line}", LOST)
        elif ordered and key < previous:  # by code points, which is the order of their UTF-8 bytes
            parsed.note(number, f"{key} comes after {previous}, not sorted as by LC_ALL=C sort", REPAIR)
        previous = key
    return parsed


def split_entry(line: str) -> tuple[str, str, str]:
    """Key, value, and the line as it should be. ValueError when it is no line of a table."""
    parts = _LINE.fullmatch(line)
    if not parts:
        raise ValueError(f"expected 'key value', found {line!r}")
    if problem := id_problem(parts[1]):
        raise ValueError(f"the id {parts[1]!r} {problem}")
    return parts[1], parts[2], f"{parts[1]} {parts[2]}"


def parse_table(path: str | Path) -> Parsed:
    """``key value`` lines; the value is all that follows the first blank."""
    return parse(path, split_entry)


def read_table(path: str | Path) -> dict[str, str]:
    """Read ``key value`` lines.

    Raises:
        UserError: listing every line that is empty, without a value, a duplicate or out of order, or whose key
            cannot be a file's name.
    """
    return parse_table(path).values("a valid table")


def write_table(path: str | Path, table: Mapping[str, str]) -> None:
    """Write ``key value`` lines, sorted by the keys' bytes.

    Raises:
        UserError: a key or a value that ``read_table`` would not give back.
    """
    problems = [f"the id {key!r} {problem}" for key in table if (problem := id_problem(key))]
    problems += [
        f"{key}: the value {value!r} is empty, more than a line or has blanks around it"
        for key, value in table.items()
        if not value or value.strip(" \t\n") != value or "\n" in value or CONTROL.search(value)
    ]
    raise_problems(f"{path} cannot be written", problems)
    write_text(path, "".join(f"{key} {table[key]}\n" for key in sorted(table, key=str.encode)))


def invert(utt2spk: Mapping[str, str]) -> dict[str, str]:
    """utt2spk -> spk2utt: each group with its sorted members, joined by blanks.

    >>> invert({"b": "s", "a": "s"})
    {'s': 'a b'}
    """
    groups: dict[str, list[str]] = {}
    for utt in sorted(utt2spk, key=str.encode):
        groups.setdefault(utt2spk[utt], []).append(utt)
    return {group: " ".join(members) for group, members in groups.items()}


def write_tables(
    folder: Path, classes: Sequence[str], utt2spk: Mapping[str, str], more: Mapping[str, Mapping[str, str]]
) -> None:
    """Write the tables of a data folder: labels.txt, utt2spk and spk2utt, then others by their names.

    The last of the others is wav.scp: a folder with a wav.scp is complete.
    """
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in classes))
    for name, table in {"utt2spk": utt2spk, "spk2utt": invert(utt2spk), **more}.items():
        write_table(folder / name, scp_entries(folder, table) if name.endswith(".scp") else table)


def parse_ids(path: str | Path, **options: Any) -> Parsed:
    """A sorted list of clips, one a line; the options are those of ``parse``."""
    return parse(path, lambda line: (line.strip(), "", line.strip()), **options)


def parse_list(path: str | Path) -> Parsed:
    """labels.txt: a class a line, in the order of the class axis."""
    parsed = parse_ids(path, ordered=False, limit=MAX_LIST_BYTES)
    twins: dict[str, str] = {}
    for name, entry in parsed.entries.items():
        twin = twins.setdefault(folded(name), name)
        if problem := label_problem(name) or (twin != name and f"is {twin} but for the case"):
            parsed.note(entry.line, f"the class {name!r} {problem}", RENAME)
    if parsed.there and not parsed.entries:
        parsed.note(None, "no class in it", LOST)
    return parsed


def read_list(path: str | Path) -> list[str]:
    """Classes of a labels.txt, order kept.

    Raises:
        UserError: the file is empty, a line occurs twice or cannot be the name of a class.
    """
    return list(parse_list(path).values("a valid list of classes"))
