"""Stage 0: read a corpus, write its events as mono WAV at one rate: data/events/{train,valid,test}."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import (
    add_accept_truncated,
    add_force,
    make_parser,
    positive_int,
    run_command,
    share,
    str2bool,
    truncated_setting,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 0."""
    parser = make_parser("data", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="data.yaml: corpus, rate, classes, split")
    parser.add_argument("--db", type=Path, default=None, help="folder of the corpus (the synthetic one has none)")
    parser.add_argument(
        "--download",
        type=str2bool,
        default=False,
        metavar="true|false",
        help="fetch the corpus into --db first; a broken download is continued (%(default)s)",
    )
    parser.add_argument("--out", type=Path, default=Path("data/events"), help="folder to write (%(default)s)")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    parser.add_argument(
        "--max-bad-ratio",
        type=share,
        default=0.0,
        help="share of missing, unreadable or silent clips to leave out (%(default)s)",
    )
    add_accept_truncated(parser, None)
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.corpora.registry import load_data_config, make_events

    make_events(
        load_data_config(arguments.config, truncated_setting(arguments.accept_truncated)),
        arguments.db,
        arguments.out,
        download=arguments.download,
        nj=arguments.nj,
        max_bad_ratio=arguments.max_bad_ratio,
        force=arguments.force,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
