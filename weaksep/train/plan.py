"""Which trainings the named systems need, and in which folders they live.

A system is ``<config folder>/<system>.yaml``; its classifier is ``<config folder>/classifier_<name>.yaml``. Their
folders are ``exp/separator_<system>[+<tag>]`` and ``exp/classifier_<name>[+<tag>]`` (fileio/experiments.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError
from weaksep.feats.dataset import fingerprint_files
from weaksep.fileio.experiments import experiment_dir
from weaksep.fileio.stamp import Step
from weaksep.fileio.yamlfile import load_config
from weaksep.train.config import ClassifierTraining, SeparatorTraining

HEADLINE = ("strong", "frame", "clip")


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

    def set_folders(self, set_name: str) -> tuple[Path, Path]:
        """data/<set> and dump/<set> of the mixtures that the training is about."""
        name = f"{set_name}_{self.config.mixtures}" if self.config.mixtures else set_name
        return self.datadir / name, self.dumpdir / name

    @property
    def strong_share(self) -> float:
        """Share of the training clips that come with their sources, among weak labels."""
        return self.config.strong_share if isinstance(self.config, SeparatorTraining) else 0.0

    def input_files(self, set_name: str) -> dict[str, Path]:
        """What training reads of a set, under names that do not depend on where it lies."""
        kinds = [self.config.supervision, *(["frame"] if self.config.frame_share else [])]
        if self.strong_share and set_name == "train":
            kinds.append("strong")
        folders = self.set_folders(set_name)
        return {name: path for kind in kinds for name, path in fingerprint_files(*folders, kind).items()}

    def step(self) -> Step:
        """The training as a step: done once, and again when its settings, its data or its classifier change."""
        tables = {**self.input_files("train"), **self.input_files("valid")}
        if isinstance(self.config, SeparatorTraining) and self.config.calibrate and self.config.supervision == "strong":
            folder = self.set_folders("valid")[0]  # which clips may be summed
            tables[f"{folder.name} utt2labels"] = folder / "utt2labels"
        settings = {"config": self.config.settings()}
        outputs = ["best.pt", "config.yaml", "history.jsonl"]
        if self.classifier_exp is not None:
            tables[f"{self.classifier_exp.name}/best.pt"] = self.classifier_exp / "best.pt"
        elif self.classifier_config is not None:
            settings["classifier"] = self.classifier_config.settings()
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
    for system in systems:
        if not (folder / f"{system}.yaml").is_file():
            known = ", ".join(all_systems(folder)) or "none"
            raise UserError(f"--systems: {system!r} has no {folder}/{system}.yaml (there are: {known})")
    return {system: load_config(SeparatorTraining, folder / f"{system}.yaml", overrides) for system in systems}


def all_systems(config_dir: str | Path) -> list[str]:
    """Names of the systems that a configuration folder describes: those of the headline first, then by name."""
    stems = sorted(path.stem for path in Path(config_dir).glob("*.yaml"))
    others = ("data", "mix", "feats", "prepare")
    found = [s for s in stems if s not in others and not s.startswith(("classifier", "base"))]
    return sorted(found, key=lambda name: (HEADLINE.index(name) if name in HEADLINE else len(HEADLINE), name))


def system_variants(config_dir: str | Path, systems: Sequence[str]) -> list[str]:
    """Names of the variants of the mixtures that systems and their classifiers ask for, sorted.

    Raises:
        UserError: see ``system_configs``.
    """
    configs = system_configs(config_dir, systems)
    asked = {config.mixtures for config in (*configs.values(), *_classifiers(Path(config_dir), configs).values())}
    return sorted(asked - {""})


def _classifiers(
    folder: Path, separators: Mapping[str, SeparatorTraining], overrides: Sequence[str] = (), judge: str = ""
) -> dict[str, ClassifierTraining]:
    """Settings of the classifiers that systems use, and of the judge, by name."""
    wanted = {c.classifier for c in separators.values() if c.uses_classifier and c.classifier is not None}
    wanted |= {judge} if judge else set()
    return {
        name: load_config(ClassifierTraining, folder / f"classifier_{name}.yaml", overrides) for name in sorted(wanted)
    }


def users_of(classifiers: Collection[str], config_dir: str | Path, systems: Sequence[str]) -> list[str]:
    """Those of the systems that cannot be trained without one of these frozen classifiers."""
    configs = system_configs(config_dir, systems)
    return [name for name, c in configs.items() if c.uses_classifier and not c.joint and c.classifier in classifiers]


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
    strong_share: float | None = None,
    judge: str = "",
) -> list[Plan]:
    """Trainings of one task ("classifier" or "separator") that the systems need, the longest kind first.

    Args:
        overrides: for the configurations of the task at hand.
        strong_share: for the semi-supervised among the systems, instead of their own.
        judge: name of a classifier that is trained whatever the systems need; empty for none.
    """
    folder = Path(config_dir)
    separators = system_configs(folder, systems, overrides if task == "separator" else ())
    if strong_share is not None:
        separators = {name: _with_strong_share(config, strong_share) for name, config in separators.items()}
    own = (overrides, judge) if task == "classifier" else ((), "")
    classifiers = _classifiers(folder, separators, *own)
    places = (Path(datadir), Path(dumpdir))
    if task == "classifier":
        frozen = {c.classifier for c in separators.values() if c.uses_classifier and not c.joint} | {judge}
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
    return sorted(plans, key=_cost, reverse=True)


def _with_strong_share(config: SeparatorTraining, share: float) -> SeparatorTraining:
    """A semi-supervised system with another share; repeated so often that as much of an epoch is strong as before."""
    if not config.strong_share or share == config.strong_share:
        return config
    if not 0 < share < 1:
        raise UserError(f"--strong-share {share:g}: expected a share above 0 and below 1")
    repeats = max(1, round(config.strong_repeats * config.strong_share / share))
    return config.model_copy(update={"strong_share": share, "strong_repeats": repeats})


# What an epoch of a classifier costs, against one of a separator without a classifier; roughly, on a CPU.
CLASSIFIER_COST = {"light": 0.3, "blstm": 1.0, "crnn": 3.0}


def _cost(plan: Plan) -> float:
    """A guess at how long a training takes: begun first, the long ones leave no core idle at the end."""
    if isinstance(plan.config, ClassifierTraining):
        return plan.config.optim.max_epochs * CLASSIFIER_COST[plan.config.net.kind]
    if plan.config.net.kind == "nmf":
        return 0.0
    assessor = CLASSIFIER_COST[plan.classifier_config.net.kind] if plan.classifier_config else 0.0
    return plan.config.optim.max_epochs * (1.0 + assessor)


def missing_inputs(plan: Plan) -> list[str]:
    """What a training needs and does not find, a line each: features of both sets, a trained classifier."""
    needed = [(plan.set_folders(name)[1] / "feats.scp", "run stage 2 first") for name in ("train", "valid")]
    if plan.classifier_exp is not None:
        needed.append((plan.classifier_exp / "best.pt", "run stage 3 first"))
    return [f"{plan.exp.name}: no {path}; {mend}" for path, mend in needed if not path.is_file()]
