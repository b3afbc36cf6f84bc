"""The paper's classifier B: 5 x 5 convolutions, max-pooled (frequency x time) 2x1, 2x2, 2x2..., one BLSTM.

The batch normalisation after each convolution is ours.
"""

from typing import Literal

import torch
from torch import nn

from weaksep.nets.classifier import Classifier, ClassifierSettings
from weaksep.nets.settings import Channels, Dropout, Units


class Settings(ClassifierSettings):
    """``channels`` of the convolutions, ``units`` a direction of the BLSTM; ``dropout`` after each convolution."""

    kind: Literal["crnn"] = "crnn"
    channels: Channels = (32, 64, 128)
    units: Units = 100
    dropout: Dropout = 0.0


class Net(Classifier):
    """The net above."""

    def __init__(self, settings: Settings, n_classes: int, n_bins: int, sample_rate: int) -> None:
        super().__init__(settings, 2 * settings.units, n_classes)
        blocks: list[nn.Module] = []
        before, bins, self.time_pooling = 1, n_bins, 1
        for index, channels in enumerate(settings.channels):
            time = 1 if index == 0 else 2
            blocks += [
                nn.Conv2d(before, channels, 5, padding=2),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.MaxPool2d((time, 2), ceil_mode=True),
                nn.Dropout(settings.dropout),
            ]
            before, bins = channels, -(-bins // 2)
            self.time_pooling *= time
        self.convolutions = nn.Sequential(*blocks)
        self.blstm = nn.LSTM(before * bins, settings.units, batch_first=True, bidirectional=True)

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> (B, ceil(T / time_pooling), 2 * units)."""
        maps = self.convolutions(magnitude.unsqueeze(1))  # (B, C, T', F')
        return self.blstm(maps.transpose(1, 2).flatten(start_dim=2))[0]
