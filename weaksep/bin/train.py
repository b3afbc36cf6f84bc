"""Stages 3 and 4: train the classifiers, or the separators, that the systems need.

On the CPU several trainings run side by side, one thread each (--nj); on a GPU one after the other. They run on this
machine whatever cmd.sh says: on a cluster, submit run.sh itself to a GPU machine for these stages.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import LOG_DATE_FORMAT, LOG_FORMAT, make_parser, run_command, set_up_logging, str2bool

if TYPE_CHECKING:
    from weaksep.train.plan import Plan

logger = logging.getLogger(__name__)


def train_one(job: tuple[Plan, str, bool]) -> None:
    """Run one training, with its log in <exp>/train.log as well; called in a worker process or here."""
    plan, device, resume = job
    from weaksep.train.run import run_training

    if not logging.getLogger().handlers:
        set_up_logging()
    plan.exp.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(plan.exp / "train.log", mode="a" if resume else "w")
    handler.setFormatter(logging.Formatter(LOG_FORMAT, LOG_DATE_FORMAT))
    logging.getLogger().addHandler(handler)
    try:
        logger.info("device: %s", device)
        run_training(plan, device, resume)
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stages 3 and 4."""
    parser = make_parser("train", __doc__)
    parser.add_argument("--task", choices=("classifier", "separator"), required=True, help="what to train")
    parser.add_argument("--config-dir", type=Path, default=Path("conf"), help="folder of the YAMLs")
    parser.add_argument("--systems", required=True, help="names of systems (YAMLs), separated by blanks")
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="folder of the data folders")
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"), help="folder of the features")
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments")
    parser.add_argument("--tag", default="", help="suffix of the experiments' folders")
    parser.add_argument("--nj", type=int, default=1, help="trainings side by side on the CPU")
    parser.add_argument("--ngpu", type=int, default=0, help="0: CPU; 1: one GPU if this machine has one")
    parser.add_argument("--allow-cpu", type=str2bool, default=False, help="true: take the CPU when no GPU is free")
    parser.add_argument("--resume", type=str2bool, default=True, help="false: begin again")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override, e.g. optim.max_epochs=5"
    )
    arguments = parser.parse_args(argv)

    from weaksep.errors import raise_problems
    from weaksep.jobs import run_sharded
    from weaksep.jobs.device import choose_device
    from weaksep.train.plan import missing_inputs, plan_training

    plans = plan_training(
        arguments.task,
        arguments.config_dir,
        arguments.systems.split(),
        datadir=arguments.datadir,
        dumpdir=arguments.dumpdir,
        expdir=arguments.expdir,
        tag=arguments.tag,
        overrides=arguments.set,
    )
    if not plans:
        logger.info("no %s to train for --systems %s", arguments.task, arguments.systems)
        return
    # Before anything starts: otherwise the first system would be trained for hours before the second one says no.
    raise_problems(f"cannot train the {arguments.task}s", [p for plan in plans for p in missing_inputs(plan)])
    device = choose_device(arguments.ngpu, arguments.allow_cpu)
    logger.info("training: %s", ", ".join(plan.exp.name for plan in plans))
    # One more than the cores: three systems on two cores then end together, and no core idles beside the last one.
    side_by_side = arguments.nj + (arguments.nj > 1) if device == "cpu" else 1
    jobs = [(plan, device, arguments.resume) for plan in plans]
    run_sharded(train_one, jobs, nj=side_by_side, description=f"{arguments.task} trainings", backend="local")


if __name__ == "__main__":
    sys.exit(run_command(main))
