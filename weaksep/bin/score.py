"""Stage 6: separated files and classifiers of a set -> exp/*/scores/<set>/{scores.tsv,sources.json,tagging.json}.

scores.tsv compares separated files with the references. sources.json is what one classifier, the judge, hears in them.
tagging.json is what a classifier hears in the mixtures. A system with `mixtures: NAME` in its config.yaml is scored on
data/test_NAME where that is there; oracles and the unprocessed mixture on every set of a system on which they were
separated. What cannot be scored is named at the end, when all the rest is done.
"""

from __future__ import annotations

import argparse
import difflib
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command, str2bool
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import FULL_DISK

if TYPE_CHECKING:
    from weaksep.feats.dataset import FeatureSet
    from weaksep.fileio.datadir import DataDir
    from weaksep.fileio.shards import Shards
    from weaksep.score.system import TestSet
    from weaksep.score.targets import Target, Targets

logger = logging.getLogger(__name__)

DEFAULT_JUDGE = "frame"


def get_parser() -> argparse.ArgumentParser:
    """Options of stage 6."""
    parser = make_parser("score", __doc__)
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
    parser.add_argument(
        "--systems",
        default=None,
        help="systems (strong frame) to score beside the oracles, with their classifiers; all by default",
    )
    parser.add_argument("--tag", default="", help="of --systems and --judge: strong with tag b is separator_strong+b")
    parser.add_argument("--data", type=Path, default=Path("data/test"), help="mixtures and references (%(default)s)")
    parser.add_argument("--dump", type=Path, default=Path("dump/test"), help="features of the same set (%(default)s)")
    parser.add_argument(
        "--bss-eval",
        type=str2bool,
        default=True,
        metavar="true|false",
        help="SDR, SIR and SAR beside SI-SDR (%(default)s)",
    )
    parser.add_argument(
        "--judge",
        default=None,
        help="classifier that judges all separated files, by its name (frame) or folder (classifier_frame); "
        "by default that of --default-judge, without it the first one that was trained on frame labels, or the first",
    )
    parser.add_argument("--default-judge", default=DEFAULT_JUDGE, help="without --judge, if trained (%(default)s)")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    add_force(parser)
    return parser


def find_all(expdir: Path, data: Path) -> Targets:
    """All separated systems and all trained classifiers."""
    from weaksep.score.targets import checkpoints, find_targets, separated_folders

    targets = find_targets(separated_folders(expdir), checkpoints(expdir), data)
    known = {target.path for target in targets.systems} | {Path(name) for name, _ in targets.problems}
    for folder in sorted({path.parent for path in expdir.glob("separator_*/best.pt")} - known):
        logger.warning("%s: not separated yet, so not scored (stage 5)", folder)
    return targets


def find_named(expdir: Path, data: Path, systems: str, tag: str) -> Targets:
    """Systems asked for, oracles and the unprocessed mixture; the classifiers that those systems use.

    Raises:
        UserError: listing the systems that are not separated.
    """
    from weaksep.fileio.experiments import experiment_dir, name_and_tag, named_experiment
    from weaksep.fileio.variants import variant_folder
    from weaksep.fileio.yamlfile import read_yaml
    from weaksep.score.targets import (
        CONFIG_NAME,
        checkpoints,
        find_targets,
        is_separated,
        mixtures_of,
        separated_folders,
    )

    separated, trained = separated_folders(expdir), checkpoints(expdir)
    problems, wanted, classifiers = [], [], []
    for name in systems.split():
        folder = named_experiment(expdir, "separator", name, tag)
        mixtures = mixtures_of(folder, data)
        if not is_separated(folder, data, mixtures):
            near = difflib.get_close_matches(folder.name, [path.name for path in separated if path != folder], n=1)
            hint = f"did you mean {near[0]}?" if near and not folder.is_dir() else "run stage 5 first"
            set_name = variant_folder(data, mixtures).resolve().name
            problems.append(f"{folder}: no separated/{set_name}; {hint}")
            continue
        wanted.append(folder)
        config = read_yaml(folder / CONFIG_NAME)
        if config.get("joint"):
            classifiers.append(folder / "classifier.pt")
        elif config.get("classifier"):
            own = experiment_dir(expdir, "classifier", str(config["classifier"]), name_and_tag(folder.name)[1])
            classifiers.append(own / "best.pt")
    raise_problems("cannot score", problems)
    wanted += [path for path in separated if not path.name.startswith("separator_")]
    return find_targets(wanted, [path for path in trained if path in classifiers], data)


