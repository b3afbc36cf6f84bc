"""Stages 3 and 4: train the classifiers, or the separators, that the systems need.

On the CPU several trainings run side by side (--nj), each with --train-threads threads; on a GPU one after the other.
They run on this machine whatever cmd.sh says: on a cluster, submit run.sh itself to a GPU machine for these stages.

A training that fails does not stop the others; each failure is told when it happens, and again at the end.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command, share, str2bool
from weaksep.errors import UserError, raise_problems

logger = logging.getLogger(__name__)


def get_parser() -> argparse.ArgumentParser:
    """Options of stages 3 and 4."""
    parser = make_parser("train", __doc__)
    parser.add_argument("--task", choices=("classifier", "separator"), required=True, help="what to train")
    parser.add_argument("--config-dir", type=Path, default=Path("conf"), help="folder of the YAMLs")
    parser.add_argument("--systems", required=True, help="names of systems (YAMLs), separated by blanks")
    parser.add_argument(
        "--evaluation-classifier",
        default="",
        help="a classifier that is trained whatever the systems need, by its name (clip); without it, an error",
    )
    parser.add_argument("--datadir", type=Path, default=Path("data"), help="folder of the data folders")
    parser.add_argument("--dumpdir", type=Path, default=Path("dump"), help="folder of the features")
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments")
    parser.add_argument("--tag", default="", help="suffix of the experiments' folders")
    parser.add_argument("--strong-share", type=share, default=None, help="of semi-supervised systems, not their own")
    parser.add_argument("--nj", type=positive_int, default=1, help="trainings side by side on the CPU")
    parser.add_argument(
        "--train-threads",
        type=positive_int,
        default=1,
        help="threads of each training on the CPU; another number gives other weights, --nj does not (%(default)s)",
    )
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


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of stages 3 and 4."""
    args = get_parser().parse_args(argv)

    from weaksep.fileio.atomic import write_text
    from weaksep.fileio.place import check_list
    from weaksep.train.plan import plan_training, users_of
    from weaksep.train.trainings import Options, train_all, try_all

    systems = args.systems.split()
    check_list(args.failed, systems)
    places = {"datadir": args.datadir, "dumpdir": args.dumpdir, "expdir": args.expdir, "tag": args.tag}
    common = {"config_dir": args.config_dir, "systems": systems, **places}
    plans = plan_training(
        args.task,
        **common,
        overrides=args.set,
        strong_share=args.strong_share,
        evaluation_classifier=args.evaluation_classifier,
    )
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
    names = [plan.name for plan, _ in failed]
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
