"""What a training YAML may say. The defaults are the paper's settings, as far as they are known; ours are marked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from weaksep.feats.remix_config import RemixConfig
from weaksep.nets.config import ClassifierConfig, SeparatorConfig

Supervision = Literal["strong", "frame", "clip"]

# Keys that came after the first release: at their defaults they are left out of what identifies a run, so that a
# training of an earlier version is not taken for one of other settings.
LATER = (
    "mixtures",
    "frame_share",
    "strong_share",
    "strong_repeats",
    "remix",
    "train_clips",
    "train_min_classes",
    "missing_tags",
    "wrong_tags",
    "calibrate",
)
LATER_LOSS = ("residual_weight", "quiet_weight")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Training(_Strict):
    seed: int = 0
    # Which sets of conf/mix.yaml: a name under its `variants`; empty for the recipe's own.
    mixtures: str = Field("", pattern=r"^([a-z][a-z0-9]*)?$")
    # Share of the clips whose frame labels are known, among clip labels (supervision clip).
    frame_share: float = Field(0.0, ge=0, le=1)
    # Sum training clips anew in every epoch, see there; null: take them as they are.
    remix: RemixConfig | None = None
    # Poorer labels, to see what they cost: as many of the training clips, drawn at random (null: all; fewer come the
    # more often in an epoch); share of the clip labels that are left out; share of those that name another class.
    train_clips: int | None = Field(None, ge=1)
    # Only training clips with at least as many classes: from 2 on, no class is ever alone in a clip.
    train_min_classes: int = Field(1, ge=1)
    missing_tags: float = Field(0.0, ge=0, lt=1)
    wrong_tags: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _of_clip_labels(self) -> _Training:
        for key in ("frame_share", "missing_tags", "wrong_tags"):
            if getattr(self, key) and getattr(self, "supervision", None) != "clip":
                raise ValueError(f"{key}: for a share of the clips of a training with supervision: clip")
        return self

    def settings(self) -> dict[str, Any]:
        """What identifies a run, as JSON can say it."""
        whole = self.model_dump(mode="json")
        default = {name: field.default for name, field in type(self).model_fields.items()}
        return {key: value for key, value in whole.items() if key not in LATER or value != default[key]}


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
    # Whose weights are kept, those of the epoch with the smallest validation loss, or the last ones, after all of
    # max_epochs. With few validation recordings and a cosine schedule the former says less than the end of the latter.
    keep: Literal["best", "last"] = "best"

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A key that came after the first release is left out at its default, see ``LATER``."""
        return {key: value for key, value in handler(self).items() if key != "keep" or value != "best"}


class LossConfig(_Strict):
    """Weights and schedule of the weak losses; they mean what losses/mixture.py says of the scale."""

    mixture_weight: float = Field(100.0, ge=0)
    classification_weight: float = Field(1.0, ge=0)
    # The classification weight is 0 up to this share of all steps, then rises linearly over the next share.
    classification_start: float = Field(0.0, ge=0, lt=1)
    classification_ramp: float = Field(0.0, ge=0, le=1)
    active_sources_only: bool = False  # classify only sources of classes that occur in the clip
    # What a net with a residual output pays for putting sound there in the end, relative to an error of the same size;
    # at first it is more (train/schedule.py).
    residual_weight: float = Field(0.3, ge=0)
    # Remix from frame labels: what a class pays for sound in frames where it is labelled silent, beside the error that
    # it makes of the sides; null takes frame labels at their word (losses/remix.py).
    quiet_weight: float | None = Field(0.2, ge=0)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keys that came after the first release are left out at their defaults, see ``LATER``."""
        default = {name: field.default for name, field in type(self).model_fields.items()}
        return {key: value for key, value in handler(self).items() if key not in LATER_LOSS or value != default[key]}


class ClassifierTraining(_Training):
    """conf/classifier_<name>.yaml."""

    supervision: Literal["frame", "clip"]
    net: ClassifierConfig = ClassifierConfig()
    optim: OptimConfig = OptimConfig()


class SeparatorTraining(_Training):
    """conf/<system>.yaml."""

    supervision: Supervision
    classifier: str | None = None  # name of conf/classifier_<name>.yaml; weak systems need one
    joint: bool = False  # train the classifier together with the separator instead of keeping it frozen
    net: SeparatorConfig = SeparatorConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    # Semi-supervised: share of the training clips whose isolated sources are known, and how often each of these clips
    # comes in an epoch; the others come once, with weak labels.
    strong_share: float = Field(0.0, ge=0, lt=1)
    strong_repeats: int = Field(1, ge=1, le=1000)
    # Choose the temperature of the masks afterwards, on sums of validation clips (train/calibrate.py); ours.
    calibrate: bool = False
    # For people and the report alone: what the system is, and with which other one its row is compared.
    about: str = Field("", exclude=True)
    compare_with: str | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _needs_a_classifier(self) -> SeparatorTraining:
        weak = self.supervision != "strong"
        if weak and self.loss.classification_weight > 0 and self.classifier is None:
            raise ValueError("classifier: needed by weak supervision with a classification_weight above 0")
        if not weak and (self.classifier is not None or self.joint):
            raise ValueError("classifier, joint: strong supervision uses no classifier")
        if not weak and self.strong_share:
            raise ValueError("strong_share: with strong supervision all clips have their sources")
        if self.strong_repeats > 1 and not self.strong_share:
            raise ValueError("strong_repeats: of the clips of strong_share, which is 0")
        if self.net.kind == "nmf" and self.remix is not None:
            raise ValueError("net.kind nmf: learns from the clips as they are, without remix")
        if self.remix is not None and self.remix.separated:
            raise ValueError("remix.separated: a separator learns from sums; only classifiers hear separated sources")
        if self.net.kind == "nmf" and self.calibrate:
            raise ValueError("calibrate: net.kind nmf has no logits, and so no temperature")
        if weak and self.net.kind == "nmf":
            raise ValueError("net.kind nmf: dictionaries are learnt from isolated sources, with supervision: strong")
        return self

    @property
    def needs_references(self) -> bool:
        """Whether training reads isolated sources."""
        return self.supervision == "strong" or self.strong_share > 0

    @property
    def uses_classifier(self) -> bool:
        """Whether training runs a classifier."""
        return self.supervision != "strong" and self.loss.classification_weight > 0