class TestData:
    """A set and its features, read when the first step that needs work asks for them."""

    def __init__(self, data: Path, dump: Path) -> None:
        self.path, self.dump = data, dump

    @cached_property
    def data(self) -> DataDir:
        """The data folder."""
        from weaksep.fileio.datadir import DataDir

        return DataDir.load(self.path)

    @cached_property
    def features(self) -> FeatureSet:
        """Features of the set."""
        from weaksep.feats.dataset import FeatureSet

        return FeatureSet(self.dump)

    @cached_property
    def test(self) -> TestSet:
        """Mixtures and references."""
        from weaksep.score.system import TestSet

        return TestSet.load(self.path, self.features.hop_samples)


def score(folder: Path, test: TestData, bss_eval: bool, nj: int, shards: Shards) -> None:
    """Score a separated system."""
    from weaksep.score.system import score_system

    score_system(test.test, folder, bss_eval=bss_eval, nj=nj)


def judge_system(folder: Path, test: TestData, judge: Path, nj: int, shards: Shards) -> None:
    """Let the judge hear a separated system."""
    from weaksep.infer.model import load_classifier
    from weaksep.score.sources import judge_sources

    judge_sources(test.data, folder, judge, load_classifier, nj=nj)


def tag(checkpoint: Path, test: TestData, shards: Shards) -> None:
    """Score a classifier."""
    from weaksep.infer.model import load_classifier
    from weaksep.score.tagging import score_classifier

    score_classifier(checkpoint.parent, load_classifier(checkpoint), test.features, test.data)


def run_system(target: Target, test: TestData, judge: Path | None, args: argparse.Namespace) -> None:
    """Both steps of a system; not the second when the first fails."""
    from weaksep.fileio.stamp import run_step
    from weaksep.score.steps import scores_step, sources_step

    step = scores_step(target.path, test.data, test.dump, args.bss_eval)
    run_step(step, partial(score, target.path, test, args.bss_eval, args.nj), force=args.force)
    if judge is not None:
        step = sources_step(target.path, test.data, judge)
        run_step(step, partial(judge_system, target.path, test, judge, args.nj), force=args.force)


def run_classifier(target: Target, test: TestData, args: argparse.Namespace) -> None:
    """The step of a classifier."""
    from weaksep.fileio.stamp import run_step
    from weaksep.score.steps import tagging_step

    run_step(tagging_step(target.path, test.data, test.dump), partial(tag, target.path, test), force=args.force)


def run_all(tasks: Iterable[tuple[str, Callable[[], None]]], failed: list[tuple[str, UserError]]) -> None:
    """Do everything that can be done, then raise what could not, ``failed`` before included."""
    failed = list(failed)
    for name, work in tasks:
        try:
            work()
        except UserError as error:
            if isinstance(error.__context__, OSError) and error.__context__.errno in FULL_DISK:
                raise  # no system after this one can be written either
            failed.append((name, error))
            for line in str(error).splitlines():
                logger.error("%s: %s", name, line.strip())
    if len({str(error) for _, error in failed}) == 1:
        raise failed[0][1]
    raise_problems(
        "the rest is scored, these are not",
        [f"{name}: {str(error).splitlines()[0].rstrip(':')}" for name, error in failed],
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 6."""
    args = get_parser().parse_args(argv)
    if args.systems is None:
        targets = find_all(args.expdir, args.data)
    else:
        targets = find_named(args.expdir, args.data, args.systems, args.tag)
    if not targets.systems and not targets.classifiers and not targets.problems:
        set_name = args.data.resolve().name
        raise UserError(f"{args.expdir}: nothing to score: no */separated/{set_name}, no classifier_*/best.pt")

    from weaksep.fileio.experiments import named_experiment
    from weaksep.fileio.variants import variant_folder
    from weaksep.score.targets import find_judge

    short = named_experiment(args.expdir, "classifier", args.judge or args.default_judge, args.tag)
    judge = find_judge(args.expdir, args.judge, short, [target.path for target in targets.classifiers])
    if judge is None and targets.systems:
        logger.info("%s: no classifier that could judge the separated files, so no sources.json", args.expdir)
    tests: dict[str, TestData] = {}
    for target in [*targets.systems, *targets.classifiers]:
        # Not dump/test where dump/test_NAME is missing: other features under the same names of clips.
        dump = args.dump.parent / f"{args.dump.name}_{target.mixtures}" if target.mixtures else args.dump
        tests.setdefault(target.mixtures, TestData(variant_folder(args.data, target.mixtures), dump))
    if "" in tests:
        _ = tests[""].data  # a mistyped --data is one error, not one a system
    tasks: list[tuple[str, Callable[[], None]]] = []
    for target in targets.systems:
        test = tests[target.mixtures]
        tasks.append((f"{target.path} on {test.path}", partial(run_system, target, test, judge, args)))
    for target in targets.classifiers:
        test = tests[target.mixtures]
        tasks.append((f"{target.path} on {test.path}", partial(run_classifier, target, test, args)))
    run_all(tasks, targets.problems)


if __name__ == "__main__":
    sys.exit(run_command(main))
