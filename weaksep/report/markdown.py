"""summary.json -> RESULTS.md. All that is printed comes out of the summary, so the page can be made again."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.report.cells import TEXT, Table, shown
from weaksep.report.content import all_tables, headline
from weaksep.report.tables import table as text_table

Summary = dict[str, Any]

WIDTH = 110
END_TEXT = """\
All figures of this page, with more digits, are in results.json beside it; `weaksep report --from results.json` makes
the page again. The run itself leaves the tables as CSV and LaTeX too, figures, and a page to listen to (report/ in the
folder of its experiments)."""
_SIGNATURE = "`weaksep report --from results.json` makes the page again."


def markdown_table(table: Table) -> str:
    """A table as Markdown that reads well as plain text too."""
    rows = [[shown(column, cell) for column, cell in zip(table.columns, row, strict=True)] for row in table.rows]
    texts = [index for index, column in enumerate(table.columns) if column.kind is TEXT]
    return text_table([column.heading for column in table.columns], rows, texts)


def headline_table(summary: Summary) -> str:
    """The table that one looks at first, as it stands on the page and on the terminal."""
    return markdown_table(headline(summary))


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def _environment_lines(environment: dict[str, Any]) -> list[str]:
    machine, seed = environment["machine"], environment["seed"]
    parts = [f"{machine['cpu'] or 'unknown CPU'}, {machine['cores']} core(s)"]
    if machine["memory_gb"] is not None:
        parts.append(f"{machine['memory_gb']:g} GB of memory")
    parts.append(f"GPU {machine['gpu']}" if machine["gpu"] else "no GPU")
    if isinstance(seed, dict):
        seed = ", ".join(f"{name} {value}" for name, value in seed.items())
    return [
        f"- date: {environment['date']}",
        f"- commit: {environment['commit'] or 'unknown'}",
        f"- versions: weaksep {environment['weaksep']}, Python {environment['python']}, "
        f"PyTorch {environment['torch'] or 'unknown'}, numpy {environment['numpy'] or 'unknown'}",
        f"- machine: {', '.join(parts)}, {machine['system']}",
        f"- seed: {'unknown' if seed is None else seed}",
    ]


def render(summary: Summary) -> str:
    """The text of RESULTS.md.

    Args:
        summary: see ``collect``.
    """
    blocks = [f"# Results of {summary['recipe']}", *summary["notes"]]
    for table in all_tables(summary):
        blocks += [f"## {table.title}", markdown_table(table)]
        blocks += [_wrapped(paragraph) for paragraph in table.text.split("\n\n") if paragraph]
    blocks += ["## Environment", "\n".join(_environment_lines(summary["environment"])), _wrapped(END_TEXT)]
    return "\n\n".join(blocks) + "\n"


def is_page(path: Path) -> bool:
    """Whether a file is a RESULTS.md that ``weaksep report`` has written."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.startswith("# Results of ") and _SIGNATURE in " ".join(text.split())


def is_results(path: Path) -> bool:
    """Whether a file is a results.json that ``weaksep report`` has written."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(value, dict) and {"recipe", "systems", "environment"} <= value.keys()


def render_saved(summary: Summary, where: str) -> str:
    """``render`` of a summary that was read from a file.

    Raises:
        UserError: it is not one that ``weaksep report`` has written.
    """
    try:
        return render(summary)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{where}: not results of weaksep report ({reason}); rerun stage 7") from None
