"""Sizes and kinds of the networks, as they stand in conf/*.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

# Far above anything that was ever trained: a slip of the pen must not fill the memory.
MAX_LAYERS = 64
MAX_UNITS = 8192

Channels = Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_UNITS)], ...], Field(min_length=1, max_length=16)]
Pooling = Literal["max", "mean", "linear_softmax", "exp_softmax", "attention"]

# Keys of a separator that came after the first release: at their defaults they are left out of what identifies a run,
# so that a training of an earlier version is not taken for one of other settings (as in train/config.py).
LATER_SEPARATOR = ("residual", "channels", "bands", "step_frames")


class SeparatorConfig(BaseModel):
    """Mask estimator. The defaults are the paper's sizes with our softmax over classes, and meant for the BLSTM alone.

    Sizes that a kind does not use are ignored.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # nmf: no network, but a dictionary of spectra a class (`units` of them) learnt from isolated sources.
    kind: Literal["blstm", "unet", "bandsplit", "tcn", "nmf"] = "blstm"
    # Recurrent layers (blstm, and at the bottom of unet); pairs of them (bandsplit); convolutions (tcn).
    layers: int = Field(3, ge=1, le=MAX_LAYERS)
    # Per direction of every recurrent layer (blstm, unet, bandsplit); channels (tcn); spectra a class (nmf).
    units: int = Field(600, ge=1, le=MAX_UNITS)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    mask: Literal["sigmoid", "softmax"] = "softmax"
    # Share of the mixture that is dealt out evenly, whatever the net thinks: every mask is at least mask_floor / K.
    # A target that is missed altogether is then heard faintly in the mixture's proportions, instead of being replaced
    # by whatever crumbs are left; the price is a leak, -40 dB for 0.05 and five classes.
    mask_floor: float = Field(0.0, ge=0.0, lt=1.0)
    # A mask more, the last, for what belongs to no class; it has its share of mask_floor (all but nmf).
    residual: bool = False
    channels: Channels = (16, 32, 64, 96)  # of each level, the finest first (unet)
    bands: int = Field(12, ge=1, le=MAX_UNITS)  # that the bins are divided into (bandsplit)
    step_frames: int = Field(1, ge=1, le=64)  # frames that are one step in time (bandsplit)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keys that came after the first release are left out at their defaults."""
        fields = type(self).model_fields
        unchanged = {key for key in LATER_SEPARATOR if getattr(self, key) == fields[key].default}
        return {key: value for key, value in handler(self).items() if key not in unchanged}


class ClassifierConfig(BaseModel):
    """Sound event classifier. The defaults are the paper's BLSTM; sizes that a kind does not use are ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["blstm", "crnn", "light"] = "blstm"
    layers: int = Field(2, ge=1, le=MAX_LAYERS)  # recurrent layers (blstm)
    units: int = Field(100, ge=1, le=MAX_UNITS)  # per direction, of every recurrent layer
    channels: Channels = (32, 64, 128)  # of the convolutions (crnn, light)
    mel_bands: int = Field(40, ge=4, le=512)  # of the front-end (light)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    pooling: Pooling = "max"  # of frame probabilities over time into clip probabilities
