"""Kaldi tables (``key value`` lines, sorted and unique under LC_ALL=C) and TSV files with a header.

All are UTF-8 with Unix line ends and without control characters, since shell tools read them byte by byte. Keys become
names of files, so a key that would lead into another folder is refused (fileio/names.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import write_text
from weaksep.fileio.names import doubled, id_problem, label_problem

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")  # all but the tab and the line feed
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_lines(path: str | Path, *, ended: bool = False) -> list[str]:
    """Lines of a UTF-8 text file, without line ends.

    Args:
        path: the file.
        ended: the last line must have an end too. A table that was cut short by an interrupted copy may else pass for
            a whole one, with half a number in its last cell.

    Raises:
        UserError: the file is missing, unreadable, not UTF-8, begins with a byte order mark, or holds a control
            character, such as the carriage return of a Windows line end.
    """
    try:
        content = Path(path).read_bytes()
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file (has the stage that writes it been run?)") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if text.startswith("\ufeff"):
        raise UserError(
            f"{path}:1: begins with a byte order mark; save it without (weaksep fix does, in a data folder)"
        )
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        if found[0] == "\r":
            mend = "weaksep fix mends a data folder, sed -i 's/\\r$//' a file"
            raise UserError(f"{path}:{line}: Windows line ends; {mend}")
        raise UserError(f"{path}:{line}: the control character {found[0]!r}; is this a text file? remove it")
    if ended and text and not text.endswith("\n"):
        line = text.count("\n") + 1
        raise UserError(
            f"{path}:{line}: the last line has no end; is the file cut short? add a line end if it is whole"
        )
    lines = text.split("\n")  # not splitlines(), which also splits at characters that a value may hold
    return lines if lines[-1] else lines[:-1]


def to_float(text: str) -> float:
    """A finite decimal number; ValueError for all else, also for what Python takes beyond that (nan, 1_000).

    >>> to_float("0.25"), to_float("-3e1")
    (0.25, -30.0)
    """
    value = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number")
    return value


def read_table(path: str | Path) -> dict[str, str]:
    """Read ``key value`` lines; the value is all that follows the first blank.

    Raises:
        UserError: listing every line that is empty, without a value, a duplicate or out of order, or whose key
            cannot be a file's name.
    """
    table: dict[str, str] = {}
    problems = []
    previous = b""
    for number, line in enumerate(read_lines(path, ended=True), start=1):
        key, _, value = line.partition(" ")
        if not key or not value.strip():
            problems.append(f"{path}:{number}: expected 'key value', found {line!r}")
            continue
        wrong = id_problem(key)
        if wrong:
            problems.append(f"{path}:{number}: the key {key!r} {wrong}; rename it")
            continue
        encoded = key.encode()
        if key in table:
            problems.append(f"{path}:{number}: duplicate key {key}")
        elif encoded < previous:
            problems.append(f"{path}:{number}: {key} is out of order (sort the file with LC_ALL=C sort)")
        previous = max(previous, encoded)
        table[key] = value.strip()
    raise_problems(f"{path} is not a valid table", problems)
    return table


def write_table(path: str | Path, table: Mapping[str, str]) -> None:
    """Write ``key value`` lines, sorted by the keys' bytes.

    Raises:
        UserError: a key or a value that ``read_table`` would not give back.
    """
    problems = [f"the key {key!r} {id_problem(key)}" for key in table if id_problem(key)]
    problems += [
        f"{key}: the value {value!r} is empty or more than a line"
        for key, value in table.items()
        if not value.strip() or "\n" in value or _CONTROL.search(value)
    ]
    raise_problems(f"{path} cannot be written", problems)
    keys = sorted(table, key=str.encode)
    write_text(path, "".join(f"{key} {table[key]}\n" for key in keys))


def invert(utt2spk: Mapping[str, str]) -> dict[str, str]:
    """utt2spk -> spk2utt: each group with its sorted members, joined by blanks.

    >>> invert({"b": "s", "a": "s"})
    {'s': 'a b'}
    """
    groups: dict[str, list[str]] = {}
    for utt in sorted(utt2spk, key=str.encode):
        groups.setdefault(utt2spk[utt], []).append(utt)
    return {group: " ".join(members) for group, members in groups.items()}


def read_list(path: str | Path) -> list[str]:
    """Classes of a labels.txt: its non-empty lines, order kept.

    Raises:
        UserError: the file is empty, a line occurs twice or cannot be the name of a class.
    """
    lines = {number: line.strip() for number, line in enumerate(read_lines(path), start=1) if line.strip()}
    names = list(lines.values())
    doubles = doubled(names)
    if doubles or not names:
        raise UserError(f"{path}: " + (f"listed twice: {', '.join(doubles)}" if doubles else "empty; list the classes"))
    wrong = [(number, name, label_problem(name)) for number, name in lines.items() if label_problem(name)]
    problems = [f"{path}:{number}: the class {name!r} {problem}; rename it" for number, name, problem in wrong]
    raise_problems(f"{path} is not a valid list of classes", problems)
    return names


def read_tsv(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a tab-separated file whose header holds at least the given columns.

    Raises:
        UserError: an empty file, missing or doubled columns, or (all at once) lines with another number of cells.
    """
    lines = read_lines(path, ended=True)
    if not lines:
        raise UserError(f"{path}: empty; its first line must name the columns {', '.join(columns)}")
    header = lines[0].split("\t")
    if len(set(header)) < len(header):
        raise UserError(f"{path}:1: a column is named twice: {', '.join(header)}")
    missing = [column for column in columns if column not in header]
    if missing:
        raise UserError(f"{path}:1: missing columns: {', '.join(missing)}")
    rows = []
    problems = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(header):
            problems.append(f"{path}:{number}: {len(cells)} cells, the header has {len(header)}")
            continue
        rows.append(dict(zip(header, cells, strict=True)))
    raise_problems(f"{path} is not a valid TSV file", problems)
    return rows


def write_tsv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows under a header, tab-separated; None becomes an empty cell.

    Raises:
        UserError: a cell that ``read_tsv`` would not give back.
    """
    lines = ["\t".join(columns)]
    for row in rows:
        line = "\t".join("" if row[column] is None else str(row[column]) for column in columns)
        if line.count("\t") != len(columns) - 1 or "\n" in line or _CONTROL.search(line):
            raise UserError(f"{path} cannot be written: a cell of {line!r} holds a tab or a control character")
        lines.append(line)
    write_text(path, "\n".join(lines) + "\n")
