"""Rebuild mixtures and references from a scenes.jsonl and the events, bit for bit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, positive_int, run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the rebuilding."""
    parser = make_parser("rebuild", __doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="scenes.jsonl of the mixtures")
    parser.add_argument("--events", type=Path, required=True, help="their events, e.g. data/events/test")
    parser.add_argument("--out", type=Path, required=True, help="data folder to write")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    arguments = parser.parse_args(argv)

    from weaksep.mixtures.write import rebuild_set

    rebuild_set(arguments.scenes, arguments.events, arguments.out, nj=arguments.nj)


if __name__ == "__main__":
    sys.exit(run_command(main))
