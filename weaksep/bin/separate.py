"""Your own recordings: ``weaksep separate --model M IN... --out DIR``.

IN is files that libsndfile reads (WAV, FLAC, OGG, MP3, AIFF ...), of any rate, number of channels and length, or
folders of them. Each becomes DIR/<name>/<class>.flac, one file a class, and residual.flac, what the classes leave of
it: together they are the recording; with --events true also events.tsv, with --levels true levels.tsv and leq.tsv.
Memory does not grow with the length. What is finished is not done again, unless the model has been trained again; what
another model has separated is not replaced without --force true.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from weaksep.bin.cli import accept_truncated, make_parser, model_help, option, run_command, switch
from weaksep.errors import UserError


def level(text: str, lowest: float = -90.0, highest: float = 0.0) -> float | None:
    """The argparse type of a level in dB, or "none"."""
    if text == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is neither none nor a level between {lowest:g} and {highest:g} dB")
    return value


OPTIONS = (
    option("recordings", nargs="+", type=Path, metavar="IN", help="audio files, or folders of them"),
    option("--model", type=Path, required=True, help=model_help()),
    option("--out", type=Path, required=True, help="where the folders of separated files go"),
    option("--rate", choices=("model", "input"), default="model", help="sample rate of the files (%(default)s's)"),
    option("--format", choices=("flac", "wav"), default="flac", help="24 bits either way (%(default)s)"),
    option(
        "--level-db",
        type=level,
        default=-27.0,
        metavar="DB|none",
        help="level at which the net hears a recording, about that of its training (%(default)s)",
    ),
    switch("--events", False, "also events.tsv: when each class sounds, by the energy of its output (%(default)s)"),
    switch("--levels", False, "also levels.tsv and leq.tsv: how loud each class was (%(default)s)"),
    option("--levels-weighting", choices=("Z", "A"), default="Z", help="Z: none; A: dB(A), IEC 61672-1 (%(default)s)"),
    option(
        "--calibration-db",
        type=partial(level, lowest=-100.0, highest=300.0),
        default=None,
        metavar="DB|none",
        help="sound pressure level of full scale (an RMS of 1), for levels in dB SPL (%(default)s)",
    ),
    option("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)"),
    accept_truncated(False),
    switch("--force", False, "separate again what is up to date, and what another model has separated (%(default)s)"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Separate recordings."""
    args = make_parser("separate", __doc__, OPTIONS).parse_args(argv)

    if not args.levels and (args.levels_weighting != "Z" or args.calibration_db is not None):
        raise UserError("--levels-weighting and --calibration-db say how levels are given; add --levels true")

    from weaksep.infer.folders import find_recordings, separate_recordings
    from weaksep.infer.recordings import Options
    from weaksep.jobs.device import named_device

    found = find_recordings(args.recordings, args.out)
    options = Options(
        rate=args.rate,
        form=args.format,
        level_db=args.level_db,
        events=args.events,
        levels=args.levels,
        weighting=args.levels_weighting,
        calibration_db=args.calibration_db,
        accept_truncated=args.accept_truncated,
    )
    separate_recordings(args.model, found, args.out, options, named_device(args.device), args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
