"""List what can be made again in data, dump and exp, and remove it when told to.

Best networks, settings, histories, logs, scores, results and label tables stay, as does every file that weaksep does
not know. A folder in which a weaksep process works is left alone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, option, run_command, switch, tell
from weaksep.errors import did_you_mean
from weaksep.upkeep.removable import KINDS, NAMED_ONLY


def kinds_in(text: str) -> list[str]:
    """The argparse type of ``--what features separated`` and ``--what "features separated"``: kinds in one word."""
    names = text.replace(",", " ").split()
    for name in names:
        if name not in KINDS:
            hint = did_you_mean(name, KINDS, f"there are: {' '.join(KINDS)}")
            raise argparse.ArgumentTypeError(f"no kind {name!r}; {hint}")
    return names


OPTIONS = (
    option("--datadir", type=Path, default=Path("data"), help="(%(default)s)"),
    option("--dumpdir", type=Path, default=Path("dump"), help="(%(default)s)"),
    option("--expdir", type=Path, default=Path("exp"), help="(%(default)s)"),
    option(
        "--what",
        nargs="+",
        type=kinds_in,
        metavar="KIND",
        help=f"what to list or remove; listed by default: all but {' and '.join(NAMED_ONLY)}; removed: leftovers",
    ),
    switch("--remove", False, "do remove, not only list (%(default)s)"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the cleaning."""
    parser = make_parser("clean", __doc__, OPTIONS)
    width = max(map(len, KINDS))
    lines = [f"  {name:<{width}}  {kind.again}" for name, kind in KINDS.items()]
    parser.epilog = "\n".join(["kinds, and what makes each again:", *lines])
    args = parser.parse_args(argv)
    if args.what is None:
        kinds = ["leftovers"] if args.remove else [kind for kind in KINDS if kind not in NAMED_ONLY]
    else:
        kinds = [kind for kinds in args.what for kind in kinds]
        if not kinds:
            parser.error("argument --what: no kind is given")

    from weaksep.upkeep.clean import clean

    for line in clean(args.datadir, args.dumpdir, args.expdir, kinds, remove=args.remove):
        tell(line)


if __name__ == "__main__":
    sys.exit(run_command(main))
