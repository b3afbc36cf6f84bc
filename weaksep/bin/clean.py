"""List what can be made again in data, dump and exp, and remove it when told to.

Best networks, settings, histories, logs, scores, results and label tables stay, as does every file that weaksep does
not know. A folder in which a weaksep process works is left alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command, str2bool, tell
from weaksep.errors import did_you_mean
from weaksep.upkeep.removable import KINDS, NAMED_ONLY


def get_parser() -> argparse.ArgumentParser:
    """Options of the cleaning."""
    parser = make_parser("clean", __doc__)
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="(%(default)s)")
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"), help="(%(default)s)")
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="(%(default)s)")
    parser.add_argument(
        "--what",
        nargs="+",
        metavar="KIND",
        help=f"what to list or remove; listed by default: all but {' and '.join(NAMED_ONLY)}; removed: leftovers",
    )
    parser.add_argument(
        "--remove", type=str2bool, default=False, metavar="true|false", help="do remove, not only list (%(default)s)"
    )
    width = max(map(len, KINDS))
    lines = [f"  {name:<{width}}  {kind.again}" for name, kind in KINDS.items()]
    parser.epilog = "\n".join(["kinds, and what makes each again:", *lines])
    return parser


def chosen_kinds(words: Sequence[str]) -> list[str]:
    """The kinds in ``--what features separated`` or ``--what "features separated"``.

    Raises:
        ValueError: there is no such kind.
    """
    names = [name for word in words for name in word.replace(",", " ").split()]
    for name in names:
        if name not in KINDS:
            hint = did_you_mean(name, KINDS, f"there are: {' '.join(KINDS)}")
            raise ValueError(f"no kind {name!r}; {hint}")
    if not names:
        raise ValueError("no kind is given")
    return names


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the cleaning."""
    parser = get_parser()
    args = parser.parse_args(argv)
    kinds = ["leftovers"] if args.remove else [kind for kind in KINDS if kind not in NAMED_ONLY]
    if args.what is not None:
        try:
            kinds = chosen_kinds(args.what)
        except ValueError as error:
            parser.error(f"argument --what: {error}")

    from weaksep.upkeep.clean import clean

    for line in clean(args.datadir, args.dumpdir, args.expdir, kinds, remove=args.remove):
        tell(line)


if __name__ == "__main__":
    sys.exit(run_command(main))
