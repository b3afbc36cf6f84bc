"""The paper's classifier A: a BLSTM over linear magnitude frames. The defaults are its sizes."""

from typing import Literal

import torch
from torch import nn

from weaksep.nets.classifier import Classifier, ClassifierSettings
from weaksep.nets.settings import Dropout, Layers, Units


class Settings(ClassifierSettings):
    """``layers`` of ``units`` a direction; ``dropout`` between layers."""

    kind: Literal["blstm"] = "blstm"
    layers: Layers = 2
    units: Units = 100
    dropout: Dropout = 0.0


class Net(Classifier):
    """The net above."""

    def __init__(self, settings: Settings, n_classes: int, n_bins: int, sample_rate: int) -> None:
        super().__init__(settings, 2 * settings.units, n_classes)
        dropout = settings.dropout if settings.layers > 1 else 0.0
        self.blstm = nn.LSTM(
            n_bins, settings.units, settings.layers, batch_first=True, bidirectional=True, dropout=dropout
        )

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> (B, T, 2 * units)."""
        return self.blstm(magnitude)[0]
