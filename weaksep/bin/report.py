"""Stage 7: all scores -> RESULTS.md and results.json, and exp/report: tables, figures, a page to listen to.

The headline table is printed on the terminal too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import add_force, make_parser, run_command, tell


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


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 7."""
    args = get_parser().parse_args(argv)

    from weaksep.report.write import from_saved, make_report

    if args.saved is not None:
        tell(from_saved(args.saved, args.out))
        return
    recipe, places = args.recipe or Path.cwd().name, (args.expdir, args.datadir)
    tell(make_report(recipe, *places, args.set, args.note, args.out, config_dir=args.config_dir, force=args.force))


if __name__ == "__main__":
    sys.exit(run_command(main))
