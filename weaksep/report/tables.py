"""Markdown tables and numbers as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

MISSING = "–"


def number(value: float | None, places: int = 1) -> str:
    """A figure with fixed places, or a dash when there is none.

    >>> number(3.14159, 2), number(-0.01), number(None)
    ('3.14', '0.0', '–')
    """
    if value is None:
        return MISSING
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def interval(bounds: Sequence[float | None]) -> str:
    """A 95 % interval, "3.1 to 4.2"."""
    low, high = bounds
    return MISSING if low is None or high is None else f"{number(low)} to {number(high)}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(59.6), duration(3725.0), duration(125.0)
    ('1 min 0 s', '1 h 2 min', '2 min 5 s')
    """
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], texts: Collection[int] = (0,)) -> str:
    """A Markdown table: names to the left, columns with numbers to the right.

    The cells are padded, so that it reads well as plain text in a terminal too.

    Args:
        header: names of the columns.
        rows: their cells.
        texts: columns that hold text whatever digits are in it.
    """
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]

    columns = range(len(header))
    left = [column in texts or not _holds_numbers(row[column] for row in cells[1:]) for column in columns]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if at_left else cell.rjust(width)
            for cell, width, at_left in zip(row, widths, left, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        ":" + "-" * (width - 1) if at_left else "-" * (width - 1) + ":"
        for width, at_left in zip(widths, left, strict=True)
    ]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def _holds_numbers(cells: Iterable[str]) -> bool:
    return any(character.isdigit() for cell in cells for character in cell)
