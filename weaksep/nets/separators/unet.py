"""A U-Net over the log magnitude as a picture: what is learnt of a sound holds wherever it lies in time and frequency.

The shape is that of Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015, for masks of spectrograms as in Jansson et al., "Singing Voice Separation with Deep U-Net Convolutional
Networks", ISMIR 2017. Made cheap for a CPU:

- Convolutions at full resolution, with few channels to work on, would cost most, so there are none. The first one
  already halves bins and frames: it has more channels than it takes values together, so nothing need be lost. The last
  one, from each position to the logits of its own frames and bins, is what a 1 x 1 convolution is without the halving.
- Skip connections are added and not put beside, which halves the convolutions behind them (Chaurasia, Culurciello,
  "LinkNet", VCIP 2017).
- At the bottom a small BLSTM sees all frequencies at once: context in time without many levels, and the one place that
  knows how high a sound is.

Batch and not group normalisation: at inference it is a fixed factor and offset. Group normalisation takes its mean over
all of a clip, so that masks would change with what else is in the clip and how long it is, and a recording separated in
pieces would show it. In training every mean is over 16 clips times at least hundreds of positions, which is plenty.
"""

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from weaksep.nets.separator import MaskSeparator, MaskSettings
from weaksep.nets.settings import Channels, Dropout, Layers, Units

# Bins are halved at every level, frames at the first two alone: the BLSTM's step is then 4 frames.
TIME_LEVELS = 2


def convolution(before: int, after: int, stride: tuple[int, int] = (1, 1)) -> nn.Sequential:
    """3 x 3 convolution (time x frequency), batch normalisation, ReLU; n positions become ceil(n / stride)."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False),  # a bias would be normalised away
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class Enlarge(nn.ConvTranspose2d):
    """Undo a halving: a transposed convolution without overlap, from each position to a block of its own."""

    def __init__(self, before: int, after: int, stride: tuple[int, int]) -> None:
        super().__init__(before, after, stride, stride)

    def forward(self, maps: torch.Tensor, frames: int, bins: int) -> torch.Tensor:  # type: ignore[override]
        """(B, C, T, F) -> (B, C', frames, bins); of an odd number of positions one too many comes back, and is cut off.

        A linear layer whose outputs are put in their places does the same as torch's convolution, whose gradient took
        twice as long, and a fifth of a training step.
        """
        (high, wide), (items, _, rows, columns) = self.stride, maps.shape
        weight = self.weight.permute(2, 3, 1, 0).flatten(end_dim=2)  # (high * wide * C', C)
        assert self.bias is not None
        blocks = functional.linear(maps.permute(0, 2, 3, 1), weight, self.bias.repeat(high * wide))
        blocks = blocks.view(items, rows, columns, high, wide, self.out_channels).transpose(2, 3)
        larger = blocks.reshape(items, rows * high, columns * wide, self.out_channels)
        return larger[:, :frames, :bins].permute(0, 3, 1, 2)


class Settings(MaskSettings):
    """``channels`` of each level, the finest (every second bin) first; ``units`` and ``layers`` of the BLSTM at the
    bottom, ``dropout`` around it."""

    kind: Literal["unet"] = "unet"
    channels: Channels = (16, 32, 64, 96)
    layers: Layers = 1
    units: Units = 64
    dropout: Dropout = 0.0


class TemporalContext(nn.Module):
    """A BLSTM over the frames of maps (B, C, T, F), all channels and bins of a frame taken together; it is added."""

    def __init__(self, n_values: int, settings: Settings) -> None:
        super().__init__()
        # A bottleneck: straight from n_values, the recurrent layer's own input weights would be most of the net.
        self.into = nn.Linear(n_values, settings.units)
        dropout = settings.dropout if settings.layers > 1 else 0.0
        self.blstm = nn.LSTM(
            settings.units, settings.units, settings.layers, batch_first=True, bidirectional=True, dropout=dropout
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.back = nn.Linear(2 * settings.units, n_values)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, C, T, F) -> (B, C, T, F)."""
        frames = maps.transpose(1, 2)  # (B, T, C, F)
        hidden, _ = self.blstm(self.into(frames.flatten(start_dim=2)))
        context = self.back(self.dropout(hidden)).view(frames.shape)
        return maps + context.transpose(1, 2)


class Net(MaskSeparator):
    """The net above, for any T and F."""

    frames_per_step = 2**TIME_LEVELS

    def __init__(self, settings: Settings, n_classes: int, n_bins: int) -> None:
        super().__init__(settings, n_classes, n_bins)
        widths = settings.channels
        strides = [(2 if level < TIME_LEVELS else 1, 2) for level in range(len(widths))]
        self.down = nn.ModuleList(map(convolution, (1, *widths[:-1]), widths, strides))
        self.context = TemporalContext(widths[-1] * -(-n_bins // 2 ** len(widths)), settings)
        steps = list(zip(widths[1:], widths[:-1], strides[1:], strict=True))[::-1]
        self.enlarge = nn.ModuleList(Enlarge(low, high, stride) for low, high, stride in steps)
        self.up = nn.ModuleList(convolution(high, high) for _, high, _ in steps)
        self.output = Enlarge(widths[0], self.n_masks, strides[0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the cheaper layout for a CPU

    def class_axes(self) -> dict[str, int]:
        """See ``MaskSeparator``. A transposed convolution has its outputs on the second axis."""
        return {"output.weight": 1, "output.bias": 0}

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """See ``MaskSeparator``."""
        maps = features.unsqueeze(1).to(memory_format=torch.channels_last)  # (B, 1, T, F)
        levels = []
        for down in self.down:
            maps = down(maps)
            levels.append(maps)
        maps = self.context(maps)
        for enlarge, up, skip in zip(self.enlarge, self.up, reversed(levels[:-1]), strict=True):
            maps = up(skip + enlarge(maps, *skip.shape[2:]))
        return self.output(maps, *features.shape[1:])
