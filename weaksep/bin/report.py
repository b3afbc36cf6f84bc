"""Stage 7: all scores -> exp/report (summary.json, figures) and RESULTS.md, and the headline table on the terminal."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import add_force, make_parser, run_command

if TYPE_CHECKING:
    from weaksep.fileio.shards import Shards


def get_parser() -> argparse.ArgumentParser:
    """Options of stage 7."""
    parser = make_parser("report", __doc__)
    parser.add_argument("--recipe", default=None, help="name of the recipe; the current folder's by default")
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--set", default="test", help="the set that was scored (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("RESULTS.md"), help="page to write (%(default)s)")
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        help="a sentence about the data for the page's head; can be repeated",
    )
    add_force(parser)
    return parser


def write_report(args: argparse.Namespace, recipe: str, shards: Shards) -> None:
    """Collect all scores and write the pages and figures."""
    from weaksep.fileio.atomic import write_json, write_text
    from weaksep.report.collect import collect
    from weaksep.report.figures import write_figures
    from weaksep.report.markdown import render
    from weaksep.report.training import histories

    summary = collect(recipe, args.expdir, args.datadir, args.set, args.note)
    folder = args.expdir / "report"
    write_json(folder / "summary.json", summary)
    write_text(args.out, render(summary))
    figures = write_figures(folder, summary["systems"], histories(args.expdir))
    print("written:", *[args.out, folder / "summary.json", *figures])


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 7."""
    args = get_parser().parse_args(argv)

    from weaksep.fileio.stamp import run_step
    from weaksep.report.markdown import headline_table
    from weaksep.report.steps import report_step

    recipe = args.recipe or Path.cwd().name
    step = report_step(recipe, args.expdir, args.datadir, args.set, args.note, args.out)
    run_step(step, partial(write_report, args, recipe), force=args.force)
    summary = args.expdir / "report" / "summary.json"
    print(headline_table(json.loads(summary.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    sys.exit(run_command(main))
