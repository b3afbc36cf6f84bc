"""Kaldi tables (``key value`` lines, sorted and unique under LC_ALL=C) and TSV files with a header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import write_text


def read_lines(path: str | Path) -> list[str]:
    """Lines of a UTF-8 text file, without line ends.

    Raises:
        UserError: the file is missing, unreadable or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file (has the stage that writes it been run?)") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def read_table(path: str | Path) -> dict[str, str]:
    """Read ``key value`` lines; the value is all that follows the first blank.

    Raises:
        UserError: listing every line that is empty, without a value, a duplicate or out of order.
    """
    table: dict[str, str] = {}
    problems = []
    previous = b""
    for number, line in enumerate(read_lines(path), start=1):
        key, _, value = line.partition(" ")
        if not key or not value.strip():
            problems.append(f"{path}:{number}: expected 'key value', found {line!r}")
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
    """Write ``key value`` lines, sorted by the keys' bytes."""
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
    """Non-empty lines of a file (labels.txt), order kept.

    Raises:
        UserError: a line occurs twice or the file is empty.
    """
    lines = [line.strip() for line in read_lines(path) if line.strip()]
    doubles = sorted({line for line in lines if lines.count(line) > 1})
    if doubles or not lines:
        raise UserError(f"{path}: " + (f"listed twice: {', '.join(doubles)}" if doubles else "empty"))
    return lines


def read_tsv(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a tab-separated file whose header holds at least the given columns.

    Raises:
        UserError: listing missing columns, or every line with another number of cells.
    """
    lines = read_lines(path)
    header = lines[0].split("\t") if lines else []
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
    """Write rows under a header, tab-separated; None becomes an empty cell."""
    lines = ["\t".join(columns)]
    for row in rows:
        lines.append("\t".join("" if row[column] is None else str(row[column]) for column in columns))
    write_text(path, "\n".join(lines) + "\n")
