"""A table as data: raw cells with what kind of thing stands in each column, for any renderer.

Markdown and LaTeX show a cell as text; CSV has the raw value with all its digits, in several columns where a cell is an
interval or a mean with its median.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from weaksep.report.tables import MISSING, duration, interval, number

SMALLEST_P = 0.001


@dataclass(frozen=True)
class Kind:
    """What stands in a column.

    Attributes:
        show: a raw cell as text; never called with None.
        parts: names of a cell's members, when it is a list.
    """

    show: Callable[[Any], str]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: unique in its table.
        kind: what stands in it.
        best: which of the rated rows is the best one: "high", "low", or "" when none is.
    """

    heading: str
    kind: Kind
    best: str = ""


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        key: its files' name.
        title: of its section.
        columns: what stands where.
        rows: raw cells; None for what does not exist.
        text: what the columns mean; an empty line parts paragraphs.
        rated: numbers of the rows that compete for the best value of a column.
    """

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    text: str = ""
    rated: frozenset[int] = frozenset()


def _spread(pair: Sequence[float | None]) -> str:
    mean, median = pair
    return MISSING if mean is None else f"{number(mean)} / {number(median)}"


def _p(value: float) -> str:
    return f"< {SMALLEST_P:g}" if value < SMALLEST_P else number(value, 3)


TEXT = Kind(str)
COUNT = Kind(lambda value: f"{value:,}")
DB = Kind(number)
DB2 = Kind(lambda value: number(value, 2))
SHARE = Kind(lambda value: number(value, 3))
HOURS = Kind(lambda value: number(value, 2))
MINUTES = Kind(number)
FACTOR = Kind(number)
SECONDS = Kind(duration)
P = Kind(_p)
INTERVAL = Kind(interval, ("low", "high"))
SPREAD = Kind(_spread, ("mean", "median"))


def shown(column: Column, cell: Any) -> str:
    """A raw cell as text.

    >>> shown(Column("gain", SPREAD), [6.81, None]), shown(Column("p", P), 0.0002), shown(Column("n", COUNT), None)
    ('6.8 / –', '< 0.001', '–')
    """
    return MISSING if cell is None or cell == "" else column.kind.show(cell)


def leading(cell: Any) -> float | None:
    """The figure of a cell that counts in a comparison: a mean before its median."""
    first = cell[0] if isinstance(cell, (list, tuple)) else cell
    return float(first) if isinstance(first, (int, float)) else None


def best_rows(table: Table, index: int) -> frozenset[int]:
    """Rows with the best value of a column, as it is shown; empty when the column has none."""
    column = table.columns[index]
    values = {row: leading(table.rows[row][index]) for row in table.rated}
    found = {row: value for row, value in values.items() if value is not None}
    if not column.best or len(found) < 2:
        return frozenset()
    best = max(found.values()) if column.best == "high" else min(found.values())
    return frozenset(row for row, value in found.items() if value == best)
