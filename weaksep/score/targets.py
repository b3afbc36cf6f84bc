"""What stage 6 finds in an experiment folder: separated systems and classifiers, each with the set it is scored on.

A system or classifier with ``mixtures: NAME`` in its config.yaml is scored on the set's variant of that name, where
there is one (fileio/variants.py), and no other. Oracles and the unprocessed mixture have no config.yaml and are scored
on every set of the run on which they were separated.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from weaksep.errors import UserError, did_you_mean, raise_problems
from weaksep.fileio.experiments import JOINT_CLASSIFIER, experiment_dir, name_and_tag, named_experiment
from weaksep.fileio.models import is_network
from weaksep.fileio.network import read_description
from weaksep.fileio.variants import variant_folder
from weaksep.fileio.yamlfile import read_yaml

logger = logging.getLogger(__name__)

CONFIG_NAME = "config.yaml"

# What went wrong with something, by its name; kept for later, so that the others are scored.
Failures = list[tuple[str, UserError]]


class Target(NamedTuple):
    """Something to score: a system's folder, or that of a classifier's network; and the set that it is scored on."""

    path: Path
    data: Path
    dump: Path

    @property
    def is_classifier(self) -> bool:
        """Whether it is a classifier."""
        return self.path.name == JOINT_CLASSIFIER or self.path.name.startswith("classifier_")


def _set_of(experiment: Path, data: Path, dump: Path) -> tuple[Path, Path]:
    """The set that a system or classifier is scored on, and its features: a variant of ``data``, or that itself."""
    config = experiment / CONFIG_NAME
    name = read_yaml(config).get("mixtures") if config.is_file() else None
    place = variant_folder(data, name) if isinstance(name, str) else data
    # Not dump/test where dump/test_NAME is missing: other features under the same names of clips.
    return place, dump if place == data else dump.parent / f"{dump.name}_{name}"


def _is_separated(experiment: Path, data: Path) -> bool:
    return (experiment / "separated" / data.resolve().name).exists()


def experiment_of(network: Path) -> Path:
    """The folder of the training that has left a network: its own, or that of the separator it was trained with."""
    return network.parent if network.name == JOINT_CLASSIFIER else network


def classifiers_in(expdir: Path) -> list[Path]:
    """Folders of trained classifiers: each has one of its own, or was trained along with a separator."""
    folders = [*expdir.glob("classifier_*"), *expdir.glob(f"separator_*/{JOINT_CLASSIFIER}")]
    return sorted(folder for folder in folders if is_network(folder))


def _named(expdir: Path, data: Path, names: Sequence[str], tags: Iterable[str]) -> tuple[list[Path], set[Path]]:
    """Folders of the systems with these names, and the classifiers that they use."""
    problems, folders, classifiers = [], [], set()
    for folder in dict.fromkeys(named_experiment(expdir, "separator", name, tag) for tag in tags for name in names):
        folders.append(folder)
        own_set, _ = _set_of(folder, data, data)
        if not _is_separated(folder, own_set):
            others = [path.parent.name for path in expdir.glob("*/separated") if path.parent != folder]
            hint = did_you_mean(folder.name, [] if folder.is_dir() else others, "run stage 5 first")
            problems.append(f"{folder}: no separated/{own_set.resolve().name}; {hint}")
            continue
        config = read_yaml(folder / CONFIG_NAME)
        if config.get("joint"):
            classifiers.add(folder / JOINT_CLASSIFIER)
        elif config.get("classifier"):
            own_tag = name_and_tag(folder.name)[1]
            classifiers.add(experiment_dir(expdir, "classifier", str(config["classifier"]), own_tag))
    raise_problems("cannot score", problems)
    return folders, classifiers


def find_targets(
    expdir: Path, data: Path, dump: Path, names: Sequence[str] | None, tags: Sequence[str]
) -> tuple[list[Target], Failures]:
    """Systems, then classifiers, each with its set, and what has a config.yaml that cannot be read.

    Args:
        expdir: experiments.
        data, dump: the plain set and its features.
        names: systems to score beside the oracles and the unprocessed mixture, with their classifiers; None for all
            that are separated, and all classifiers.
        tags: of the names.

    Raises:
        UserError: listing the named systems that are not separated.
    """
    folders, classifiers = sorted(path.parent for path in expdir.glob("*/separated")), classifiers_in(expdir)
    if names is not None:
        wanted, used = _named(expdir, data, names, tags)
        folders = [*wanted, *(path for path in folders if not path.name.startswith("separator_"))]
        classifiers = [path for path in classifiers if path in used]
    targets: list[Target] = []
    failures: Failures = []
    for path in [*(folder for folder in folders if (folder / CONFIG_NAME).is_file()), *classifiers]:
        experiment = experiment_of(path)
        try:
            targets.append(Target(path, *_set_of(experiment, data, dump)))
        except UserError as error:
            failures.append((str(experiment), error))
    targets = [target for target in targets if target.is_classifier or _is_separated(target.path, target.data)]
    sets = sorted({(data, dump), *(target[1:] for target in targets)})
    bare = [folder for folder in folders if not (folder / CONFIG_NAME).is_file()]
    targets += [Target(path, *place) for place in sets for path in bare if _is_separated(path, place[0])]
    if names is None:
        known = {target.path for target in targets} | {Path(name) for name, _ in failures}
        for folder in sorted({path for path in expdir.glob("separator_*") if is_network(path)} - known):
            logger.warning("%s: not separated yet, so not scored (stage 5)", folder)
    return sorted(targets, key=lambda target: target.is_classifier), failures


def find_evaluation_classifier(expdir: Path, name: str | None, short: Path, scored: Sequence[Path]) -> Path | None:
    """The folder of the classifier that all separated files are given to; None when there is no classifier.

    Args:
        expdir: experiments.
        name: what the user calls it; None for no wish.
        short: the classifier's folder if ``name`` is short for it, or that of the default.
        scored: classifiers from which one is taken when the default is not there: the first that was trained on frame
            labels, or the first.

    Raises:
        UserError: the classifier that was named is not there.
    """
    folders = {experiment_of(path): path for path in classifiers_in(expdir)}
    wanted = [folders[folder] for folder in ([expdir / name] if name else []) + [short] if folder in folders]
    if name is not None and not wanted:
        hint = did_you_mean(name, [folder.name for folder in folders], "train it first (stage 3)", cutoff=0.4)
        raise UserError(f"--evaluation-classifier: {name!r} is no trained classifier in {expdir}; {hint}")
    framed = [path for path in scored if read_description(path).config.get("supervision") == "frame"]
    return next(iter([*wanted, *framed, *scored]), None)
