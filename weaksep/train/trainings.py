"""Stages 3 and 4: several trainings, each a step, side by side or one after the other.

Imports no torch before there is something to do: a rerun with nothing to do must be quick.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.experiments import DESCRIPTION_NAME
from weaksep.fileio.failure import failure_reason
from weaksep.fileio.logs import log_file, set_up_logging
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import run_step
from weaksep.jobs import run_sharded
from weaksep.jobs.device import choose_device
from weaksep.jobs.slurm_config import on_slurm
from weaksep.train.plan import Plan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How trainings are run.

    Attributes:
        nj: trainings at a time on the CPU, and one more: three systems on two cores then end together, and no core
            idles beside the last one.
        threads: of each on the CPU.
        ngpu, allow_cpu: see ``choose_device``.
        per_gpu: trainings at a time on a GPU.
        force: train anew what is up to date or interrupted.
        checkpoint_minutes: time between checkpoints within an epoch.
        team: the processes that train together, a ``Team``; None for one process a training.
    """

    nj: int = 1
    threads: int = 1
    ngpu: int = 0
    allow_cpu: bool = False
    per_gpu: int = 1
    force: bool = False
    checkpoint_minutes: float = 10.0
    team: Any = None


def _problems(plans: Sequence[Plan], work: Callable[[Plan], object]) -> list[str]:
    """What goes wrong, a line for each training for which something does."""
    problems = []
    for plan in plans:
        try:
            work(plan)
        except Exception as error:
            reason = failure_reason(error, plan.exp)
            problems.append(reason if isinstance(error, UserError) else f"{plan.exp.name}: {reason}")
    return problems


def train_all(
    plans: Sequence[Plan], options: Options, later: Callable[[], Sequence[Plan]] = tuple
) -> list[tuple[Plan, str]]:
    """Run the trainings that are not up to date; those that failed, and why.

    Args:
        later: gives the trainings that come after these ones: their settings are checked now, not hours later.

    Raises:
        UserError: data, features, classifiers or settings are not such that all could be trained; then none was begun:
            otherwise the first one would be trained for hours before the second one says no.
    """
    raise_problems("cannot train", [problem for plan in plans for problem in missing_inputs(plan)])
    todo = [plan for plan in plans if options.force or not plan.up_to_date()]
    for plan in plans:
        if plan not in todo:
            gone = _problems([plan], Plan.init_hash)
            logger.info(
                "%s: up to date%s", plan.exp.name, f"; {plan.config.init} is gone and not needed" if gone else ""
            )
    if not todo:
        return []
    from weaksep.train.parts import resolved

    told = [*todo, *(plan.classifier for plan in todo if plan.joint and plan.classifier)]
    raise_problems("cannot train", _problems(told, Plan.init_hash), one_alone=True)
    told = [*told, *later()]
    raise_problems("cannot train", _problems(told, lambda plan: resolved(plan.config, str(plan.origin))))
    todo.sort(key=_cost, reverse=True)
    logger.info("training: %s", ", ".join(plan.exp.name for plan in todo))
    if on_slurm() and not options.team:
        reasons = _as_jobs(plans, todo, options)
    else:
        device = str(options.team.device) if options.team else choose_device(options.ngpu, options.allow_cpu)
        side_by_side = options.nj + (options.nj > 1) if device == "cpu" else options.per_gpu
        nj = 1 if options.team else side_by_side
        work = partial(_train, options, device)
        reasons = run_sharded(work, todo, nj=nj, description="trainings", backend="local")
    return [(plan, reason) for plan, reason in zip(todo, reasons, strict=True) if reason]


def _as_jobs(plans: Sequence[Plan], todo: Sequence[Plan], options: Options) -> list[str | None]:
    """Each training as a job of its own; why those failed that did. A job that is ended at its time limit, preempted or
    lost is tried again, and goes on where its last checkpoint was."""
    # All that the command names, whatever is done by now: by this a run finds the jobs that one before it has left.
    names = sha256("".join(sorted(str(plan.exp.absolute()) for plan in plans)).encode()).hexdigest()[:12]
    place = plans[0].exp.parent / f".trainings-{names}"
    whats = [f"weaksep train, {plan.exp}" for plan in todo]
    work = partial(_train, options, "")
    return run_sharded(work, todo, nj=options.nj, description="trainings", whats=whats, place=place)


