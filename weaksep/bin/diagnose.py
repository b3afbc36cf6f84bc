"""Before training: can these labels work? DATA.md, with a figure, in the data folder, and a line a finding in the log.

Each finding has a name and a remedy. Those that make a result meaningless end the command with status 1 unless --accept
names them. With --config-dir it also says whether the trainings have enough steps (not of NMF, which has none, nor of
systems with mixtures of their own).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import FORCE, NJ, RETRIES, make_parser, option, run_command

OPTIONS = (
    option("datadir", type=Path, metavar="DATADIR", help="folder of the sets train, valid and test"),
    option("--config-dir", type=Path, help="the recipe's configurations, for the number of training steps"),
    option("--systems", default="", help="those that will be trained, separated by blanks (all)"),
    option("--separator-args", default="", help="settings that they will be trained with: 'optim.max_epochs=30'"),
    option("--accept", action="append", default=[], metavar="NAMES", help="findings to go on in spite of"),
    NJ,
    RETRIES,
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Diagnose a data folder."""
    args = make_parser("diagnose", __doc__, OPTIONS).parse_args(argv)

    from weaksep.errors import UserError
    from weaksep.jobs.slurm_config import begin_stage
    from weaksep.report.data_page import diagnose
    from weaksep.train.systems import all_systems, system_configs

    begin_stage("data", args.retries)
    if not args.config_dir and (unused := args.systems or args.separator_args):
        raise UserError(f"{unused}: --systems and --separator-args are of trainings; give their --config-dir")
    names = args.systems.split() or (all_systems(args.config_dir) if args.config_dir else [])
    if args.config_dir and not names:
        raise UserError(f"{args.config_dir}: no YAML of a system")
    configs = system_configs(args.config_dir, names, args.separator_args.split()) if args.config_dir else {}
    systems = [
        {
            "system": name,
            "supervision": config.supervision,
            "remixes": bool(config.remix and config.supervision != "strong" and not config.remix.shared),
            "epochs": config.optim.max_epochs,
            "epoch_steps": config.optim.epoch_steps,
            "batch": config.optim.batch_size,
        }
        for name, config in configs.items()
        if config.net.get("kind") != "nmf" and not config.mixtures
    ]
    diagnose(args.datadir, systems, " ".join(args.accept).replace(",", " ").split(), nj=args.nj, force=args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
