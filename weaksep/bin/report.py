"""Stage 7: all scores -> RESULTS.md and results.json, and exp/report: tables, figures, a page to listen to.

The headline table is printed on the terminal too.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import EXPDIR, FORCE, make_parser, option, run_command, tell

OPTIONS = (
    option("--recipe", default=None, help="name of the recipe; the current folder's by default"),
    EXPDIR,
    option("--datadir", type=Path, default=Path("data"), help="folder of the sets (%(default)s)"),
    option("--set", default="test", help="the set that was scored (%(default)s)"),
    option("--systems", default="", help="systems that the first table must have, separated by blanks"),
    option(
        "--config-dir",
        type=Path,
        default=None,
        help="the recipe's configurations, for about and compare_with of each system; none by default",
    ),
    option(
        "--out",
        type=Path,
        default=Path("RESULTS.md"),
        help="page to write (%(default)s), with its figures in results.json beside it",
    ),
    option(
        "--note",
        action="append",
        default=[],
        help="a sentence about the data for the page's head; can be repeated",
    ),
    option(
        "--from",
        dest="saved",
        type=Path,
        default=None,
        metavar="RESULTS.json",
        help="make the page again from this file, and do nothing else",
    ),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 7."""
    args = make_parser("report", __doc__, OPTIONS).parse_args(argv)

    from weaksep.report.write import from_saved, make_report

    if args.saved is not None:
        tell(from_saved(args.saved, args.out))
    else:
        inputs = (args.recipe or Path.cwd().name, args.expdir, args.datadir, args.set, args.note)
        names = args.systems.split()
        tell(make_report(*inputs, args.out, config_dir=args.config_dir, asked=names, force=args.force))


if __name__ == "__main__":
    sys.exit(run_command(main))
