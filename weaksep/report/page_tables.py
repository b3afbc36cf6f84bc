"""The report's tables for the page: what a cell shows, what it is sorted by, and which one is best."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from weaksep.report.cells import TEXT, Table, best_rows, leading, shown


@dataclass(frozen=True)
class Cell:
    """One cell: its text, the number it is sorted by (None: by its text), and whether it is the best of its column."""

    text: str
    value: float | None
    best: bool


@dataclass(frozen=True)
class PageTable:
    """One table: ``numeric`` tells of each column whether it holds numbers; of each row the first cell is its name."""

    key: str
    title: str
    paragraphs: list[str]
    headings: list[str]
    numeric: list[bool]
    rows: list[list[Cell]]


def page_table(table: Table) -> PageTable:
    """A table of the report as the template wants it."""
    best = [best_rows(table, index) for index in range(len(table.columns))]
    rows = [
        [
            Cell(shown(column, cell), None if column.kind is TEXT else leading(cell), number in best[index])
            for index, (column, cell) in enumerate(zip(table.columns, row, strict=True))
        ]
        for number, row in enumerate(table.rows)
    ]
    numeric = [column.kind is not TEXT for column in table.columns]
    # An id of the page: letters and digits, whatever a set is called.
    key = re.sub(r"[^A-Za-z0-9]+", "-", table.key)
    paragraphs = table.text.split("\n\n") if table.text else []
    return PageTable(key, table.title, paragraphs, [c.heading for c in table.columns], numeric, rows)


def environment_lines(environment: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, value) of where the results were made."""
    machine = environment.get("machine") or {}
    seed = environment.get("seed")
    lines = {
        "date": environment.get("date"),
        "commit": environment.get("commit"),
        "weaksep": environment.get("weaksep"),
        "Python": environment.get("python"),
        "PyTorch": environment.get("torch"),
        "processor": machine.get("cpu"),
        "cores": machine.get("cores"),
        "memory (GB)": machine.get("memory_gb"),
        "GPU": machine.get("gpu"),
        "system": machine.get("system"),
        "seed": ", ".join(f"{name} {value}" for name, value in seed.items()) if isinstance(seed, dict) else seed,
    }
    return [(what, str(value)) for what, value in lines.items() if value is not None]
