"""Stages 3 and 4: train the classifiers, or the separators, that the systems need.

On the CPU several trainings run side by side, one thread each (--nj); on a GPU one after the other. They run on this
machine whatever cmd.sh says: on a cluster, submit run.sh itself to a GPU machine for these stages.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import (
    LOG_DATE_FORMAT,
    LOG_FORMAT,
    add_force,
    make_parser,
    positive_int,
    run_command,
    set_up_logging,
    str2bool,
)
from weaksep.fileio.stamp import run_step

if TYPE_CHECKING:
    from weaksep.fileio.shards import Shards
    from weaksep.train.plan import Plan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One training, for a worker process.

    Args:
        plan: what to train.
        device: torch device.
        threads: with which torch computes on the CPU.
        resume: go on with an interrupted run.
        force: train anew what is up to date.
        checkpoint_minutes: time between checkpoints within an epoch.
    """

    plan: Plan
    device: str
    threads: int
    resume: bool
    force: bool
    checkpoint_minutes: float


def train_one(job: Job) -> None:
    """Run one training unless it is up to date; called in a worker process or here."""
    if not logging.getLogger().handlers:
        set_up_logging()
    run_step(job.plan.step(), partial(work, job), force=job.force)


def work(job: Job, shards: Shards) -> None:
    """The training itself, with its log in <exp>/train.log as well."""
    import torch

    from weaksep.train.run import run_training

    torch.set_num_threads(job.threads)
    exp = job.plan.exp
    exp.mkdir(parents=True, exist_ok=True)
    # Watched: a run that begins again may put the file of the one before away.
    handler = WatchedFileHandler(exp / "train.log")
    handler.setFormatter(logging.Formatter(LOG_FORMAT, LOG_DATE_FORMAT))
    logging.getLogger().addHandler(handler)
    try:
        logger.info("device: %s", job.device)
        run_training(job.plan, job.device, job.resume and not job.force, job.checkpoint_minutes)
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
    parser.add_argument("--nj", type=positive_int, default=1, help="trainings side by side on the CPU")
    parser.add_argument("--ngpu", type=int, choices=(0, 1), default=0, help="1: a GPU if there is one")
    parser.add_argument("--allow-cpu", type=str2bool, default=False, help="true: take the CPU when no GPU is free")
    parser.add_argument("--resume", type=str2bool, default=True, help="false: begin again")
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=10.0,
        help="time between checkpoints within an epoch (%(default)s); there is one after every epoch as well",
    )
    add_force(parser)
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
    force = arguments.force or not arguments.resume
    todo = [plan for plan in plans if force or plan.step().changes()]
    for plan in plans:
        if plan not in todo:
            logger.info("%s: up to date", plan.exp.name)
    if not todo:
        return
    device = choose_device(arguments.ngpu, arguments.allow_cpu)
    logger.info("training: %s", ", ".join(plan.exp.name for plan in todo))
    # One more than the cores: three systems on two cores then end together, and no core idles beside the last one.
    side_by_side = arguments.nj + (arguments.nj > 1) if device == "cpu" else 1
    # By all plans, done or not: a run that goes on alone computes as it did beside the others.
    threads = max(1, arguments.nj // len(plans))
    jobs = [Job(plan, device, threads, arguments.resume, force, arguments.checkpoint_minutes) for plan in todo]
    run_sharded(train_one, jobs, nj=side_by_side, description=f"{arguments.task} trainings", backend="local")


if __name__ == "__main__":
    sys.exit(run_command(main))
