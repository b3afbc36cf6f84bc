"""Check data folders: every problem of every table, with file:line and the command that repairs it.

A DIR is data/SET, data/events/SET, or a folder that holds train, valid and test. With several sets, recordings that
are on both sides of the split are found too. Exit status 1 when there is a problem.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import NJ, make_parser, option, run_command, switch, tell, with_dashes

SWITCHES = ("--check-audio", "--check-feats")
OPTIONS = (
    option("folders", type=Path, nargs="+", metavar="DIR", help="data folder, or folder of sets"),
    switch("--check-audio", False, "read every audio file to its end (%(default)s)"),
    switch("--check-feats", False, "read every feature matrix (%(default)s)"),
    option("--dump", type=Path, metavar="DUMPDIR", help="features are in DUMPDIR/SET (dump/SET beside data/SET)"),
    NJ,
)


def with_values(argv: Sequence[str]) -> list[str]:
    """The arguments with a bare switch written out; what follows it may be a folder.

    >>> with_values(["--check-audio", "data/train", "--check-feats", "false"])
    ['--check-audio=true', 'data/train', '--check-feats', 'false']
    """
    arguments = with_dashes(argv)
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        follower = arguments[index + 1].lower() if index + 1 < len(arguments) else ""
        if argument in SWITCHES and follower not in ("true", "false"):
            arguments[index] = f"{argument}=true"
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the check."""
    args = make_parser("validate", __doc__, OPTIONS).parse_args(with_values(sys.argv[1:] if argv is None else argv))

    from weaksep.errors import raise_problems
    from weaksep.upkeep.validate import validate

    reports = validate(
        args.folders, check_audio=args.check_audio, check_feats=args.check_feats, dump=args.dump, nj=args.nj
    )
    for report in reports:
        if not report.problems:
            tell(f"{report.path}: valid ({report.summary})")
    wrong = [report for report in reports if report.problems]
    title = f"{', '.join(str(report.path) for report in wrong)}: not valid"
    raise_problems(title, [str(problem) for report in wrong for problem in report.problems])


if __name__ == "__main__":
    sys.exit(run_command(main))
