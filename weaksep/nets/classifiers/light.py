"""Our classifier for the CPU: log mel bands, pooled in time by 4 before anything costly, convolutions, one BLSTM.

Weak training runs the classifier on K separated spectrograms a clip, so its cost counts K times.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from weaksep.nets.classifier import Classifier, ClassifierSettings
from weaksep.nets.frontend import mel_matrix
from weaksep.nets.settings import Channels, Dropout, Units
from weaksep.signal.frames import pool_frames

# Linear magnitudes of the method's levels lie around 0.01 to 1; the logarithm is floored here.
MEL_FLOOR = 1e-3


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
