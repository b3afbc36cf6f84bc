"""Stage 0: read a corpus, write its events as mono WAV at one rate: data/events/{train,valid,test}."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command, str2bool


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
    parser.add_argument("--nj", type=int, default=1, help="worker processes (%(default)s)")
    parser.add_argument(
        "--max-bad-ratio",
        type=float,
        default=0.0,
        help="share of missing, unreadable or silent clips to leave out (%(default)s)",
    )
    arguments = parser.parse_args(argv)

    from weaksep.corpora.convert import convert
    from weaksep.corpora.registry import fetch_corpus, load_data_config, open_corpus

    config = load_data_config(arguments.config)
    if arguments.download:
        fetch_corpus(config, arguments.db)
    corpus = open_corpus(config, arguments.db)
    convert(corpus, config, arguments.out, nj=arguments.nj, max_bad_ratio=arguments.max_bad_ratio)


if __name__ == "__main__":
    sys.exit(run_command(main))