def try_all(plans: Sequence[Plan], options: Options) -> None:
    """Two steps of every training, here; nothing is kept.

    Raises:
        UserError: listing those that cannot be trained.
    """
    import torch

    from weaksep.train.run import dry_run

    torch.set_num_threads(options.threads)
    device = choose_device(options.ngpu, options.allow_cpu)
    raise_problems("dry run", _problems(plans, lambda plan: dry_run(plan, device)))


def _train(options: Options, device: str, plan: Plan) -> str | None:
    """Run one training unless it is up to date, here or in a worker process; the reason, if it fails."""
    if not logging.getLogger().handlers:
        set_up_logging()
    try:
        device = device or choose_device(options.ngpu, options.allow_cpu)  # of the machine that the job is on
        run_step(plan.step(), partial(_fit, options, device, plan), force=options.force)
        if (calibration := plan.calibration_step()) is not None:
            run_step(calibration, partial(_calibrate, device, plan))
        return None
    except Exception as error:
        if options.team and options.team.parted(error):
            raise
        reason = failure_reason(error, plan.exp)
        logger.error("%s has failed: %s", plan.exp.name, reason.splitlines()[0])  # the whole comes at the end
        return reason


def _calibrate(device: str, plan: Plan, notes: Shards) -> None:
    from weaksep.train.calibrate import calibrate

    notes.open_again()
    calibrate(plan, device)


def _fit(options: Options, device: str, plan: Plan, notes: Shards) -> None:
    """The training itself, with its log in <exp>/train.log as well."""
    import torch

    from weaksep.train.run import run_training
    from weaksep.train.state import claim_experiment

    torch.set_num_threads(options.threads)
    claim_experiment(plan.exp, notes, plan.joint)
    with log_file(plan.exp / "train.log"):
        logger.info("device: %s", device)
        if options.team and plan.config.net.get("kind") != "nmf":
            _fit_together(options, plan)
        else:
            run_training(plan, device, options.checkpoint_minutes)


def _fit_together(options: Options, plan: Plan) -> None:
    """One rank's part of a training; rank 0 has told the others which."""
    from weaksep.train.run import run_training

    team = options.team
    if team.leads:
        team.meeting.order(str(plan.exp))
    with team.unbroken():
        run_training(plan, str(team.device), options.checkpoint_minutes, team)


def follow(plans: Sequence[Plan], options: Options) -> None:
    """The other ranks' part of ``train_all``: the trainings that rank 0 names, until it has no more.

    Raises:
        UserError: the ranks have parted.
    """
    import torch

    from weaksep.train.alone import Agreed

    torch.set_num_threads(options.threads)
    known = {str(plan.exp): plan for plan in plans}
    while (name := options.team.next_order()) is not None:
        if name not in known:
            raise UserError(f"rank 0 trains {name}, which this process's command does not: give all nodes the same")
        with suppress(Agreed):  # rank 0 says why
            _fit_together(options, known[name])


def missing_inputs(plan: Plan) -> list[str]:
    """What a training needs and does not find, a line each: features of both sets, a trained classifier."""
    sets = [find(name) for find in (plan.set_folders, plan.unlabelled) for name in ("train", "valid")]
    needed = [(folders[1] / "feats.yaml", "run stage 2 first") for folders in sets if folders]
    if plan.frozen_classifier is not None:
        needed.append((plan.frozen_classifier / DESCRIPTION_NAME, "run stage 3 first"))
    return [f"{plan.exp.name}: no {path}; {remedy}" for path, remedy in needed if not path.is_file()]


# What an epoch of a classifier costs, against one of a separator without a classifier; roughly, on a CPU.
CLASSIFIER_COST = {None: 0.0, "light": 0.3, "blstm": 1.0, "crnn": 3.0}


def _cost(plan: Plan) -> float:
    """A guess at how long a training takes: begun first, the long ones leave no core idle at the end."""
    if plan.config.net.get("kind") == "nmf":
        return 0.0
    kind = plan.classifier.config.net.get("kind", "blstm") if plan.classifier else None
    return plan.config.optim.max_epochs * (1.0 + CLASSIFIER_COST.get(kind, 1.0))
