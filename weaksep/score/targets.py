"""What stage 6 finds in an experiment folder: separated systems and classifiers, each with the sets it is scored on.

A system or classifier with ``mixtures: NAME`` in its config.yaml is scored on the set's variant of that name, where
there is one (fileio/variants.py), and no other. Oracles and the unprocessed mixture have no config.yaml and are scored
on every set of the run on which they were separated.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.variants import variant_folder
from weaksep.fileio.yamlfile import read_yaml

CONFIG_NAME = "config.yaml"


@dataclass(frozen=True)
class Target:
    """Something to score.

    Attributes:
        path: a system's folder, or a classifier's checkpoint.
        mixtures: name of the variant on which it is scored, empty for the plain set.
    """

    path: Path
    mixtures: str


@dataclass
class Targets:
    """All that a run scores; what is wrong with a system or classifier is kept for later, so that the others are."""

    systems: list[Target] = field(default_factory=list)
    classifiers: list[Target] = field(default_factory=list)
    problems: list[tuple[str, UserError]] = field(default_factory=list)


def mixtures_of(experiment: Path, data: Path) -> str:
    """Name of the variant of ``data`` on which a system or classifier is scored; empty for ``data`` itself.

    Raises:
        UserError: its config.yaml cannot be read.
    """
    path = experiment / CONFIG_NAME
    name = read_yaml(path).get("mixtures") if path.is_file() else None
    return name if isinstance(name, str) and variant_folder(data, name) != data else ""


def is_separated(experiment: Path, data: Path, mixtures: str) -> bool:
    """Whether a system has separated a variant."""
    return (experiment / "separated" / variant_folder(data, mixtures).resolve().name).exists()


def separated_folders(expdir: Path) -> list[Path]:
    """Everything that has separated any set."""
    return sorted(path.parent for path in expdir.glob("*/separated"))


def checkpoints(expdir: Path) -> list[Path]:
    """Trained classifiers: each has a folder of its own, or was trained along with a separator."""
    return sorted([*expdir.glob("classifier_*/best.pt"), *expdir.glob("separator_*/classifier.pt")])


def find_targets(folders: Iterable[Path], classifiers: Iterable[Path], data: Path) -> Targets:
    """Give systems and classifiers their sets; a system that has not separated its set is left out.

    Args:
        folders: of systems.
        classifiers: checkpoints.
        data: the plain set, data/test.
    """
    targets = Targets()
    for kind, paths in ((targets.systems, folders), (targets.classifiers, classifiers)):
        for path in paths:
            experiment = path if path.is_dir() else path.parent
            if path.is_dir() and not (path / CONFIG_NAME).is_file():
                continue
            try:
                mixtures = mixtures_of(experiment, data)
            except UserError as error:
                targets.problems.append((str(experiment), error))
                continue
            if not path.is_dir() or is_separated(path, data, mixtures):
                kind.append(Target(path, mixtures))
    found = {target.mixtures for target in targets.systems + targets.classifiers}
    for mixtures in sorted(found | {""}):
        others = [path for path in folders if not (path / CONFIG_NAME).is_file()]
        targets.systems += [Target(path, mixtures) for path in others if is_separated(path, data, mixtures)]
    return targets


def find_judge(expdir: Path, name: str | None, short: Path, scored: Sequence[Path]) -> Path | None:
    """The checkpoint of the classifier that judges separated files; None when there is no classifier.

    Args:
        expdir: experiments.
        name: what the user calls it; None for no wish.
        short: the classifier's folder if ``name`` is short for it, or that of the judge by default.
        scored: checkpoints from which one is taken when the default is not there: the first that was trained on frame
            labels, or the first.

    Raises:
        UserError: the classifier that was named is not there.
    """
    folders = {path.parent: path for path in checkpoints(expdir)}
    for folder in ([expdir / name] if name else []) + [short]:
        if folder in folders:
            return folders[folder]
    if name is not None:
        near = difflib.get_close_matches(name, [folder.name for folder in folders], n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else "train it first (stage 3)"
        raise UserError(f"--judge: {name!r} is no trained classifier in {expdir}; {hint}")
    for checkpoint in scored:
        path = checkpoint.parent / CONFIG_NAME
        if path.is_file() and read_yaml(path).get("supervision") == "frame":
            return checkpoint
    return scored[0] if scored else None
