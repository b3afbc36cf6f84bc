"""Stage 0: read a corpus, write its events as mono WAV at one rate: data/events/{train,valid,test}."""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import (
    FORCE,
    NJ,
    RETRIES,
    accept_truncated,
    audio_format,
    given,
    make_parser,
    option,
    run_command,
    share,
    switch,
)

OPTIONS = (
    option("--config", type=Path, required=True, help="data.yaml: corpus, rate, classes, split"),
    option("--db", type=Path, default=None, help="folder of the corpus (the synthetic one has none)"),
    switch("--download", False, "fetch the corpus into --db first; a broken download is continued (%(default)s)"),
    option("--out", type=Path, default=Path("data/events"), help="folder to write (%(default)s)"),
    NJ,
    RETRIES,
    option(
        "--max-bad-ratio",
        type=share,
        default=0.0,
        help="share of missing, unreadable or silent clips to leave out (%(default)s)",
    ),
    accept_truncated(None),
    audio_format(None),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 0."""
    args = make_parser("data", __doc__, OPTIONS).parse_args(argv)

    from weaksep.corpora.registry import load_data_config, make_events
    from weaksep.jobs.slurm_config import begin_stage

    begin_stage("data", args.retries)
    make_events(
        load_data_config(args.config, given(accept_truncated=args.accept_truncated, audio_format=args.audio_format)),
        args.db,
        args.out,
        download=args.download,
        nj=args.nj,
        max_bad_ratio=args.max_bad_ratio,
        force=args.force,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
