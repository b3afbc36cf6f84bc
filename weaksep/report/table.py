"""A table as data: raw cells with what kind of thing stands in each column, for any renderer.

Markdown and LaTeX show a cell as text; CSV has the raw value with all its digits, in several columns where a cell is an
interval or a mean with its median.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

from weaksep.report.texts import TEXTS

MISSING = "–"
SMALLEST_P = 0.001


def number(value: float | None, places: int = 1) -> str:
    """A figure with fixed places, or a dash when there is none.

    >>> number(3.14159, 2), number(-0.01), number(None)
    ('3.14', '0.0', '–')
    """
    if value is None:
        return MISSING
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def interval(bounds: Sequence[float | None], places: int = 1) -> str:
    """A 95 % interval, "3.1 to 4.2"."""
    return MISSING if None in bounds else " to ".join(number(bound, places) for bound in bounds)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(59.6), duration(3725.0), duration(125.0)
    ('1 min 0 s', '1 h 2 min', '2 min 5 s')
    """
    minutes, rest = divmod(int(seconds + 0.5), 60)
    if not minutes:
        return f"{seconds:.1f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


class Kind(NamedTuple):
    """What stands in a column.

    Attributes:
        show: a raw cell as text; never called with None.
        parts: names of a cell's members, when it is a list.
    """

    show: Callable[[Any], str]
    parts: tuple[str, ...] = ()


class Column(NamedTuple):
    """One column.

    Attributes:
        heading: unique in its table.
        kind: what stands in it.
        best: which of the rated rows is the best one: "high", "low", or "" when none is.
    """

    heading: str
    kind: Kind
    best: str = ""


class Table(NamedTuple):
    """One table.

    Attributes:
        key: its files' name.
        title: of its section.
        columns: what stands where.
        rows: raw cells; None for what does not exist.
        text: what the columns mean; an empty line parts paragraphs.
        rated: numbers of the rows that compete for the best value of a column.
        bar: number of the row that a value must beat to be the best; None where there is none.
    """

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    text: str = ""
    rated: frozenset[int] = frozenset()
    bar: int | None = None


TEXT = Kind(str)
COUNT = Kind(lambda value: f"{value:,}")
FIGURE = Kind(number)
FIGURE2 = Kind(lambda value: number(value, 2))
FIGURE3 = Kind(lambda value: number(value, 3))
SECONDS = Kind(duration)
P = Kind(lambda value: f"< {SMALLEST_P:g}" if value < SMALLEST_P else number(value, 3))
INTERVAL = Kind(interval, ("low", "high"))
INTERVAL3 = Kind(lambda bounds: interval(bounds, 3), ("low", "high"))
SPREAD = Kind(lambda pair: MISSING if pair[0] is None else " / ".join(map(number, pair)), ("mean", "median"))
ERRORS = Kind(SPREAD.show, ("median_absolute", "mean"))

# A column, and the cell that it has for a record.
Field = tuple[Column, Callable[[Any], Any]]


def field(heading: str, kind: Kind, value: str | tuple[str, ...] | Callable[[Any], Any], best: str = "") -> Field:
    """A column whose cell is a record's entry, by key or by several keys one below the other, or a function of it."""
    path = (value,) if isinstance(value, str) else value
    return Column(heading, kind, best), path if callable(path) else lambda record: reduce(getitem, path, record)


def table_of(
    key: str,
    title: str,
    records: Iterable[Any],
    fields: Sequence[Field],
    rated: Callable[[Any], bool] = lambda record: False,
    text: str | None = None,
    bar: str | None = None,
) -> Table:
    """A table with a row for every record and a column for every field.

    Args:
        key, title: see ``Table``.
        records: what the fields take their cells from.
        fields: see ``field``.
        rated: whether a record's row competes for the best value of a column.
        text: what the columns mean; that of the key in ``TEXTS`` by default.
        bar: name of the record that a value must beat to be the best.
    """
    records = list(records)
    rows = [[cell(record) for _, cell in fields] for record in records]
    competing = frozenset(row for row, record in enumerate(records) if rated(record))
    return Table(
        key,
        title,
        [column for column, _ in fields],
        rows,
        TEXTS.get(key, "") if text is None else text,
        competing,
        None if bar is None else next((row for row, record in enumerate(records) if record["name"] == bar), None),
    )


def shown(table: Table) -> list[list[str]]:
    """All cells as text.

    >>> columns = [Column("gain", SPREAD), Column("p", P), Column("n", COUNT)]
    >>> shown(Table("t", "T", columns, [[[6.81, None], 0.0002, None]]))
    [['6.8 / –', '< 0.001', '–']]
    """
    kinds = [column.kind for column in table.columns]
    return [
        [MISSING if cell in (None, "") else kind.show(cell) for kind, cell in zip(kinds, row, strict=True)]
        for row in table.rows
    ]


def leading(cell: Any) -> float | None:
    """The figure of a cell that counts in a comparison: a mean before its median."""
    first = cell[0] if isinstance(cell, (list, tuple)) else cell
    return float(first) if isinstance(first, (int, float)) else None


def best_rows(table: Table, index: int) -> frozenset[int]:
    """Rows with the best value of a column; empty when the column has none, or it does not beat the bar's."""
    best = table.columns[index].best
    values = {row: leading(table.rows[row][index]) for row in table.rated}
    found = {row: value for row, value in values.items() if value is not None}
    if not best or len(found) < 2:
        return frozenset()
    better = max if best == "high" else min
    wanted = better(found.values())
    bar = None if table.bar is None else leading(table.rows[table.bar][index])
    return frozenset(
        row for row, value in found.items() if value == wanted and (bar is None or better(value, bar) != bar)
    )
