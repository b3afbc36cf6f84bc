"""Stage 1: draw and render mixtures of isolated events, data/events -> data/{train,valid,test}.

Systems with ``mixtures: NAME`` in their YAML have sets of their own, data/{train,valid,test}_NAME, which mix.yaml
describes under ``variants``; ``--variants`` names more of them, to test on. Where mixtures have backgrounds, their
recordings are split and converted first, into data/backgrounds/{train,valid,test}.
"""

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
)

OPTIONS = (
    option("--config", type=Path, required=True, help="mix.yaml"),
    option("--events", type=Path, default=Path("data/events"), help="what stage 0 wrote (%(default)s)"),
    option("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)"),
    option("--systems", default="", help="systems that will be trained, for the variants they ask for"),
    option("--system-configs", type=Path, help="folder of their YAMLs (that of --config)"),
    option("--variants", default="", help="more variants of mix.yaml, separated by blanks"),
    option(
        "--background",
        type=Path,
        help="unlabelled recordings, a folder or a wav.scp (background.db of the configuration)",
    ),
    option("--max-bad-ratio", type=share, default=0.0, help="share of them to leave out if unreadable (%(default)s)"),
    accept_truncated(False),
    NJ,
    RETRIES,
    option("--seed", type=int, default=None, help="instead of the seed in the configuration"),
    audio_format(None),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1."""
    args = make_parser("mix", __doc__, OPTIONS).parse_args(argv)

    from weaksep.corpora.backgrounds import make_backgrounds
    from weaksep.fileio.yamlfile import load_config
    from weaksep.jobs.slurm_config import begin_stage
    from weaksep.mixtures.config import MixConfig
    from weaksep.mixtures.stage import make_mixtures, wanted_mixtures
    from weaksep.train.systems import system_variants

    begin_stage("mix", args.retries)
    config = load_config(MixConfig, args.config, given(seed=args.seed, audio_format=args.audio_format))
    to_train = system_variants(args.system_configs or args.config.parent, args.systems.split())
    wanted = wanted_mixtures(config, to_train, args.variants.split())
    backgrounds = args.out / "backgrounds"
    if any(settings.background for settings in wanted.values()):
        make_backgrounds(
            args.background or (config.background.db if config.background else None),
            args.events,
            backgrounds,
            accept_truncated=args.accept_truncated,
            nj=args.nj,
            max_bad_ratio=args.max_bad_ratio,
            force=args.force,
        )
    make_mixtures(config, wanted, args.events, backgrounds, args.out, args.nj, args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
