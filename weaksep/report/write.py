"""Stage 7: one step that collects all scores and writes the pages, tables and figures.

A rerun with nothing to do must be quick, so what draws is imported when it is needed.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_json, write_text
from weaksep.fileio.datadir import FINGERPRINT_TABLES, SOURCE_NAME
from weaksep.fileio.inputs import tables_of
from weaksep.fileio.jsontext import load_object
from weaksep.fileio.names import id_problem
from weaksep.fileio.place import check_file
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step, run_step
from weaksep.fileio.tables import read_lines
from weaksep.report.content import all_tables, headline, render
from weaksep.report.facts import SETS, histories
from weaksep.report.formats import csv_text, latex_table, markdown_table
from weaksep.report.systems import describe_systems
from weaksep.report.verdict import findings

logger = logging.getLogger(__name__)

RESULTS_NAME = "results.json"
PATTERNS = ("summary.json", "index.html", "tables/*.csv", "tables/*.tex", "figures/*.png", "figures/*.svg")
_SIGNATURE = "`weaksep report --from results.json` makes the page again."
CODE = ("collect", "content", "figures", "formats", "page")

Made = TypeVar("Made")


def report_step(
    recipe: str,
    expdir: Path,
    datadir: Path,
    test_set: str,
    notes: Sequence[str],
    out: Path,
    descriptions: Mapping[str, Mapping[str, Any]],
    asked: Sequence[str] = (),
) -> Step:
    """The report; the stages' times alone are no reason for a new one (its own is among them).

    Args:
        recipe, expdir, datadir, test_set, notes, out, asked: see ``make_report``.
        descriptions: what the recipe's configurations say of each system; all that is read of them.
    """
    folder = expdir / "report"
    scores = [f"*/scores/{test_set}/{name}" for name in ("scores.tsv", "tagging.json", "sources.json", SOURCE_NAME)]
    scores += [f"*/scores/{test_set}_*/{name}" for name in ("scores.tsv", SOURCE_NAME)]
    patterns = (*scores, "*/config.yaml", "*/history.jsonl")
    tables = {str(path.relative_to(expdir)): path for pattern in patterns for path in sorted(expdir.glob(pattern))}
    for name in dict.fromkeys((*SETS, test_set)):
        for data in (datadir / name, *sorted(datadir.glob(f"{name}_*"))):
            tables.update(tables_of(data, (*FINGERPRINT_TABLES, "utt2dur", "utt2spk")))
    # What the code version does not know of.
    tables.update({f"templates/{path.name}": path for path in sorted((Path(__file__).parent / "templates").iterdir())})
    place = os.path.relpath(out, folder)
    given = {"recipe": recipe, "out": place, "test_set": test_set, "notes": list(notes), "descriptions": descriptions}
    return Step(
        name=str(out),
        folder=folder,
        settings={**given, "asked": list(asked)},
        tables=tables,
        code=[f"weaksep.report.{name}" for name in CODE],
        outputs=[*PATTERNS, place, os.path.join(os.path.dirname(place), RESULTS_NAME)],
    )


def is_page(path: Path) -> bool:
    """Whether a file is a RESULTS.md that ``weaksep report`` has written."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.startswith("# Results of ") and _SIGNATURE in " ".join(text.split())


def is_results(path: Path) -> bool:
    """Whether a file is a results.json that ``weaksep report`` has written."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and {"recipe", "systems", "environment"} <= value.keys()


def optional(what: str, write: Callable[..., Made], *given: Any) -> Made | None:
    """What ``write`` returns; None, and a log line, when a package is missing that it needs."""
    try:
        return write(*given)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("weaksep"):
            raise
        logger.warning("no %s without %s: pip install 'weaksep[report]'", what, error.name)
        return None


def make_report(
    recipe: str,
    expdir: Path,
    datadir: Path,
    test_set: str,
    notes: Sequence[str],
    out: Path,
    *,
    config_dir: Path | None = None,
    asked: Sequence[str] = (),
    force: bool = False,
) -> str:
    """Write the report unless it is up to date; its headline table as text.

    Args:
        recipe: its name.
        expdir: experiments.
        datadir: folder of the sets.
        test_set: the set whose scores are reported; its variants' scores (test_lambda5) belong to it.
        notes: for the head of the page.
        out: the page; results.json lies beside it, all else in ``expdir``/report.
        config_dir: the recipe's configurations, for what they say of each system; None for nothing.
        asked: names of systems that belong into the first table, whatever they are.
        force: although nothing has changed.

    Raises:
        UserError: nothing is scored, a file is damaged, or what is to be written over is no report's.
    """
    if problem := id_problem(test_set):
        raise UserError(f"--set {test_set!r} {problem}; give the name of a folder in {datadir}")
    folder, results = expdir / "report", out.with_name(RESULTS_NAME)
    check_file(out, "a page of weaksep report", is_page)
    check_file(results, "results of weaksep report", is_results)
    descriptions = describe_systems([path.name for path in sorted(expdir.glob("separator_*"))], config_dir)

    def work(claims: Shards) -> None:
        from weaksep.report.collect import collect
        from weaksep.report.figures import FORMATS, NAMES, write_figures
        from weaksep.report.page import PAGE_NAME, write_page

        summary, scores = collect(recipe, expdir, datadir, test_set, notes, descriptions, asked)
        tables = all_tables(summary)
        texts = {f"tables/{table.key}.csv": csv_text(table) for table in tables}
        texts |= {f"tables/{table.key}.tex": latex_table(table) for table in tables}
        names = ["summary.json", PAGE_NAME, *(f"figures/{name}.{suffix}" for name in NAMES for suffix in FORMATS)]
        claims.begin(folder / name for name in (*names, *texts))
        write_json(folder / "summary.json", summary)
        write_text(out, render(summary))
        write_json(results, summary)
        for name, text in texts.items():
            write_text(folder / name, text)
        places, drawn = (expdir, datadir), folder / "figures"
        figures = optional("figures", write_figures, drawn, summary, scores, histories(expdir), *places)
        page = optional("page", write_page, folder, summary, scores, *places)
        written = [out, results, folder / "summary.json", folder / "tables", figures and drawn, page]
        logger.info("written: %s", " ".join(map(str, filter(None, written))))

    step = report_step(recipe, expdir, datadir, test_set, notes, out, descriptions, asked)
    run_step(step, work, force=force)
    made = load_object("\n".join(read_lines(folder / "summary.json")), str(folder), "rerun stage 7")
    return _told(made)


def _told(summary: Mapping[str, Any]) -> str:
    """The headline table; what has to be said before it goes into the log."""
    for line in findings(summary):
        logger.warning("%s", line)
    return markdown_table(headline(dict(summary)))


def from_saved(saved: Path, out: Path) -> str:
    """Make the page again from a results.json; the headline table.

    Raises:
        UserError: the file is not one that this command has written.
    """
    check_file(out, "a page of weaksep report", is_page)
    summary = load_object("\n".join(read_lines(saved)), str(saved), "rerun stage 7")
    try:
        page, table = render(summary), _told(summary)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{saved}: not results of weaksep report ({reason}); rerun stage 7") from None
    write_text(out, page)
    return table
