"""Repair the tables of a data folder: sort, drop duplicates and clips that a table lacks, make spk2utt and utt2dur.

What was there is kept in DIR/.backup. Exit status 1 if a problem is left that the folder alone does not suffice for.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, option, run_command, tell

OPTIONS = (
    option("folder", type=Path, metavar="DIR", help="data folder, of mixtures or of events"),
    option("--backup", type=Path, metavar="PLACE", help="put the old tables into PLACE/TIME (DIR/.backup/TIME)"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the repair."""
    args = make_parser("fix", __doc__, OPTIONS).parse_args(argv)

    from weaksep.errors import count, raise_problems
    from weaksep.fileio.names import one_line
    from weaksep.upkeep.fix import fix

    folder = args.folder
    fixed = fix(folder, args.backup)
    for utt, why in sorted(fixed.dropped.items()):
        tell(one_line(f"dropped {utt}: {why}"))
    for line in fixed.removed:
        tell(one_line(f"removed {line}"))
    kept, total = len(fixed.kept), len(fixed.kept) + len(fixed.dropped)
    if fixed.changed:
        backup = f"backup in {fixed.backup}" if fixed.backup else "no table was there before, so no backup"
        tell(f"{folder}: kept {kept} of {count(total, 'clip')}; tables changed: {' '.join(fixed.changed)}; {backup}")
        tell(f"{folder}: what was made from it before is out of date; run.sh --stage {fixed.next_stage} makes it anew")
    else:
        tell(f"{folder}: nothing to repair in the tables, {count(kept, 'clip')}")
    raise_problems(f"{folder} is not valid yet", [str(problem) for problem in fixed.remaining])


if __name__ == "__main__":
    sys.exit(run_command(main))
