"""A temporal convolutional net over the frames: the least work for a frame, and all frames at once.

The separator of Luo, Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech Separation",
TASLP 2019, on magnitudes and in one pass less a block: a convolution along time of each channel alone, whose steps
double from block to block, then a linear layer over the channels of each frame. It looks both ways in time.

Each frame is normalised over its own channels. (The paper's normalisation over the whole clip would make masks depend
on the clip's length.) What a frame sees is limited, to ``reach`` frames on each side, so a recording that is separated
in pieces with that much overlap gets the masks of the whole.
"""

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from weaksep.nets.separator import MaskSeparator, MaskSettings
from weaksep.nets.settings import Dropout, Layers, Units

# Steps in time are 1, 2, 4 ... 2^5 frames, then from the beginning: taps more than half a second apart (32 frames of
# 16 ms) would have little to do with each other.
CYCLE = 6


class Settings(MaskSettings):
    """``layers`` blocks of ``units`` channels; ``dropout`` in each."""

    kind: Literal["tcn"] = "tcn"
    layers: Layers = 12
    units: Units = 128
    dropout: Dropout = 0.0


class DilatedBlock(nn.Module):
    """Frames before and after, channel by channel; then channels, frame by frame; added to what came in."""

    def __init__(self, units: int, step: int, dropout: float) -> None:
        super().__init__()
        self.step = step
        self.along = nn.Conv2d(units, units, (3, 1), padding=(1, 0), groups=units)
        self.norm = nn.LayerNorm(units)
        self.across = nn.Linear(units, units)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, units) -> (B, T, units)."""
        hidden = self.neighbours(frames)
        return frames + self.across(self.dropout(self.norm(hidden).relu()))

    def neighbours(self, frames: torch.Tensor) -> torch.Tensor:
        """The convolution along time with three taps ``step`` frames apart, (B, T, units) -> (B, T, units).

        With the frames written in rows of ``step``, frames that far apart stand one above the other, and the taps are
        neighbours. That is the same sum and on a CPU several times as fast as a dilated convolution, also because the
        channels stay the last axis in memory.
        """
        length = frames.shape[1]
        rows = functional.pad(frames, (0, 0, 0, -length % self.step)).unflatten(1, (-1, self.step))
        summed = self.along(rows.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return summed.flatten(1, 2)[:, :length]


class Net(MaskSeparator):
    """The net above."""

    def __init__(self, settings: Settings, n_classes: int, n_bins: int) -> None:
        super().__init__(settings, n_classes, n_bins)
        steps = [2 ** (block % CYCLE) for block in range(settings.layers)]
        self.reach = sum(steps)
        self.into = nn.Linear(n_bins, settings.units)
        self.blocks = nn.Sequential(*(DilatedBlock(settings.units, step, settings.dropout) for step in steps))
        self.norm = nn.LayerNorm(settings.units)
        self.output = nn.Linear(settings.units, self.n_masks * n_bins)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """See ``MaskSeparator``."""
        hidden = self.norm(self.blocks(self.into(features)))
        return self.output(hidden).unflatten(2, (self.n_masks, -1)).transpose(1, 2)
