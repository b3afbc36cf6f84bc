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

    from weaksep.corpora.convert import convert, convert_step
    from weaksep.corpora.registry import fetch_corpus, load_data_config, open_corpus
    from weaksep.fileio.shards import Shards
    from weaksep.fileio.stamp import run_step

    config = load_data_config(arguments.config, truncated_setting(arguments.accept_truncated))
    if arguments.download:
        fetch_corpus(config, arguments.db)
    corpus = open_corpus(config, arguments.db)
    sets, ratio = corpus.sets(), arguments.max_bad_ratio

    def work(shards: Shards) -> None:
        convert(corpus, config, arguments.out, nj=arguments.nj, max_bad_ratio=ratio, shards=shards, sets=sets)

    run_step(convert_step(corpus, sets, config, arguments.out, ratio), work, force=arguments.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
