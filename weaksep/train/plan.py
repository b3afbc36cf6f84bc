"""Which trainings the named systems need, and in which folders they live.

A system is ``<config folder>/<system>.yaml``; its classifier is ``<config folder>/classifier_<name>.yaml``. Their
folders are ``exp/separator_<system>[_<tag>]`` and ``exp/classifier_<name>[_<tag>]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError
from weaksep.feats.dataset import fingerprint_files
from weaksep.fileio.stamp import Step
from weaksep.fileio.yamlfile import load_config
from weaksep.train.config import ClassifierTraining, SeparatorTraining


def experiment_dir(expdir: str | Path, task: str, name: str, tag: str = "") -> Path:
    """exp/<task>_<name>[_<tag>].

    Raises:
        UserError: name or tag would lead out of ``expdir``.
    """
    for text in (name, tag):
        if "/" in text:
            raise UserError(f"{text!r}: a system's name or a tag is part of a folder's name and holds no '/'")
    return Path(expdir) / "_".join(part for part in (task, name, tag) if part)


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        name: of the system or the classifier.
        config: checked settings.
        exp: where the run lives.
        classifier_config: settings of the classifier that a weak system uses.
        classifier_exp: where the frozen classifier was trained; None when there is none, or it is trained along.
    """

    name: str
    config: ClassifierTraining | SeparatorTraining
    exp: Path
    datadir: Path
    dumpdir: Path
    classifier_config: ClassifierTraining | None = None
    classifier_exp: Path | None = None

    def input_files(self, set_name: str) -> dict[str, Path]:
        """What training reads of a set, under names that do not depend on where it lies."""
        data, dump = self.datadir / set_name, self.dumpdir / set_name
        return fingerprint_files(data, dump, self.config.supervision)

    def step(self) -> Step:
        """The training as a step: done once, and again when its settings, its data or its classifier change."""
        tables = {**self.input_files("train"), **self.input_files("valid")}
        settings = {"config": self.config.model_dump(mode="json")}
        outputs = ["best.pt", "config.yaml", "history.jsonl"]
        if self.classifier_exp is not None:
            tables[f"{self.classifier_exp.name}/best.pt"] = self.classifier_exp / "best.pt"
        elif self.classifier_config is not None:
            settings["classifier"] = self.classifier_config.model_dump(mode="json")
            outputs.append("classifier.pt")
        return Step(
            name=self.exp.name,
            folder=self.exp,
            settings=settings,
            tables=tables,
            code=["weaksep.train.run"],
            outputs=outputs,
            keeps_with_other_code=True,
        )


def system_configs(
    config_dir: str | Path, systems: Sequence[str], overrides: Sequence[str] = ()
) -> dict[str, SeparatorTraining]:
    """Settings of each system.

    Raises:
        UserError: a system without a YAML (naming those there are), or a YAML that does not fit the schema.
    """
    folder = Path(config_dir)
    known = sorted(path.stem for path in folder.glob("*.yaml") if _is_system(path.stem))
    for system in systems:
        if not (folder / f"{system}.yaml").is_file():
            raise UserError(
                f"--systems: {system!r} has no {folder}/{system}.yaml (there are: {', '.join(known) or 'none'})"
            )
    return {system: load_config(SeparatorTraining, folder / f"{system}.yaml", overrides) for system in systems}


def _is_system(stem: str) -> bool:
    return stem not in ("data", "mix", "feats") and not stem.startswith(("classifier", "base"))


def plan_training(
    task: str,
    config_dir: str | Path,
    systems: Sequence[str],
    *,
    datadir: str | Path,
    dumpdir: str | Path,
    expdir: str | Path,
    tag: str = "",
    overrides: Sequence[str] = (),
) -> list[Plan]:
    """Trainings of one task ("classifier" or "separator") that the systems need, the longest kind first.

    ``overrides`` go to the configurations of the task at hand.
    """
    folder = Path(config_dir)
    separators = system_configs(folder, systems, overrides if task == "separator" else ())
    wanted = {c.classifier for c in separators.values() if c.uses_classifier and c.classifier is not None}
    classifiers = {
        name: load_config(
            ClassifierTraining, folder / f"classifier_{name}.yaml", overrides if task == "classifier" else ()
        )
        for name in sorted(wanted)
    }
    places = (Path(datadir), Path(dumpdir))
    if task == "classifier":
        frozen = {c.classifier for c in separators.values() if c.uses_classifier and not c.joint}
        return [
            Plan(name, config, experiment_dir(expdir, "classifier", name, tag), *places)
            for name, config in classifiers.items()
            if name in frozen
        ]
    plans = []
    for name, config in separators.items():
        classifier = classifiers[config.classifier] if config.uses_classifier and config.classifier else None
        if classifier is not None and classifier.supervision != config.supervision:
            raise UserError(
                f"{folder}/{name}.yaml: supervision {config.supervision}, but classifier {config.classifier} "
                f"learns from {classifier.supervision} labels"
            )
        frozen_exp = None
        if classifier is not None and not config.joint:
            frozen_exp = experiment_dir(expdir, "classifier", str(config.classifier), tag)
        exp = experiment_dir(expdir, "separator", name, tag)
        plans.append(Plan(name, config, exp, *places, classifier_config=classifier, classifier_exp=frozen_exp))
    # Weak systems cost more: begun first, they leave no core idle at the end.
    return sorted(plans, key=lambda plan: plan.classifier_config is None)


def missing_inputs(plan: Plan) -> list[str]:
    """What a training needs and does not find, a line each: features of both sets, a trained classifier."""
    needed = [(plan.dumpdir / name / "feats.scp", "run stage 2 first") for name in ("train", "valid")]
    if plan.classifier_exp is not None:
        needed.append((plan.classifier_exp / "best.pt", "run stage 3 first"))
    return [f"{plan.exp.name}: no {path}; {mend}" for path, mend in needed if not path.is_file()]
