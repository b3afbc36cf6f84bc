"""Tables as CSV: raw values with all their digits, for spreadsheets and other programs (RFC 4180, Unix line ends)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from weaksep.report.cells import Column, Table


def _headings(column: Column) -> list[str]:
    """One for each part of a cell: "95 % interval low", "95 % interval high"."""
    return [f"{column.heading} {part}" for part in column.kind.parts] or [column.heading]


def _values(column: Column, cell: Any) -> Iterator[Any]:
    if column.kind.parts:
        yield from cell
    else:
        yield cell


def csv_text(table: Table) -> str:
    """The text of a CSV file: a header, then a line a row; what does not exist is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([heading for column in table.columns for heading in _headings(column)])
    for row in table.rows:
        writer.writerow(
            [value for column, cell in zip(table.columns, row, strict=True) for value in _values(column, cell)]
        )
    return text.getvalue()
