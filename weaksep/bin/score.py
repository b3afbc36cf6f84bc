"""Stage 6: separated files and classifiers of a set -> exp/*/scores/<set>/scores.tsv and tagging.json."""

from __future__ import annotations

import argparse
import difflib
import logging
import sys
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command
from weaksep.errors import UserError, raise_problems

if TYPE_CHECKING:
    from weaksep.feats.dataset import FeatureSet
    from weaksep.fileio.datadir import DataDir
    from weaksep.fileio.shards import Shards
    from weaksep.score.system import TestSet

logger = logging.getLogger(__name__)


def get_parser() -> argparse.ArgumentParser:
    """Options of stage 6."""
    parser = make_parser("score", __doc__)
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
    parser.add_argument(
        "--systems",
        default=None,
        help="systems (strong frame) to score beside the oracles, with their classifiers; all by default",
    )
    parser.add_argument("--tag", default="", help="of --systems: strong with tag b is separator_strong_b")
    parser.add_argument("--data", type=Path, default=Path("data/test"), help="mixtures and references (%(default)s)")
    parser.add_argument("--dump", type=Path, default=Path("dump/test"), help="features of the same set (%(default)s)")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    add_force(parser)
    return parser


def find_all(expdir: Path, set_name: str) -> tuple[list[Path], list[Path]]:
    """(separated systems, checkpoints of classifiers) of an experiment folder.

    A classifier has a folder of its own, or is the classifier.pt of the separator it was trained along with.
    """
    separated = sorted(path.parents[1] for path in expdir.glob(f"*/separated/{set_name}"))
    return separated, sorted([*expdir.glob("classifier_*/best.pt"), *expdir.glob("separator_*/classifier.pt")])


def find_named(expdir: Path, set_name: str, systems: str, tag: str) -> tuple[list[Path], list[Path]]:
    """(systems asked for, oracles and the unprocessed mixture; the classifiers that those systems use).

    Raises:
        UserError: listing the systems that are not separated.
    """
    from weaksep.fileio.yamlfile import read_yaml
    from weaksep.train.plan import experiment_dir

    separated, trained = find_all(expdir, set_name)
    problems, wanted, classifiers = [], [], []
    for name in systems.split():
        full = name.startswith("separator_")
        folder = expdir / name if full else experiment_dir(expdir, "separator", name, tag)
        if folder not in separated:
            near = difflib.get_close_matches(folder.name, [path.name for path in separated], n=1)
            hint = f"did you mean {near[0]}?" if near else "run stage 5 first"
            problems.append(f"{folder}: no separated/{set_name}; {hint}")
            continue
        wanted.append(folder)
        config = read_yaml(folder / "config.yaml")
        if config.get("joint"):
            classifiers.append(folder / "classifier.pt")
        elif config.get("classifier"):
            classifiers.append(experiment_dir(expdir, "classifier", str(config["classifier"]), tag) / "best.pt")
    raise_problems("cannot score", problems)
    wanted += [path for path in separated if not path.name.startswith("separator_")]
    return wanted, [path for path in trained if path in classifiers]


class Lazy:
    """The test set and its features, read when the first step that needs work asks for them."""

    def __init__(self, data: Path, dump: Path) -> None:
        self._data, self._dump = data, dump

    @cached_property
    def features(self) -> FeatureSet:
        """Features of the set."""
        from weaksep.feats.dataset import FeatureSet

        return FeatureSet(self._dump)

    @cached_property
    def test(self) -> TestSet:
        """Mixtures and references."""
        from weaksep.score.system import TestSet

        return TestSet.load(self._data, self.features.hop_samples)


def score(folder: Path, lazy: Lazy, nj: int, shards: Shards) -> None:
    """Score a separated system."""
    from weaksep.score.system import score_system

    score_system(lazy.test, folder, nj=nj)


def tag(checkpoint: Path, data: DataDir, lazy: Lazy, shards: Shards) -> None:
    """Score a classifier."""
    from weaksep.infer.model import load_classifier
    from weaksep.score.tagging import score_classifier

    score_classifier(checkpoint.parent, load_classifier(checkpoint), lazy.features, data)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 6."""
    args = get_parser().parse_args(argv)
    set_name = args.data.resolve().name
    if args.systems is None:
        separated, classifiers = find_all(args.expdir, set_name)
        for folder in sorted({p.parent for p in args.expdir.glob("separator_*/best.pt")} - set(separated)):
            logger.warning("%s: not separated yet, so not scored (stage 5)", folder)
    else:
        separated, classifiers = find_named(args.expdir, set_name, args.systems, args.tag)
    if not separated and not classifiers:
        raise UserError(f"{args.expdir}: nothing to score: no */separated/{set_name}, no classifier_*/best.pt")

    from weaksep.fileio.datadir import DataDir
    from weaksep.fileio.stamp import run_step
    from weaksep.score.steps import scores_step, tagging_step

    data = DataDir.load(args.data)
    lazy = Lazy(args.data, args.dump)
    for folder in separated:
        run_step(scores_step(folder, data, args.dump), partial(score, folder, lazy, args.nj), force=args.force)
    for checkpoint in classifiers:
        run_step(tagging_step(checkpoint, data, args.dump), partial(tag, checkpoint, data, lazy), force=args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
