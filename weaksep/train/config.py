"""What a training YAML may say. The defaults are the paper's settings, as far as they are known; ours are marked.

The settings of a net and of the losses are those of their modules (weaksep/nets, weaksep/losses), which know torch:
train/parts.py checks them before anything is trained. All else is checked here.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weaksep.feats.config import Knowledge


class OptimConfig(BaseModel):
    """Adam and its schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: float = Field(1e-4, gt=0)
    batch_size: int = Field(8, ge=1)
    max_epochs: int = Field(50, ge=1)
    # Steps of an epoch, however many clips there are: a small set comes several times, a large one goes on in the next.
    epoch_steps: int | None = Field(None, ge=1)  # null: every clip once
    patience: int = Field(5, ge=1)  # epochs without a better validation loss before training stops
    schedule: Literal["constant", "cosine"] = "constant"  # cosine: to zero at the last of max_epochs
    warmup_steps: int = Field(0, ge=0)  # linear rise of the learning rate
    weight_decay: float = Field(0.0, ge=0)
    # bf16: the separator's trunk is trained in bfloat16 (autocast), if the device gains by that: steps of
    # U-Nets took a fifth to a third less on an AMD EPYC that does. tf32: a GPU's matrix units, at 10 bits.
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    accumulate: int = Field(1, ge=1)  # batches of a step, whose gradients are averaged: less memory than one large one
    gradient_clip: float | None = Field(5.0, gt=0)  # largest norm of the gradient (ours; null for none)
    # Which weights are kept: those of the epoch with the smallest validation loss, or those after the last of
    # max_epochs. With few validation recordings and a cosine schedule, the last ones are the better choice.
    keep: Literal["best", "last"] = "best"

    def steps_per_epoch(self, n_clips: int) -> int:
        """Of a set of so many clips."""
        return self.epoch_steps or -(-n_clips // (self.batch_size * self.accumulate))

    def rate_at(self, step: int, total_steps: int) -> float:
        """Learning rate of a step (0-based): of the step alone, so that resuming needs no state of it."""
        rate = self.learning_rate
        if self.warmup_steps:
            rate *= min(1.0, (step + 1) / self.warmup_steps)
        if self.schedule == "cosine":
            rate *= 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / total_steps)))
        return rate


class Training(Knowledge):
    """What the YAMLs of classifiers and separators have in common, beside what may be known of the clips."""

    # Which sets of conf/mix.yaml: a name under its `variants`; empty for the recipe's own.
    mixtures: str = Field("", pattern=r"^([a-z][a-z0-9]*)?$")
    net: dict[str, Any] = {}
    # Fine-tuning: the training begins with the weights of this network, an experiment's folder, a packed model or one
    # that comes with weaksep, with new ones for the classes that it does not have. For so large a share of the steps
    # only the outputs are trained, lest those that begin at random spoil what the net knows (Kumar et al., ICLR 2022).
    init: str | None = Field(None, min_length=1)
    init_frozen: float = Field(0.1, ge=0, le=1)
    optim: OptimConfig = OptimConfig()

    def settings(self) -> dict[str, Any]:
        """What identifies a run, as JSON can say it: all that is not at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


class ClassifierTraining(Training):
    """conf/classifier_<name>.yaml."""

    supervision: Literal["frame", "clip"]
    strong_share: Literal[0] = Field(0, exclude=True)
    strong_repeats: Literal[1] = Field(1, exclude=True)

    @model_validator(mode="after")
    def _of_separators(self) -> ClassifierTraining:
        if self.optim.precision != "float32":
            raise ValueError("optim.precision is for separators; classifiers are trained in float32")
        return self


class SeparatorTraining(Training):
    """conf/<system>.yaml."""

    classifier: str | None = None  # name of conf/classifier_<name>.yaml, for losses that ask for a classifier
    joint: bool = False  # train the classifier together with the separator instead of keeping it frozen
    # Settings of each loss by its name, {} for its defaults, null to leave out what a base names; when the key is
    # missing, see ``losses``.
    loss: dict[str, dict[str, Any] | None] | None = None
    # Choose the temperature of the masks afterwards, on remixes of validation clips (train/calibrate.py); ours.
    calibrate: bool = False
    # For people and the report alone: what the system is, and with which other one its row is compared.
    about: str = Field("", exclude=True)
    compare_with: str | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _fits_together(self) -> SeparatorTraining:
        weak, nmf = self.supervision != "strong", self.net.get("kind") == "nmf"
        refused = (
            (not isinstance(self.net.get("residual", False), bool), "net.residual: expected true or false"),
            (
                not weak and (self.classifier is not None or self.joint),
                "classifier, joint: strong supervision uses no classifier",
            ),
            (self.joint and self.classifier is None, "joint: trains a classifier along; name it (classifier:)"),
            (not weak and self.strong_share, "strong_share: with strong supervision all clips have their sources"),
            (
                self.strong_repeats > 1 and not self.strong_share,
                "strong_repeats: of the clips of strong_share, which is 0",
            ),
            (
                self.unlabelled and not self.residual,
                "unlabelled: what they sound like has no output; net.residual: true",
            ),
            (self.remix and self.remix.p_separated, "remix.p_separated: only classifiers hear separated sources"),
            (
                nmf and (self.remix or self.augment),
                "net.kind nmf: learns from the clips as they are, without remix and augment",
            ),
            (nmf and self.init, "init: net.kind nmf learns its dictionaries in one go"),
            (nmf and self.calibrate, "calibrate: net.kind nmf has no logits, and so no temperature"),
            (nmf and weak, "net.kind nmf: dictionaries are learnt from isolated sources, with supervision: strong"),
        )
        for applies, reason in refused:
            if applies:
                raise ValueError(reason)
        return self

    @property
    def residual(self) -> bool:
        """See ``Knowledge``."""
        return bool(self.net.get("residual"))

    @property
    def losses(self) -> dict[str, dict[str, Any]]:
        """Settings of each loss by its name. By default the paper's: strong, or mixture and classification; with remix
        the remix loss; for clips with isolated sources among others the strong loss, summed over classes."""
        if self.loss is not None:
            return {name: settings for name, settings in self.loss.items() if settings is not None}
        if self.supervision == "strong":
            return {"strong": {}}
        weak: dict[str, dict[str, Any]] = {"remix": {}} if self.remix else {"mixture": {}, "classification": {}}
        return {**weak, "strong": {"over_classes": "sum"}} if self.strong_share else weak

    @property
    def needs_references(self) -> bool:
        """Whether training reads isolated sources."""
        return self.supervision == "strong" or self.strong_share > 0
