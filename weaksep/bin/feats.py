"""Stage 2: wav.scp -> STFT magnitudes in Kaldi archives, statistics, frame counts.

Reads data/{train,valid,test}; writes dump/{train,valid,test}, and the same for the variants (data/train_NAME) that the
systems ask for. References are extracted too, for train and valid, when one of the systems needs them.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from weaksep.bin.cli import FORCE, RETRIES, make_parser, option, positive_int, run_command

SETS = ("train", "valid", "test")

OPTIONS = (
    option("--config", type=Path, required=True, help="conf/feats.yaml"),
    option("--datadir", type=Path, default=Path("data"), help="folder of the data folders"),
    option("--dumpdir", type=Path, default=Path("dump"), help="where the features go"),
    option("--systems", default="", help="systems that will be trained, separated by blanks"),
    option("--system-configs", type=Path, help="folder of their YAMLs"),
    option("--variants", default="", help="more variants of the mixtures, separated by blanks"),
    option(
        "--feats-type",
        choices=("ark", "raw"),
        default=None,
        help="instead of the configuration's: Kaldi archives, or none: training then reads the audio",
    ),
    option("--nj", type=positive_int, default=1, help="worker processes"),
    RETRIES,
    FORCE,
)


def _extract(*arguments: Any) -> None:
    # Imported only where there is something to do: numpy alone takes as long as a look at what is up to date.
    from weaksep.feats.extract import extract

    extract(*arguments)


def _extract_references(*arguments: Any) -> None:
    from weaksep.feats.extract import extract_references

    extract_references(*arguments)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stage 2."""
    args = make_parser("feats", __doc__, OPTIONS).parse_args(argv)

    from weaksep.feats.config import FeatsConfig
    from weaksep.feats.steps import features_step, references_step
    from weaksep.fileio.stamp import run_step
    from weaksep.fileio.yamlfile import load_config
    from weaksep.jobs.slurm_config import begin_stage
    from weaksep.train.systems import system_configs, system_variants

    begin_stage("feats", args.retries)
    overrides = [f"feats_type={args.feats_type}"] if args.feats_type else []
    config = load_config(FeatsConfig, args.config, overrides)
    folder = args.system_configs or args.config.parent
    configs = system_configs(folder, args.systems.split()).values()
    # Semi-supervised training reads sources of the training set alone.
    with_references = {("train", system.mixtures) for system in configs if system.needs_references}
    with_references |= {("valid", system.mixtures) for system in configs if system.supervision == "strong"}
    asked = system_variants(folder, args.systems.split())
    for variant in ["", *sorted({*asked, *args.variants.split()})]:
        for name in SETS:
            full = f"{name}_{variant}" if variant else name
            data, dump = args.datadir / full, args.dumpdir / full
            if variant and not data.is_dir() and (name == "test" or variant not in asked):
                continue  # it has none: its systems are scored on the recipe's, or it is there to test on
            places = (data, dump, config)
            run_step(features_step(*places), partial(_extract, *places, args.nj), force=args.force)
            if (name, variant) in with_references:
                work = partial(_extract_references, *places, args.nj)
                run_step(references_step(*places), work, force=args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
