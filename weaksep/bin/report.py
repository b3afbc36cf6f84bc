"""Stage 7: all scores -> RESULTS.md and results.json, and exp/report: tables, figures, a page to listen to.

The headline table is printed on the terminal too.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from weaksep.bin.cli import add_force, make_parser, run_command, tell
from weaksep.errors import UserError

if TYPE_CHECKING:
    from weaksep.fileio.shards import Shards

logger = logging.getLogger(__name__)

Made = TypeVar("Made")


def get_parser() -> argparse.ArgumentParser:
    """Options of stage 7."""
    parser = make_parser("report", __doc__)
    parser.add_argument("--recipe", default=None, help="name of the recipe; the current folder's by default")
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--set", default="test", help="the set that was scored (%(default)s)")
    parser.add_argument(
        "--config-dir",
        type=Path,
        default=None,
        help="the recipe's configurations, for about and compare_with of each system; none by default",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("RESULTS.md"),
        help="page to write (%(default)s), with its figures in results.json beside it",
    )
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        help="a sentence about the data for the page's head; can be repeated",
    )
    parser.add_argument(
        "--from",
        dest="saved",
        type=Path,
        default=None,
        metavar="RESULTS.json",
        help="make the page again from this file, and do nothing else",
    )
    add_force(parser)
    return parser


def write_tables(folder: Path, summary: dict) -> list[Path]:
    """Every table as CSV and LaTeX."""
    from weaksep.fileio.atomic import write_text
    from weaksep.report.content import all_tables
    from weaksep.report.csvfiles import csv_text
    from weaksep.report.latex import latex_table

    written = []
    for table in all_tables(summary):
        for suffix, text in (("csv", csv_text(table)), ("tex", latex_table(table))):
            written.append(folder / f"{table.key}.{suffix}")
            write_text(written[-1], text)
    return written


def optional(what: str, write: Callable[[], Made]) -> Made | None:
    """What ``write`` returns; None, and a log line, when a package is missing that it needs."""
    try:
        return write()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("weaksep"):
            raise
        logger.warning("no %s without %s: pip install 'weaksep[report]'", what, error.name)
        return None


def write_report(args: argparse.Namespace, recipe: str, shards: Shards) -> None:
    """Collect all scores and write the pages, tables and figures."""
    from weaksep.fileio.atomic import write_json, write_text
    from weaksep.report.collect import collect
    from weaksep.report.content import all_tables
    from weaksep.report.figures import FORMATS, write_figures
    from weaksep.report.markdown import render
    from weaksep.report.page import FIGURES, PAGE_NAME, write_page
    from weaksep.report.steps import RESULTS_NAME
    from weaksep.report.training import histories

    summary, scores = collect(recipe, args.expdir, args.datadir, args.set, args.note, config_dir=args.config_dir)
    folder, results = args.expdir / "report", args.out.with_name(RESULTS_NAME)
    names = [f"tables/{table.key}.{suffix}" for table in all_tables(summary) for suffix in ("csv", "tex")]
    names += [f"figures/{name}.{suffix}" for name in FIGURES for suffix in FORMATS]
    shards.begin(folder / name for name in ("summary.json", PAGE_NAME, *names))
    write_json(folder / "summary.json", summary)
    write_text(args.out, render(summary))
    write_json(results, summary)
    write_tables(folder / "tables", summary)
    places = (args.expdir, args.datadir)
    drawn = partial(write_figures, folder / "figures", summary, scores, histories(args.expdir), *places)
    figures = optional("figures", drawn)
    page = optional("page", partial(write_page, folder, summary, scores, *places))
    written = [args.out, results, folder / "summary.json", folder / "tables"]
    written += ([folder / "figures"] if figures else []) + ([page] if page else [])
    tell(f"written: {' '.join(map(str, written))}")


def check_outputs(out: Path, with_results: bool) -> None:
    """Refuse to write over what is no page of an earlier report, or no results of one.

    Raises:
        UserError: there is such a file.
    """
    from weaksep.fileio.place import check_file
    from weaksep.report.markdown import is_page, is_results
    from weaksep.report.steps import RESULTS_NAME

    check_file(out, "a page of weaksep report", is_page)
    if with_results:
        check_file(out.with_name(RESULTS_NAME), "results of weaksep report", is_results)


def from_saved(saved: Path, out: Path) -> str:
    """Make the page again from a results.json; the headline table.

    Raises:
        UserError: the file is not one that this command has written.
    """
    from weaksep.fileio.atomic import write_text
    from weaksep.fileio.jsontext import load_object
    from weaksep.fileio.tables import read_lines
    from weaksep.report.markdown import headline_table, render_saved

    summary = load_object("\n".join(read_lines(saved)), str(saved), "rerun stage 7")
    write_text(out, render_saved(summary, str(saved)))
    return headline_table(summary)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 7."""
    args = get_parser().parse_args(argv)
    check_outputs(args.out, with_results=args.saved is None)
    if args.saved is not None:
        tell(from_saved(args.saved, args.out))
        return

    from weaksep.fileio.names import id_problem
    from weaksep.fileio.stamp import run_step
    from weaksep.report.markdown import headline_table
    from weaksep.report.steps import report_step
    from weaksep.report.systems import describe_systems

    if problem := id_problem(args.set):
        raise UserError(f"--set {args.set!r} {problem}; give the name of a folder in {args.datadir}")
    recipe = args.recipe or Path.cwd().name
    experiments = [path.name for path in sorted(args.expdir.glob("separator_*"))]
    descriptions = describe_systems(experiments, args.config_dir)
    step = report_step(recipe, args.expdir, args.datadir, args.set, args.note, args.out, descriptions=descriptions)
    run_step(step, partial(write_report, args, recipe), force=args.force)
    summary = args.expdir / "report" / "summary.json"
    tell(headline_table(json.loads(summary.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    sys.exit(run_command(main))
