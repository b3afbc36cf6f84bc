"""Stage 1: draw and render mixtures of isolated events, data/events -> data/{train,valid,test}."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1."""
    parser = make_parser("mix", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="mix.yaml")
    parser.add_argument("--events", type=Path, default=Path("data/events"), help="what stage 0 wrote (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--nj", type=int, default=1, help="worker processes (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="instead of the seed in the configuration")
    arguments = parser.parse_args(argv)

    from weaksep.fileio.yamlfile import load_config
    from weaksep.mixtures.config import MixConfig
    from weaksep.mixtures.write import write_set

    overrides = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    config = load_config(MixConfig, arguments.config, overrides)
    for name in type(config.sets).model_fields:
        write_set(config, name, arguments.events / name, arguments.out / name, nj=arguments.nj)


if __name__ == "__main__":
    sys.exit(run_command(main))
