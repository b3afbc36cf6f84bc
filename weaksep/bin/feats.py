"""Stage 2: wav.scp -> STFT magnitudes in Kaldi archives, statistics, frame counts.

Reads data/{train,valid,test}; writes dump/{train,valid,test}, and the same for the variants (data/train_NAME) that the
systems ask for. References are extracted too, for train and valid, when one of the systems needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command

SETS = ("train", "valid", "test")


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stage 2."""
    parser = make_parser("feats", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="conf/feats.yaml")
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="folder of the data folders")
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"), help="where the features go")
    parser.add_argument("--systems", default="", help="systems that will be trained, separated by blanks")
    parser.add_argument("--system-configs", type=Path, help="folder of their YAMLs")
    parser.add_argument("--variants", default="", help="more variants of the mixtures, separated by blanks")
    parser.add_argument(
        "--feats-type",
        choices=("ark", "raw"),
        default=None,
        help="instead of the configuration's: Kaldi archives, or none: training then reads the audio",
    )
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes")
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.feats.config import FeatsConfig
    from weaksep.feats.extract import extract, extract_references
    from weaksep.feats.steps import features_step, references_step
    from weaksep.fileio.stamp import run_step
    from weaksep.fileio.yamlfile import load_config
    from weaksep.train.plan import system_configs, system_variants

    overrides = [f"feats_type={arguments.feats_type}"] if arguments.feats_type else []
    config = load_config(FeatsConfig, arguments.config, overrides)
    folder = arguments.system_configs or arguments.config.parent
    configs = system_configs(folder, arguments.systems.split()).values()
    # Semi-supervised training reads sources of the training set alone.
    with_references = {("train", system.mixtures) for system in configs if system.needs_references}
    with_references |= {("valid", system.mixtures) for system in configs if system.supervision == "strong"}
    asked = system_variants(folder, arguments.systems.split())
    for variant in ["", *sorted({*asked, *arguments.variants.split()})]:
        for name in SETS:
            full = f"{name}_{variant}" if variant else name
            data, dump = arguments.datadir / full, arguments.dumpdir / full
            if variant and not data.is_dir() and (name == "test" or variant not in asked):
                continue  # it has none: its systems are scored on the recipe's, or it is there to test on
            places = (data, dump, config)
            run_step(features_step(*places), partial(extract, *places, arguments.nj), force=arguments.force)
            if (name, variant) in with_references:
                work = partial(extract_references, *places, arguments.nj)
                run_step(references_step(*places), work, force=arguments.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
