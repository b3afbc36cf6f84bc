"""Stage 1: draw and render mixtures of isolated events, data/events -> data/{train,valid,test}.

Systems with ``mixtures: NAME`` in their YAML have sets of their own, data/{train,valid,test}_NAME, which mix.yaml
describes under ``variants``; ``--variants`` names more of them, to test on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1."""
    parser = make_parser("mix", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="mix.yaml")
    parser.add_argument("--events", type=Path, default=Path("data/events"), help="what stage 0 wrote (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--systems", default="", help="systems that will be trained, for the variants they ask for")
    parser.add_argument("--system-configs", type=Path, help="folder of their YAMLs (that of --config)")
    parser.add_argument("--variants", default="", help="more variants of mix.yaml, separated by blanks")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="instead of the seed in the configuration")
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.fileio.yamlfile import load_config
    from weaksep.mixtures.config import MixConfig
    from weaksep.mixtures.stage import make_mixtures
    from weaksep.train.plan import system_variants

    overrides = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    config = load_config(MixConfig, arguments.config, overrides)
    to_train = system_variants(arguments.system_configs or arguments.config.parent, arguments.systems.split())
    more = arguments.variants.split()
    make_mixtures(config, to_train, more, arguments.events, arguments.out, arguments.nj, arguments.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
