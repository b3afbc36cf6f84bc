"""Which trainings the named systems need, and in which folders they live.

A system is ``<config folder>/<system>.yaml``; its classifier is ``<config folder>/classifier_<name>.yaml``. Their
folders are ``exp/separator_<system>[+<tag>]`` and ``exp/classifier_<name>[+<tag>]`` (fileio/experiments.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from weaksep.errors import UserError
from weaksep.feats.steps import fingerprint_files
from weaksep.fileio.code_version import found_by_name
from weaksep.fileio.experiments import (
    CALIBRATION_STAMP,
    CHECKPOINTS,
    DESCRIPTION_NAME,
    HISTORY_NAME,
    JOINT_CLASSIFIER,
    WEIGHTS_NAME,
    experiment_dir,
)
from weaksep.fileio.network import network_hash
from weaksep.fileio.owned import read_stamp
from weaksep.fileio.stamp import STAMP_NAME, Step
from weaksep.fileio.yamlfile import read_yaml
from weaksep.train.config import ClassifierTraining, SeparatorTraining
from weaksep.train.systems import classifier_configs, system_configs


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        name: of the system or the classifier.
        config: checked settings.
        origin: the YAML that they are from.
        exp: where the run lives.
        classifier: the plan of the classifier that a separator's losses ask for.
    """

    name: str
    config: ClassifierTraining | SeparatorTraining
    origin: Path
    exp: Path
    datadir: Path
    dumpdir: Path
    classifier: Plan | None = None

    def __post_init__(self) -> None:
        if self.classifier is not None and self.classifier.config.supervision != self.config.supervision:
            raise UserError(
                f"{self.origin}: supervision {self.config.supervision}, but classifier {self.classifier.name} "
                f"learns from {self.classifier.config.supervision} labels"
            )

    @property
    def task(self) -> Literal["separator", "classifier"]:
        """What is trained."""
        return "separator" if isinstance(self.config, SeparatorTraining) else "classifier"

    @property
    def joint(self) -> bool:
        """Whether the classifier is trained jointly with the separator."""
        return isinstance(self.config, SeparatorTraining) and self.config.joint

    @property
    def frozen_classifier(self) -> Path | None:
        """Where the frozen classifier was trained."""
        return self.classifier.exp if self.classifier is not None and not self.joint else None

    def set_folders(self, set_name: str, variant: str | None = None) -> tuple[Path, Path]:
        """data/<set> and dump/<set> of the mixtures that the training is about, or of another variant."""
        variant = self.config.mixtures if variant is None else variant
        name = f"{set_name}_{variant}" if variant else set_name
        return self.datadir / name, self.dumpdir / name

    def unlabelled(self, set_name: str) -> tuple[Path, Path] | None:
        """The same of the unlabelled clips; None without."""
        return self.set_folders(set_name, self.config.unlabelled) if self.config.unlabelled else None

    def _input_files(self, set_name: str) -> dict[str, Path]:
        """What training reads of a set, under names that do not depend on where it lies."""
        kinds = [self.config.supervision, *(["frame"] if self.config.frame_share else [])]
        if set_name == "train" and isinstance(self.config, SeparatorTraining) and self.config.strong_share:
            kinds.append("strong")
        if set_name == "train" and self.config.train_min_classes > 1:
            kinds.append("clip")
        files = [fingerprint_files(*self.set_folders(set_name), kind) for kind in kinds]
        files += [fingerprint_files(*folders, "clip") for folders in [self.unlabelled(set_name)] if folders]
        return {name: path for own in files for name, path in own.items()}

    def _identity(self, noted: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
        """Its settings; of a network that it begins with, what that is instead of where, or what a finished training
        has ``noted`` of it, which needs it no more; ``made``: that training's settings."""
        own = {key: value for key, value in self.config.settings().items() if key != "calibrate"}
        try:
            return own | ({"init": self.init_hash()} if self.config.init else {})
        except UserError:
            if not noted.get("init") or made.get("init") != self.config.init:
                raise
            return own | {"init": noted["init"]}

    def init_hash(self) -> str | None:
        """What the network is that the training begins with; None without.

        Raises:
            UserError: it is missing or damaged.
        """
        try:
            return network_hash(self.config.init) if self.config.init else None
        except UserError as error:
            raise UserError(f"{self.origin}: init: {error}") from None

    def step(self) -> Step:
        """The training as a step: done once, and again when its settings, its data or its classifier change.

        Raises:
            UserError: the network that it begins with is missing, and the training is not finished.
        """
        tables = {**self._input_files("train"), **self._input_files("valid")}
        noted: Mapping[str, Any] = {}
        made: Mapping[str, Any] = {}
        with suppress(OSError, ValueError, UserError):
            noted = read_stamp(self.exp / STAMP_NAME).origin.get("settings", {})
            made = read_yaml(self.exp / "config.yaml")
        settings: dict[str, Any] = {"config": self._identity(noted.get("config", {}), made)}
        outputs = [WEIGHTS_NAME, "config.yaml", HISTORY_NAME, *CHECKPOINTS]
        code = ["weaksep.train.run", *found_by_name(f"weaksep.nets.{self.task}s", self.config.net.get("kind", "blstm"))]
        if isinstance(self.config, SeparatorTraining):
            code += [module for name in self.config.losses for module in found_by_name("weaksep.losses", name)]
        if self.frozen_classifier is not None:
            tables[f"{self.frozen_classifier.name}/{WEIGHTS_NAME}"] = self.frozen_classifier / WEIGHTS_NAME
        elif self.classifier is not None:
            settings["classifier"] = self.classifier._identity(
                noted.get("classifier", {}), made.get("classifier_training", {})
            )
            outputs += [f"{JOINT_CLASSIFIER}/{name}" for name in (WEIGHTS_NAME, DESCRIPTION_NAME)]
        return Step(
            name=self.exp.name,
            folder=self.exp,
            settings=settings,
            tables=tables,
            code=code,
            outputs=outputs,
            keeps_with_other_code=True,
            kind="checkpoints",
            spare=CHECKPOINTS,
            needed=[DESCRIPTION_NAME],  # not an output: calibration writes it once more
        )

    def up_to_date(self) -> bool:
        """Whether the training, and the calibration of its masks, are done."""
        calibration = self.calibration_step()
        return not self.step().changes() and (calibration is None or not calibration.changes())

    def calibration_step(self) -> Step | None:
        """The choice of the masks' temperature as a step: it says so in model.json, and training need not run again.

        None where there is nothing to choose nor to take back.
        """
        if not isinstance(self.config, SeparatorTraining):
            return None
        kind = "frame" if self.config.supervision == "frame" else "clip"  # which clips may be remixed
        step = Step(
            name=f"{self.exp.name} (calibration)",
            folder=self.exp,
            settings={"calibrate": self.config.calibrate},
            tables={WEIGHTS_NAME: self.exp / WEIGHTS_NAME, **fingerprint_files(*self.set_folders("valid"), kind)},
            code=["weaksep.train.calibrate"],
            outputs=[DESCRIPTION_NAME],
            stamp_name=CALIBRATION_STAMP,
            keeps_with_other_code=True,
        )
        return step if self.config.calibrate or step.shards().known() else None


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
    evaluation_classifier: str = "",
) -> list[Plan]:
    """Trainings of one task ("classifier" or "separator") that the systems need, the longest kind first.

    Args:
        overrides: for the configurations of the task at hand.
        strong_share: for the semi-supervised among the systems, instead of their own.
        evaluation_classifier: name of a classifier that is trained whatever the systems need; empty for none.
    """
    folder, places = Path(config_dir), (Path(datadir), Path(dumpdir))
    separators = system_configs(folder, systems, overrides if task == "separator" else ())
    separators = {name: _with_strong_share(config, strong_share) for name, config in separators.items()}
    own = (overrides, evaluation_classifier) if task == "classifier" else ((), "")
    classifiers = {
        name: Plan(
            name, config, folder / f"classifier_{name}.yaml", experiment_dir(expdir, "classifier", name, tag), *places
        )
        for name, config in classifier_configs(folder, separators, *own).items()
    }
    if task == "classifier":
        frozen = {c.classifier for c in separators.values() if not c.joint} | {evaluation_classifier}
        return [plan for name, plan in classifiers.items() if name in frozen]
    return [
        Plan(
            name,
            config,
            folder / f"{name}.yaml",
            experiment_dir(expdir, "separator", name, tag),
            *places,
            classifiers.get(config.classifier or ""),
        )
        for name, config in separators.items()
    ]


def _with_strong_share(config: SeparatorTraining, share: float | None) -> SeparatorTraining:
    """A semi-supervised system with another share; repeated so often that as much of an epoch is strong as before."""
    if share is None or not config.strong_share or share == config.strong_share:
        return config
    if not 0 < share < 1:
        raise UserError(f"--strong-share {share:g}: expected a share above 0 and below 1")
    repeats = max(1, round(config.strong_repeats * config.strong_share / share))
    return config.model_copy(update={"strong_share": share, "strong_repeats": repeats})
