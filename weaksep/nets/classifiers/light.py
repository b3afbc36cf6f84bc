"""Our classifier for the CPU: log mel bands, pooled in time by 4 before anything costly, convolutions, one BLSTM.

Weak training runs the classifier on K separated spectrograms a clip, so its cost counts K times.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from weaksep.nets.classifier import Classifier, ClassifierSettings
from weaksep.nets.settings import Channels, Dropout, Units
from weaksep.signal.frames import pool_frames

# Linear magnitudes of the method's levels lie around 0.01 to 1; the logarithm is floored here.
MEL_FLOOR = 1e-3


def mel_matrix(n_bins: int, n_bands: int, sample_rate: int) -> torch.Tensor:
    """Triangular mel filters, float32 (F, bands); each sums to 1, so that a band is a weighted mean of its bins.

    The mel scale is that of HTK. Triangles narrower than a bin are widened to one, so that no band is empty.
    """
    nyquist = sample_rate / 2
    bins = torch.linspace(0.0, nyquist, n_bins, dtype=torch.float64)
    mels = torch.linspace(0.0, 2595.0 * math.log10(1.0 + nyquist / 700.0), n_bands + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    width = nyquist / (n_bins - 1)
    lower = torch.minimum(edges[:-2], edges[1:-1] - width)
    upper = torch.maximum(edges[2:], edges[1:-1] + width)
    rising = (bins[:, None] - lower) / (edges[1:-1] - lower)
    falling = (upper - bins[:, None]) / (upper - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp_min(0.0)
    return (filters / filters.sum(dim=0)).float()


class Settings(ClassifierSettings):
    """``mel_bands`` of the front-end, ``channels`` of the convolutions, ``units`` a direction of the BLSTM; ``dropout``
    after each convolution."""

    kind: Literal["light"] = "light"
    mel_bands: int = Field(40, ge=4, le=512)
    channels: Channels = (32, 64, 128)
    units: Units = 100
    dropout: Dropout = 0.0


class Net(Classifier):
    """The net above."""

    time_pooling = 4
    mel: torch.Tensor

    def __init__(self, settings: Settings, n_classes: int, n_bins: int, sample_rate: int) -> None:
        super().__init__(settings, 2 * settings.units, n_classes)
        self.register_buffer("mel", mel_matrix(n_bins, settings.mel_bands, sample_rate), persistent=False)
        layers: list[nn.Module] = []
        before = settings.mel_bands
        for channels in settings.channels:
            layers += [nn.Conv1d(before, channels, 3, padding=1), nn.BatchNorm1d(channels), nn.ReLU()]
            layers.append(nn.Dropout(settings.dropout))
            before = channels
        self.convolutions = nn.Sequential(*layers)
        self.blstm = nn.LSTM(before, settings.units, batch_first=True, bidirectional=True)

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> (B, ceil(T / 4), 2 * units)."""
        bands = magnitude @ self.mel  # (B, T, bands)
        # Mean and maximum would both do; the maximum keeps a gun shot's onset sharp.
        logs = (pool_frames(bands, self.time_pooling) + MEL_FLOOR).log() + 3.0  # about zero-centred
        maps = self.convolutions(logs.transpose(1, 2))
        return self.blstm(maps.transpose(1, 2))[0]
