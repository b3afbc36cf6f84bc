r"""Tables as LaTeX, to be read into a document by \input. They need \usepackage{booktabs} and nothing else."""

from __future__ import annotations

import re
import textwrap

from weaksep.report.cells import TEXT, Table, best_rows, shown
from weaksep.report.tables import MISSING

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
    places = "".join("l" if column.kind is TEXT else "r" for column in table.columns)
    best = [best_rows(table, index) for index in range(len(table.columns))]
    lines = []
    for number, row in enumerate(table.rows):
        cells = [escape(shown(column, cell)) for column, cell in zip(table.columns, row, strict=True)]
        bold = [f"\\textbf{{{cell}}}" if number in best[index] else cell for index, cell in enumerate(cells)]
        lines.append(" & ".join(bold) + r" \\")
    comment = textwrap.wrap(" ".join(f"{table.title}. {table.text}".split()), 117, break_long_words=False)
    return "\n".join(
        [
            *(f"% {line}" for line in comment),
            f"\\begin{{tabular}}{{{places}}}",
            r"\toprule",
            " & ".join(escape(column.heading) for column in table.columns) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
