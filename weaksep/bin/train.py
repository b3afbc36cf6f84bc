"""Stages 3 and 4: train the classifiers, or the separators, that the systems need.

On the CPU several trainings run side by side (--nj), each with --train-threads threads; on a GPU as many as
--trainings-per-gpu says.
With --ngpu 2 or more, --num-procs or --num-nodes several processes share each training, one training after the other.
Where cmd.sh says slurm each training is a job; those that several processes share run here all the same.

A training that fails does not stop the others; each failure is told when it happens, and again at the end.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from weaksep.bin.cli import (
    FORCE,
    RETRIES,
    SEEDS,
    make_parser,
    option,
    positive_int,
    run_command,
    share,
    switch,
    whole_number,
)
from weaksep.errors import UserError, raise_problems

logger = logging.getLogger(__name__)


OPTIONS = (
    option("--task", choices=("classifier", "separator"), required=True, help="what to train"),
    option("--config-dir", type=Path, default=Path("conf"), help="folder of the YAMLs"),
    option("--systems", required=True, help="names of systems (YAMLs), separated by blanks"),
    option(
        "--evaluation-classifier",
        default="",
        help="a classifier that is trained whatever the systems need, by its name (clip); without it, an error",
    ),
    option("--datadir", type=Path, default=Path("data"), help="folder of the data folders"),
    option("--dumpdir", type=Path, default=Path("dump"), help="folder of the features"),
    option("--expdir", type=Path, default=Path("exp"), help="folder of the experiments"),
    option("--init", type=Path, help="fine-tune: begin with this network, as --model of weaksep separate"),
    option("--tag", default="", help="suffix of the experiments' folders"),
    SEEDS,
    option("--strong-share", type=share, default=None, help="of semi-supervised systems, not their own"),
    option("--nj", type=positive_int, default=1, help="trainings side by side on the CPU"),
    option(
        "--train-threads",
        type=positive_int,
        default=1,
        help="threads of each training on the CPU; another number gives other weights, --nj does not (%(default)s)",
    ),
    option("--ngpu", type=whole_number, default=0, help="1: a GPU if there is one; more: so many, a process each"),
    option("--num-procs", type=positive_int, default=1, help="processes of each training on the CPU (%(default)s)"),
    option("--num-nodes", type=positive_int, default=1, help="machines, see docs/distributed.md (%(default)s)"),
    option("--node-rank", type=whole_number, default=0, help="which of them this one is, from 0 (%(default)s)"),
    option("--rdzv-endpoint", default="", metavar="HOST:PORT", help="of machine 0, where the processes meet"),
    option(
        "--dist-timeout",
        type=positive_int,
        default=120,
        metavar="S",
        help="seconds after which a process that says nothing counts as lost (%(default)s)",
    ),
    option(
        "--trainings-per-gpu",
        type=positive_int,
        default=1,
        metavar="N",
        help="trainings side by side on a GPU, which a small net leaves mostly idle (%(default)s)",
    ),
    RETRIES,
    switch("--allow-cpu", False, "true: take the CPU when no GPU is free"),
    switch("--resume", True, "false: begin again"),
    switch("--dry-run", False, "true: two steps of each, nothing is kept"),
    option("--failed", type=Path, help="write the systems that failed here, and exit with 0 all the same"),
    option(
        "--checkpoint-minutes",
        type=float,
        default=10.0,
        help="time between checkpoints within an epoch (%(default)s); there is one after every epoch as well",
    ),
    FORCE,
    option("--set", action="append", default=[], metavar="KEY=VALUE", help="override, e.g. optim.max_epochs=5"),
)


def _train(
    plans: Sequence[Any], work: Callable[[Any], Any], options: Any, args: Any, argv: Sequence[str]
) -> Sequence[tuple[Any, str]]:
    """What has failed: here, of one process or as rank 0 of several; as another rank, or from where ranks are started,
    nothing, since rank 0 says it."""
    from weaksep.jobs.device import rank_device, refuse_too_many
    from weaksep.jobs.launch import Nodes, launch
    from weaksep.jobs.ranks import own_place
    from weaksep.train.trainings import follow

    place = own_place()
    nodes = Nodes(max(args.ngpu, args.num_procs), args.num_nodes, args.node_rank, args.rdzv_endpoint)
    nodes.refuse_contradictions(args.ngpu, args.num_procs)
    if place is None and nodes.size > 1 and any(options.force or not plan.up_to_date() for plan in plans):
        refuse_too_many(args.ngpu)
        launch("weaksep.bin.train", argv, nodes)
        return []
    if place is None:
        return work(options)
    from weaksep.train.rank import joined

    with joined(place, rank_device(args.ngpu, place.local_rank), args.dist_timeout) as team:
        options = replace(options, team=team)
        if team.leads:
            return work(options)
        follow(plans, options)
    return []


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stages 3 and 4."""
    args = make_parser("train", __doc__, OPTIONS).parse_args(argv)

    from weaksep.jobs.ranks import told_once

    with told_once():
        _main(args, sys.argv[1:] if argv is None else argv)


def _main(args: Any, argv: Sequence[str]) -> None:
    import json

    from weaksep.fileio.atomic import write_text
    from weaksep.fileio.experiments import seed_tags
    from weaksep.fileio.place import check_list
    from weaksep.jobs.slurm_config import begin_stage
    from weaksep.train.plan import plan_training
    from weaksep.train.systems import users_of
    from weaksep.train.trainings import Options, train_all, try_all

    begin_stage(f"train_{args.task}", args.retries)
    systems = args.systems.split()
    check_list(args.failed, systems)
    places = {"datadir": args.datadir, "dumpdir": args.dumpdir, "expdir": args.expdir, "tag": args.tag}
    common = {"config_dir": args.config_dir, "systems": systems, **places}
    overrides = [*args.set, *([f"init={json.dumps(str(args.init))}"] if args.init else [])]
    plans = [
        plan
        for tag, seed in seed_tags(args.tag, args.seeds).items()
        for plan in plan_training(
            args.task,
            **{**common, "tag": tag},
            overrides=[*overrides, *seed],
            strong_share=args.strong_share,
            evaluation_classifier=args.evaluation_classifier,
        )
    ]
    if not plans:
        logger.info("no %s to train for --systems %s", args.task, args.systems)
        return
    force = args.force or not args.resume
    gpus = (args.ngpu, args.allow_cpu, args.trainings_per_gpu)
    options = Options(args.nj, args.train_threads, *gpus, force, args.checkpoint_minutes)
    if args.dry_run:
        try_all(plans, replace(options, ngpu=min(args.ngpu, 1)))
        return
    separators = partial(plan_training, "separator", **common)
    work = partial(train_all, plans, later=separators if args.task == "classifier" else tuple)
    failed = _train(plans, work, options, args, argv)
    if not failed:
        return
    names = list(dict.fromkeys(plan.name for plan, _ in failed))
    needed = args.task == "classifier" and args.evaluation_classifier in names
    if args.task == "classifier":
        names = users_of(names, args.config_dir, systems)
    if args.failed is None or needed or not set(systems) - set(names):
        if len(plans) == 1:
            raise UserError(failed[0][1])
        reasons = [f"{plan.exp.name}: {reason}" for plan, reason in failed]
        raise_problems(f"{len(failed)} of {len(plans)} trainings failed", reasons)
    write_text(args.failed, "".join(f"{name}\n" for name in names))


if __name__ == "__main__":
    sys.exit(run_command(main))
