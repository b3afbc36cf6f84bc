"""Settings of features (conf/feats.yaml), and of what a training takes of its clips. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weaksep.fileio.network import Features, StftSettings


class FeatsConfig(StftSettings):
    """STFT settings: root-Hann window, magnitude, window_samples // 2 + 1 bins."""

    window_samples: int = Field(512, ge=16, le=65_536)
    hop_samples: int = Field(128, ge=1)
    # Where training finds the spectra of fixed clips: in Kaldi archives, or by an STFT of the audio while it trains,
    # which takes no disk. Remixed and changed clips are always read as audio.
    feats_type: Literal["ark", "raw"] = "ark"
    compress: bool = False  # Kaldi's lossy 8-bit compression of the ark: a quarter of the disk, lossless by default
    shard_clips: int = Field(1000, ge=1)  # clips in one ark file


class DumpSettings(FeatsConfig, Features):
    """What dump/<set>/feats.yaml says: the settings, and the audio's rate."""


class AugmentConfig(BaseModel):
    """Random changes of each clip (feats/augment.py), anew in every epoch.

    Args:
        gain_db: lowest and highest gain, dB.
        shift: whether clips are rotated in time, by whole frames.
        filter_db: a smooth random filter of at most so many dB up or down.
        speed: faster or slower by a factor between 1 / (1 + speed) and 1 + speed; pitch changes with it.
        p_room: probability that a clip sounds in a synthetic room, which rings for 0.1 to 0.8 s. What it is worth has
            not been measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gain_db: tuple[float, float] = (-6.0, 6.0)
    shift: bool = True
    filter_db: float = Field(0.0, ge=0, le=40)
    speed: float = Field(0.0, ge=0, le=1)
    p_room: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> AugmentConfig:
        low, high = self.gain_db
        if not -60 <= low <= high <= 60:
            raise ValueError(f"gain_db: expected [lowest, highest] within -60 to 60, found [{low}, {high}]")
        return self


class RemixConfig(BaseModel):
    """How clips are remixed in every epoch (feats/remix.py).

    Args:
        max_clips: clips in one remix, at most; their number is drawn uniformly from two on.
        p_single: probability that an item is a single clip.
        shared: remix clips that have classes in common too; else only clips without, which leaves less open. Isolated
            sources need no such care.
        few_class_bias: a clip with n classes is drawn n ** -few_class_bias times as often as one with a single class;
            at 0 each clip begins one remix an epoch. What a submixture of few classes asks for is the more definite,
            and a clip of one class is an isolated source.
        target: of a submixture with complex spectrum A in the remix X: "magnitude" is min(|A|, |X|), "phase_sensitive"
            is |A| cos(angle between A and X), between 0 and |X|; the second is what a mask should be for SI-SDR.
        p_separated: probability that an item is one submixture as an ideal mask would separate it (classifiers only,
            which then know separated sources).
        p_unlabelled: probability that an unlabelled clip takes the place of the last clip of a remix: a submixture of
            no class. A remix of a single clip then is that unlabelled one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_clips: int = Field(2, ge=2, le=8)
    p_single: float = Field(0.25, ge=0, le=1)
    shared: bool = False
    few_class_bias: float = Field(0.0, ge=0, le=8)
    target: Literal["magnitude", "phase_sensitive"] = "magnitude"
    p_separated: float = Field(0.0, ge=0, le=1)
    p_unlabelled: float = Field(0.0, ge=0, le=1)


class Knowledge(BaseModel):
    """What a training may know of the clips of a set; the first part of its YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    supervision: Literal["strong", "frame", "clip"]  # of all clips, or of those that are not better known
    seed: int = 0
    # Share of the clips with frame labels; the others have clip labels (supervision clip).
    frame_share: float = Field(0.0, ge=0, le=1)
    # Semi-supervised: share of the training clips whose isolated sources are known, and how often each of these clips
    # comes in an epoch; the others come once, with weak labels.
    strong_share: float = Field(0.0, ge=0, lt=1)
    strong_repeats: int = Field(1, ge=1, le=1000)
    # Remix training clips in every epoch, and change them at random; null: take them as they are.
    remix: RemixConfig | None = None
    augment: AugmentConfig | None = None
    # Clips without any class for the remixes (p_unlabelled), data/<set>_NAME: those of a variant of conf/mix.yaml, or
    # of any data folder whose utt2labels has "-" for them.
    unlabelled: str = Field("", pattern=r"^([a-z][a-z0-9]*)?$")
    # Poorer data, to see what it costs. So many training clips, drawn at random (null: all); optim.epoch_steps keeps an
    # epoch as long as with all of them.
    train_clips: int | None = Field(None, ge=1)
    # Only training clips with at least as many classes: from 2 on, no class is ever alone in a clip.
    train_min_classes: int = Field(1, ge=1)
    # Share of the clip labels that are left out, and of those that name another class.
    missing_labels: float = Field(0.0, ge=0, lt=1)
    wrong_labels: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _of_clip_labels(self) -> Knowledge:
        for key in ("frame_share", "missing_labels", "wrong_labels"):
            if getattr(self, key) and self.supervision != "clip":
                raise ValueError(f"{key}: for a share of the clips of a training with supervision: clip")
        if bool(self.unlabelled) != bool(self.remix and self.remix.p_unlabelled):
            raise ValueError(
                "unlabelled (which clips) and remix.p_unlabelled (how often) go together; give both or none"
            )
        return self

    @property
    def residual(self) -> bool:
        """Whether there is an output for what belongs to no class, which the background is the target of."""
        return False

    def for_validation(self) -> Knowledge:
        """The same of validation clips, all of them: the same kind of remixes, of sounds as they were recorded."""
        remix = self.remix and self.remix.model_copy(update={"p_separated": 0.0})
        augment = self.augment and self.augment.model_copy(update={"filter_db": 0.0, "speed": 0.0, "p_room": 0.0})
        update = {"seed": 0, "strong_share": 0.0, "strong_repeats": 1, "train_clips": None, "train_min_classes": 1}
        return self.model_copy(update={**update, "remix": remix, "augment": augment if remix else None})
