"""Sizes and kinds of the networks, as they stand in conf/*.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# Far above anything that was ever trained: a slip of the pen must not fill the memory.
MAX_LAYERS = 64
MAX_UNITS = 8192

Channels = Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_UNITS)], ...], Field(min_length=1, max_length=16)]
Pooling = Literal["max", "mean", "linear_softmax", "exp_softmax", "attention"]


class SeparatorConfig(BaseModel):
    """Mask estimator. The defaults are the paper's sizes with our softmax over classes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # nmf: no network, but a dictionary of spectra a class (`units` of them) learnt from isolated sources.
    kind: Literal["blstm", "nmf"] = "blstm"
    layers: int = Field(3, ge=1, le=MAX_LAYERS)
    units: int = Field(600, ge=1, le=MAX_UNITS)  # per direction (blstm); spectra a class (nmf)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)
    mask: Literal["sigmoid", "softmax"] = "softmax"
    # Share of the mixture that is dealt out evenly, whatever the net thinks: every mask is at least mask_floor / K.
    # A target that is missed altogether is then heard faintly in the mixture's proportions, instead of being replaced
    # by whatever crumbs are left; the price is a leak, -40 dB for 0.05 and five classes.
    mask_floor: float = Field(0.0, ge=0.0, lt=1.0)


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
