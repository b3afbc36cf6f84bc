"""What a training YAML may say. The defaults are the paper's settings, as far as they are known; ours are marked.

The settings of a net and of the losses are those of their modules (weaksep/nets, weaksep/losses), which know torch:
train/parts.py checks them before anything is trained. All else is checked here.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weaksep.feats.config import AugmentConfig, RemixConfig

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
    # Which weights are kept: those of the epoch with the smallest validation loss, or those after the last of
    # max_epochs. With few validation recordings and a cosine schedule, the last ones are the better choice.
    keep: Literal["best", "last"] = "best"


class Training(_Strict):
    """What the YAMLs of classifiers and separators have in common."""

    supervision: Supervision
    seed: int = 0
    # Which sets of conf/mix.yaml: a name under its `variants`; empty for the recipe's own.
    mixtures: str = Field("", pattern=r"^([a-z][a-z0-9]*)?$")
    # Share of the clips with frame labels; the others have clip labels (supervision clip).
    frame_share: float = Field(0.0, ge=0, le=1)
    # Remix training clips in every epoch, and change them at random; null: take them as they are.
    remix: RemixConfig | None = None
    augment: AugmentConfig | None = None
    # Poorer data, to see what it costs. So many training clips, drawn at random (null: all); an epoch is as long as
    # with all of them, so each comes more often.
    train_clips: int | None = Field(None, ge=1)
    # Only training clips with at least as many classes: from 2 on, no class is ever alone in a clip.
    train_min_classes: int = Field(1, ge=1)
    # Share of the clip labels that are left out, and of those that name another class.
    missing_labels: float = Field(0.0, ge=0, lt=1)
    wrong_labels: float = Field(0.0, ge=0, lt=1)
    net: dict[str, Any] = {}
    optim: OptimConfig = OptimConfig()

    @model_validator(mode="after")
    def _of_clip_labels(self) -> Training:
        for key in ("frame_share", "missing_labels", "wrong_labels"):
            if getattr(self, key) and self.supervision != "clip":
                raise ValueError(f"{key}: for a share of the clips of a training with supervision: clip")
        return self

    def settings(self) -> dict[str, Any]:
        """What identifies a run, as JSON can say it: all that is not at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


class ClassifierTraining(Training):
    """conf/classifier_<name>.yaml."""

    supervision: Literal["frame", "clip"]


class SeparatorTraining(Training):
    """conf/<system>.yaml."""

    classifier: str | None = None  # name of conf/classifier_<name>.yaml, for losses that ask for a classifier
    joint: bool = False  # train the classifier together with the separator instead of keeping it frozen
    # Settings of each loss by its name, {} for its defaults, null to leave out what a base names; when the key is
    # missing, see ``losses``.
    loss: dict[str, dict[str, Any] | None] | None = None
    # Semi-supervised: share of the training clips whose isolated sources are known, and how often each of these clips
    # comes in an epoch; the others come once, with weak labels.
    strong_share: float = Field(0.0, ge=0, lt=1)
    strong_repeats: int = Field(1, ge=1, le=1000)
    # Choose the temperature of the masks afterwards, on remixes of validation clips (train/calibrate.py); ours.
    calibrate: bool = False
    # For people and the report alone: what the system is, and with which other one its row is compared.
    about: str = Field("", exclude=True)
    compare_with: str | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _fits_together(self) -> SeparatorTraining:
        weak, nmf = self.supervision != "strong", self.net.get("kind") == "nmf"
        if not weak and (self.classifier is not None or self.joint):
            raise ValueError("classifier, joint: strong supervision uses no classifier")
        if self.joint and self.classifier is None:
            raise ValueError("joint: trains a classifier along; name it (classifier:)")
        if not weak and self.strong_share:
            raise ValueError("strong_share: with strong supervision all clips have their sources")
        if self.strong_repeats > 1 and not self.strong_share:
            raise ValueError("strong_repeats: of the clips of strong_share, which is 0")
        if self.remix is not None and self.remix.p_separated:
            raise ValueError("remix.p_separated: only classifiers hear separated sources")
        if nmf and (self.remix is not None or self.augment is not None):
            raise ValueError("net.kind nmf: learns from the clips as they are, without remix and augment")
        if nmf and self.calibrate:
            raise ValueError("calibrate: net.kind nmf has no logits, and so no temperature")
        if nmf and weak:
            raise ValueError("net.kind nmf: dictionaries are learnt from isolated sources, with supervision: strong")
        return self

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
