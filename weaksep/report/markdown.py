"""summary.json -> RESULTS.md. All that is printed comes out of the summary, so the page can be made again."""

from __future__ import annotations

import textwrap
from typing import Any

from weaksep.errors import UserError
from weaksep.report.content import all_tables, headline
from weaksep.report.environment import environment_lines
from weaksep.report.formats import markdown_table

Summary = dict[str, Any]

WIDTH = 110
END_TEXT = """\
All figures of this page, with more digits, are in results.json beside it; `weaksep report --from results.json` makes
the page again. The run itself leaves the tables as CSV and LaTeX too, figures, and a page to listen to (report/ in the
folder of its experiments)."""


def headline_table(summary: Summary) -> str:
    """The table that one looks at first, as it stands on the page and on the terminal."""
    return markdown_table(headline(summary))


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def render(summary: Summary) -> str:
    """The text of RESULTS.md.

    Args:
        summary: see ``collect``.
    """
    blocks = [f"# Results of {summary['recipe']}", *summary["notes"]]
    for table in all_tables(summary):
        blocks += [f"## {table.title}", markdown_table(table)]
        blocks += [_wrapped(paragraph) for paragraph in table.text.split("\n\n") if paragraph]
    environment = [f"- {what}: {text}" for what, text in environment_lines(summary["environment"]).items()]
    blocks += ["## Environment", "\n".join(environment), _wrapped(END_TEXT)]
    return "\n\n".join(blocks) + "\n"


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
