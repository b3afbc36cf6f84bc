r"""A table as Markdown; as CSV with all digits, for spreadsheets and other programs (RFC 4180, Unix line ends); and as
LaTeX, to be read into a document by \input, which needs \usepackage{booktabs} and nothing else."""

import csv
import io
import re
import textwrap
from collections.abc import Collection, Sequence
from typing import Any

from weaksep.report.table import MISSING, TEXT, Table, best_rows, shown

ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "[": "{[}",  # at the beginning of a row it would be an argument of the line end before
    "]": "{]}",
    MISSING: "--",
}
_SPECIAL = re.compile("[" + "".join(map(re.escape, ESCAPES)) + "]")
_MINUS = re.compile(r"(?<![\w-])-(?=\d)")  # of a number, not of a name


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]], texts: Collection[int] = (0,)) -> str:
    """A Markdown table: names to the left, columns with numbers to the right.

    The cells are padded, so that it reads well as plain text in a terminal too.

    Args:
        header: names of the columns.
        rows: their cells.
        texts: columns that hold text whatever digits are in it.
    """
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    columns = []
    for place, (heading, *column) in enumerate(zip(*cells, strict=True)):
        width = max(3, *map(len, (heading, *column)))
        left = place in texts or not re.search(r"\d", "".join(column))
        rule = ":" + "-" * (width - 1) if left else "-" * (width - 1) + ":"
        columns.append([cell.ljust(width) if left else cell.rjust(width) for cell in (heading, rule, *column)])
    return "\n".join(f"| {' | '.join(line)} |" for line in zip(*columns, strict=True))


def markdown_table(table: Table) -> str:
    """A table as Markdown that reads well as plain text too."""
    texts = [index for index, column in enumerate(table.columns) if column.kind is TEXT]
    return text_table([column.heading for column in table.columns], shown(table), texts)


def csv_text(table: Table) -> str:
    """The text of a CSV file: a header, then a line a row; what does not exist is an empty cell.

    A cell with parts has a column for each: "95 % interval low", "95 % interval high". A text that a spreadsheet would
    take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"{c.heading} {part}".strip() for c in table.columns for part in c.kind.parts or ("",)])
    parted = [bool(column.kind.parts) for column in table.columns]
    for row in table.rows:
        cells = [x for cell, parts in zip(row, parted, strict=True) for x in (cell if parts else [cell])]
        writer.writerow([f"'{x}" if isinstance(x, str) and x.startswith(tuple("=+-@\t\r")) else x for x in cells])
    return text.getvalue()


def escape(text: str) -> str:
    r"""Text with nothing left that LaTeX would take for a command.

    >>> print(escape("by_class: 50 % & -3.0"))
    by\_class: 50 \% \& $-$3.0
    """
    return _MINUS.sub("$-$", _SPECIAL.sub(lambda found: ESCAPES[found[0]], text))


def latex_table(table: Table) -> str:
    r"""A tabular with its title and explanation as comments; the best of the trained systems is bold.

    A caption and a float are left to the document that reads it.
    """
    best = [best_rows(table, index) for index in range(len(table.columns))]
    rows = [[escape(column.heading) for column in table.columns]]
    for number, row in enumerate(shown(table)):
        cells = zip(map(escape, row), best, strict=True)
        rows.append([f"\\textbf{{{cell}}}" if number in winners else cell for cell, winners in cells])
    header, *lines = (" & ".join(row) + r" \\" for row in rows)
    comment = textwrap.wrap(" ".join(f"{table.title}. {table.text}".split()), 117, break_long_words=False)
    places = "".join("l" if column.kind is TEXT else "r" for column in table.columns)
    begin = [*(f"% {line}" for line in comment), f"\\begin{{tabular}}{{{places}}}", r"\toprule", header, r"\midrule"]
    return "\n".join([*begin, *lines, r"\bottomrule", r"\end{tabular}", ""])
