"""Data folders of several corpora -> one, for a net of all their classes: train, valid and test, ready for stage 2.

Ids begin with the corpus: the name of DATADIR, or of the folder around it if that is data. Audio stays where it is.
A class that several corpora have under other names is one after --rename dog_bark=dog. A clip counts as without the
classes that only other corpora label: pool corpora of which that is about true.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import FORCE, make_parser, option, run_command

OPTIONS = (
    option("out", type=Path, metavar="OUT", help="folder to write the sets into"),
    option("folders", type=Path, nargs="+", metavar="DATADIR", help="folders of train, valid and test, of one rate"),
    option(
        "--rename", action="append", default=[], metavar="OLD=NEW", help="another name for a class; can be repeated"
    ),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Pool data folders."""
    args = make_parser("pool", __doc__, OPTIONS).parse_args(argv)

    from weaksep.errors import raise_problems
    from weaksep.upkeep.pool import pool

    pairs = list(dict.fromkeys(args.rename))
    rename = dict(text.partition("=")[::2] for text in pairs)
    wrong = [f"{text}: expected OLD=NEW" for text in pairs if not all(text.partition("="))]
    if not wrong and len(rename) < len(pairs):
        wrong = [f"{' '.join(pairs)}: a class has two new names"]
    raise_problems("--rename", [f"--rename {line}" for line in wrong], one_alone=True)
    pool(args.out, args.folders, rename, args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
