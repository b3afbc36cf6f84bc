"""Stage 1: draw and render mixtures of isolated events, data/events -> data/{train,valid,test}."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1."""
    parser = make_parser("mix", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="mix.yaml")
    parser.add_argument("--events", type=Path, default=Path("data/events"), help="what stage 0 wrote (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="instead of the seed in the configuration")
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.fileio.stamp import run_step
    from weaksep.fileio.yamlfile import load_config
    from weaksep.mixtures.config import MixConfig
    from weaksep.mixtures.write import mix_step, write_set

    overrides = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    config = load_config(MixConfig, arguments.config, overrides)
    for name in type(config.sets).model_fields:
        events, out = arguments.events / name, arguments.out / name
        run_step(
            mix_step(config, name, events, out),
            partial(write_set, config, name, events, out, nj=arguments.nj),
            force=arguments.force,
        )


if __name__ == "__main__":
    sys.exit(run_command(main))
