"""Stages 3 and 4: train the classifiers, or the separators, that the systems need.

On the CPU several trainings run side by side (--nj), each with --train-threads threads; on a GPU one after the other.
They run on this machine whatever cmd.sh says: on a cluster, submit run.sh itself to a GPU machine for these stages.

A training that fails does not stop the others; each failure is told when it happens, and again at the end.
"""

import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from weaksep.bin.cli import FORCE, SEEDS, make_parser, option, positive_int, run_command, share, switch
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
    option("--ngpu", type=int, choices=(0, 1), default=0, help="1: a GPU if there is one"),
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


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stages 3 and 4."""
    args = make_parser("train", __doc__, OPTIONS).parse_args(argv)

    import json

    from weaksep.fileio.atomic import write_text
    from weaksep.fileio.experiments import seed_tags
    from weaksep.fileio.place import check_list
    from weaksep.train.plan import plan_training
    from weaksep.train.systems import users_of
    from weaksep.train.trainings import Options, train_all, try_all

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
    options = Options(args.nj, args.train_threads, args.ngpu, args.allow_cpu, force, args.checkpoint_minutes)
    if args.dry_run:
        try_all(plans, options)
        return
    separators = partial(plan_training, "separator", **common)
    failed = train_all(plans, options, separators if args.task == "classifier" else tuple)
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
