"""A band-split net: one recurrent layer along time in every band, one along the bands of every frame, and so on.

After Luo, Yu, "Music Source Separation with Band-Split RNN", TASLP 2023: the spectrum is cut into bands, each is
embedded as a vector of the same size, and the layers that follow are shared by all bands. A pattern in time learnt in
one band is known in all of them, and a small net does for many bins.

Otherwise than there: one trunk for all classes; masks of magnitudes, from one linear layer a band; bands from a rule
instead of a table; and every vector is normalised over its own features, not over the clip, so that masks depend
neither on the clip's length nor on what else is in it. ``step_frames`` frames can be taken together as one step in
time, which divides the cost: that of recurrent layers this small is one of steps, not of what a step takes in.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from weaksep.nets.separator import MaskSeparator, MaskSettings
from weaksep.nets.settings import Dropout, Layers, Units


def band_widths(n_bins: int, n_bands: int) -> list[int]:
    """Bins of each band, lowest first: as 1 : 3 : 5 ..., but at least one; no more bands than bins.

    The width of a band then grows as the root of its frequency, between the equal widths of the STFT, too few at the
    bottom where most events have their pitch, and those of the mel scale, too few at the top of a rate of 8 kHz.

    >>> band_widths(129, 8)
    [2, 6, 10, 14, 18, 23, 26, 30]
    """
    n_bands = min(n_bands, n_bins)
    edges = [max(band, round(n_bins * (band / n_bands) ** 2)) for band in range(n_bands + 1)]
    return [upper - lower for lower, upper in zip(edges, edges[1:], strict=False)]


class Settings(MaskSettings):
    """``layers`` times a pass along time and one along the ``bands``; ``units`` features a band, and a direction;
    ``step_frames`` frames are one step in time."""

    kind: Literal["bandsplit"] = "bandsplit"
    layers: Layers = 2
    units: Units = 32
    bands: Units = 12
    step_frames: int = Field(1, ge=1, le=64)
    dropout: Dropout = 0.0


class RecurrentPass(nn.Module):
    """A BLSTM along one axis, its input normalised vector by vector; added to what came in."""

    def __init__(self, units: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(units)
        self.blstm = nn.LSTM(units, units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * units, units)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B1, B2, L, units) -> the same shape, each of B1 x B2 sequences of length L on its own."""
        hidden, _ = self.blstm(self.norm(vectors).flatten(0, 1))
        return vectors + self.linear(self.dropout(hidden)).view(vectors.shape)


class Net(MaskSeparator):
    """The net above."""

    def __init__(self, settings: Settings, n_classes: int, n_bins: int) -> None:
        super().__init__(settings, n_classes, n_bins)
        self.widths = band_widths(n_bins, settings.bands)
        self.step_frames = settings.step_frames
        units, values = settings.units, [settings.step_frames * width for width in self.widths]
        self.embed = nn.ModuleList(nn.Linear(size, units) for size in values)
        self.along_time = nn.ModuleList(RecurrentPass(units, settings.dropout) for _ in range(settings.layers))
        self.along_bands = nn.ModuleList(RecurrentPass(units, settings.dropout) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(units)
        self.output = nn.ModuleList(nn.Linear(units, self.n_masks * size) for size in values)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """See ``MaskSeparator``."""
        frames = features.shape[1]
        steps = functional.pad(features, (0, 0, 0, -frames % self.step_frames)).unflatten(1, (-1, self.step_frames))
        bands = steps.split(self.widths, dim=3)  # (B, T', step_frames, width) each
        embedded = [layer(band.flatten(start_dim=2)) for layer, band in zip(self.embed, bands, strict=True)]
        vectors = torch.stack(embedded, dim=1)  # (B, bands, T', units)
        for along_time, along_bands in zip(self.along_time, self.along_bands, strict=True):
            vectors = along_bands(along_time(vectors).transpose(1, 2)).transpose(1, 2)
        normalised = self.norm(vectors).unbind(dim=1)
        shape = (self.n_masks, self.step_frames, -1)
        logits = [layer(band).unflatten(2, shape) for layer, band in zip(self.output, normalised, strict=True)]
        whole = torch.cat(logits, dim=4)  # (B, T', K, step_frames, F)
        return whole.transpose(1, 2).flatten(2, 3)[:, :, :frames]
