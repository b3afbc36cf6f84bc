"""TSV files: tab-separated cells under a header, as sound-event tools read and write them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_text
from weaksep.fileio.parsed import CONTROL, LOST, Entry, Parsed


def parse_tsv(
    path: str | Path, columns: Sequence[str], row: Callable[[dict[str, str]], Any] = lambda cells: cells
) -> Parsed:
    """A tab-separated file whose header holds at least the given columns.

    Args:
        path: the file.
        columns: that are needed.
        row: cells by column -> the value of a line; ValueError says what is wrong with them.
    """
    parsed, first = Parsed(Path(path)), True
    for number, line in parsed.lines():
        cells = line.split("\t")
        header, first = first, False  # the first line that can be read: what is before it is told by itself
        if header and set(columns) <= set(cells) and len(set(cells)) == len(cells):
            parsed.header = cells
        elif not parsed.header:
            parsed.others.append((number, line))
        elif len(cells) != len(parsed.header):
            parsed.fail(number, line, f"{len(cells)} cells, the header has {len(parsed.header)}")
        else:
            try:
                parsed.entries[number] = Entry(number, row(dict(zip(parsed.header, cells, strict=True))), line)
            except ValueError as error:
                parsed.fail(number, line, str(error))
    if parsed.there and not parsed.header:
        parsed.note(1, f"the first line must name the columns {', '.join(columns)}, each once", LOST)
    return parsed


def read_tsv(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a tab-separated file whose header holds at least the given columns.

    Raises:
        UserError: an empty file, missing or duplicate columns, or (all at once) lines with another number of cells.
    """
    return list(parse_tsv(path, columns).values("a valid TSV file").values())


@contextmanager
def tsv_writer(path: str | Path, columns: Sequence[str]) -> Iterator[Callable[[Mapping[str, object]], None]]:
    """A function that writes a row under the header, tab-separated; None becomes an empty cell.

    Raises:
        UserError: a cell that ``read_tsv`` would not give back.
    """
    with atomic_text(path) as file:

        def write(row: Mapping[str, object]) -> None:
            line = "\t".join("" if row[column] is None else str(row[column]) for column in columns)
            if line.count("\t") != len(columns) - 1 or "\n" in line or CONTROL.search(line):
                raise UserError(f"{path} cannot be written: a cell of {line!r} holds a tab or a control character")
            file.write(f"{line}\n")

        file.write("\t".join(columns) + "\n")
        yield write


def write_tsv(path: str | Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as ``tsv_writer`` does."""
    with tsv_writer(path, columns) as write:
        for row in rows:
            write(row)
