"""What a training YAML may say. The defaults are the paper's settings, as far as they are known; ours are marked."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weaksep.nets.config import ClassifierConfig, SeparatorConfig

Supervision = Literal["strong", "frame", "clip"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptimConfig(_Strict):
    """Adam and its schedule."""

    learning_rate: float = Field(1e-4, gt=0)
    batch_size: int = Field(8, ge=1)
    max_epochs: int = Field(50, ge=1)
    patience: int = Field(5, ge=1)  # epochs without a better validation loss before training stops
    schedule: Literal["constant", "cosine"] = "constant"  # cosine: to zero at the last of max_epochs
    warmup_steps: int = Field(0, ge=0)  # linear rise of the learning rate
    weight_decay: float = Field(0.0, ge=0)
    gradient_clip: float | None = Field(5.0, gt=0)  # largest norm of the gradient (ours; null for none)


class LossConfig(_Strict):
    """Weights and schedule of the weak losses; they mean what losses/mixture.py says of the scale."""

    mixture_weight: float = Field(100.0, ge=0)
    classification_weight: float = Field(1.0, ge=0)
    # The classification weight is 0 up to this share of all steps, then rises linearly over the next share.
    classification_start: float = Field(0.0, ge=0, lt=1)
    classification_ramp: float = Field(0.0, ge=0, le=1)
    active_sources_only: bool = False  # classify only sources of classes that occur in the clip


class ClassifierTraining(_Strict):
    """conf/classifier_<name>.yaml."""

    supervision: Literal["frame", "clip"]
    net: ClassifierConfig = ClassifierConfig()
    optim: OptimConfig = OptimConfig()
    seed: int = 0


class SeparatorTraining(_Strict):
    """conf/<system>.yaml."""

    supervision: Supervision
    classifier: str | None = None  # name of conf/classifier_<name>.yaml; weak systems need one
    joint: bool = False  # train the classifier together with the separator instead of keeping it frozen
    net: SeparatorConfig = SeparatorConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    seed: int = 0

    @model_validator(mode="after")
    def _needs_a_classifier(self) -> SeparatorTraining:
        weak = self.supervision != "strong"
        if weak and self.loss.classification_weight > 0 and self.classifier is None:
            raise ValueError("classifier: needed by weak supervision with a classification_weight above 0")
        if not weak and (self.classifier is not None or self.joint):
            raise ValueError("classifier, joint: strong supervision uses no classifier")
        return self

    @property
    def uses_classifier(self) -> bool:
        """Whether training runs a classifier."""
        return self.supervision != "strong" and self.loss.classification_weight > 0
