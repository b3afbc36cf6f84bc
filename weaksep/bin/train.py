"""Stages 3 and 4: train the classifiers, or the separators, that the systems need.

On the CPU several trainings run side by side, one thread each (--nj); on a GPU one after the other. They run on this
machine whatever cmd.sh says: on a cluster, submit run.sh itself to a GPU machine for these stages.

A training that fails does not stop the others; each failure is told when it happens, and again at the end.
"""

from __future__ import annotations

import argparse
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
    failure_reason,
    make_parser,
    positive_int,
    run_command,
    set_up_logging,
    share,
    str2bool,
)
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import write_text
from weaksep.fileio.place import check_list
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


def train_one(job: Job) -> str | None:
    """Run one training unless it is up to date; called in a worker process or here. The reason, if it fails."""
    if not logging.getLogger().handlers:
        set_up_logging()
    name = job.plan.exp.name
    try:
        run_step(job.plan.step(), partial(work, job), force=job.force)
    except Exception as error:
        reason = failure_reason(error, job.plan.exp)
    else:
        return None
    logger.error("%s has failed: %s", name, reason.splitlines()[0])  # the whole comes at the end
    return reason


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


def get_parser() -> argparse.ArgumentParser:
    """Options of stages 3 and 4."""
    parser = make_parser("train", __doc__)
    parser.add_argument("--task", choices=("classifier", "separator"), required=True, help="what to train")
    parser.add_argument("--config-dir", type=Path, default=Path("conf"), help="folder of the YAMLs")
    parser.add_argument("--systems", required=True, help="names of systems (YAMLs), separated by blanks")
    parser.add_argument(
        "--judge",
        default="",
        help="a classifier that is trained whatever the systems need, by its name (clip); without it, an error",
    )
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="folder of the data folders")
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"), help="folder of the features")
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments")
    parser.add_argument("--tag", default="", help="suffix of the experiments' folders")
    parser.add_argument("--strong-share", type=share, default=None, help="of semi-supervised systems, not their own")
    parser.add_argument("--nj", type=positive_int, default=1, help="trainings side by side on the CPU")
    parser.add_argument("--ngpu", type=int, choices=(0, 1), default=0, help="1: a GPU if there is one")
    parser.add_argument("--allow-cpu", type=str2bool, default=False, help="true: take the CPU when no GPU is free")
    parser.add_argument("--resume", type=str2bool, default=True, help="false: begin again")
    parser.add_argument("--dry-run", type=str2bool, default=False, help="true: two steps of each, nothing is kept")
    parser.add_argument("--failed", type=Path, help="write the systems that failed here, and exit with 0 all the same")
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
    return parser


def train_all(arguments: argparse.Namespace, plans: Sequence[Plan]) -> list[tuple[Plan, str]]:
    """Run the trainings that are not up to date; those that failed, and why."""
    from weaksep.jobs import run_sharded
    from weaksep.jobs.device import choose_device

    force = arguments.force or not arguments.resume
    todo = [plan for plan in plans if force or plan.step().changes()]
    for plan in plans:
        if plan not in todo:
            logger.info("%s: up to date", plan.exp.name)
    if not todo:
        return []
    device = choose_device(arguments.ngpu, arguments.allow_cpu)
    logger.info("training: %s", ", ".join(plan.exp.name for plan in todo))
    # One more than the cores: three systems on two cores then end together, and no core idles beside the last one.
    side_by_side = arguments.nj + (arguments.nj > 1) if device == "cpu" else 1
    # By all plans, done or not: a run that goes on alone computes as it did beside the others.
    threads = max(1, arguments.nj // len(plans))
    jobs = [Job(plan, device, threads, arguments.resume, force, arguments.checkpoint_minutes) for plan in todo]
    reasons = run_sharded(train_one, jobs, nj=side_by_side, description=f"{arguments.task} trainings", backend="local")
    return [(plan, reason) for plan, reason in zip(todo, reasons, strict=True) if reason]


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stages 3 and 4."""
    arguments = get_parser().parse_args(argv)

    from weaksep.train.plan import missing_inputs, plan_training, users_of

    systems = arguments.systems.split()
    check_list(arguments.failed, systems)
    plans = plan_training(
        arguments.task,
        arguments.config_dir,
        systems,
        datadir=arguments.datadir,
        dumpdir=arguments.dumpdir,
        expdir=arguments.expdir,
        tag=arguments.tag,
        overrides=arguments.set,
        strong_share=arguments.strong_share,
        judge=arguments.judge,
    )
    if not plans:
        logger.info("no %s to train for --systems %s", arguments.task, arguments.systems)
        return
    if arguments.dry_run:
        try_all(arguments, plans)
        return
    # Before anything starts: otherwise the first system would be trained for hours before the second one says no.
    raise_problems(f"cannot train the {arguments.task}s", [p for plan in plans for p in missing_inputs(plan)])
    failed = train_all(arguments, plans)
    if not failed:
        return
    names = [plan.name for plan, _ in failed]
    judge_failed = arguments.task == "classifier" and arguments.judge in names
    if arguments.task == "classifier":
        names = users_of(names, arguments.config_dir, systems)
    if arguments.failed is None or judge_failed or not set(systems) - set(names):
        if len(plans) == 1:
            raise UserError(failed[0][1])
        reasons = [f"{plan.exp.name}: {reason}" for plan, reason in failed]
        raise_problems(f"{len(failed)} of {len(plans)} trainings failed", reasons)
    write_text(arguments.failed, "".join(f"{name}\n" for name in names))


def try_all(arguments: argparse.Namespace, plans: Sequence[Plan]) -> None:
    """Two steps of every training, here.

    Raises:
        UserError: listing those that cannot be trained.
    """
    import torch

    from weaksep.jobs.device import choose_device
    from weaksep.train.dry_run import dry_run

    torch.set_num_threads(max(1, arguments.nj // len(plans)))  # as the trainings would
    device = choose_device(arguments.ngpu, arguments.allow_cpu)
    problems = []
    for plan in plans:
        try:
            dry_run(plan, device)
        except Exception as error:
            problems.append(f"{plan.exp.name}: {failure_reason(error, plan.exp)}")
    raise_problems("dry run", problems)


if __name__ == "__main__":
    sys.exit(run_command(main))
