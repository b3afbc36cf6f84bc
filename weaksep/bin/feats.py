"""Stage 2: wav.scp -> STFT magnitudes in Kaldi archives, statistics, frame counts.

Reads data/{train,valid,test}; writes dump/{train,valid,test}. References are extracted too, for train and valid, when
one of the systems is strongly supervised.
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
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes")
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.feats.config import FeatsConfig
    from weaksep.feats.extract import extract, extract_references
    from weaksep.feats.steps import features_step, references_step
    from weaksep.fileio.stamp import run_step
    from weaksep.fileio.yamlfile import load_config
    from weaksep.train.plan import system_configs

    config = load_config(FeatsConfig, arguments.config)
    strong = False
    if arguments.systems:
        configs = system_configs(arguments.system_configs or arguments.config.parent, arguments.systems.split())
        strong = any(system.supervision == "strong" for system in configs.values())
    for name in SETS:
        data, dump = arguments.datadir / name, arguments.dumpdir / name
        places = (data, dump, config)
        run_step(features_step(*places), partial(extract, *places, arguments.nj), force=arguments.force)
        if strong and name != "test":
            work = partial(extract_references, *places, arguments.nj)
            run_step(references_step(*places), work, force=arguments.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
