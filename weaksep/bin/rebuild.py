"""Rebuild mixtures and references from a scenes.jsonl, the events and the backgrounds, bit for bit."""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import NJ, audio_format, make_parser, option, run_command

OPTIONS = (
    option("--scenes", type=Path, required=True, help="scenes.jsonl of the mixtures"),
    option("--events", type=Path, required=True, help="their events, e.g. data/events/test"),
    option("--backgrounds", type=Path, help="where they have any: their recordings, e.g. data/backgrounds/test"),
    option("--out", type=Path, required=True, help="data folder to write"),
    NJ,
    audio_format("wav"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the rebuilding."""
    args = make_parser("rebuild", __doc__, OPTIONS).parse_args(argv)

    from weaksep.mixtures.rebuild import rebuild_set

    more = {"backgrounds_dir": args.backgrounds, "audio_format": args.audio_format}
    rebuild_set(args.scenes, args.events, args.out, nj=args.nj, **more)


if __name__ == "__main__":
    sys.exit(run_command(main))
