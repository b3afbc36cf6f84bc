"""Stage 1: draw and render mixtures of isolated events, data/events -> data/{train,valid,test}.

Systems with ``mixtures: NAME`` in their YAML have sets of their own, data/{train,valid,test}_NAME, which mix.yaml
describes under ``variants``; ``--variants`` names more of them, to test on.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import FORCE, NJ, make_parser, option, run_command

OPTIONS = (
    option("--config", type=Path, required=True, help="mix.yaml"),
    option("--events", type=Path, default=Path("data/events"), help="what stage 0 wrote (%(default)s)"),
    option("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)"),
    option("--systems", default="", help="systems that will be trained, for the variants they ask for"),
    option("--system-configs", type=Path, help="folder of their YAMLs (that of --config)"),
    option("--variants", default="", help="more variants of mix.yaml, separated by blanks"),
    NJ,
    option("--seed", type=int, default=None, help="instead of the seed in the configuration"),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1."""
    args = make_parser("mix", __doc__, OPTIONS).parse_args(argv)

    from weaksep.fileio.yamlfile import load_config
    from weaksep.mixtures.config import MixConfig
    from weaksep.mixtures.stage import make_mixtures
    from weaksep.train.plan import system_variants

    overrides = [] if args.seed is None else [f"seed={args.seed}"]
    config = load_config(MixConfig, args.config, overrides)
    to_train = system_variants(args.system_configs or args.config.parent, args.systems.split())
    more = args.variants.split()
    make_mixtures(config, to_train, more, args.events, args.out, args.nj, args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
