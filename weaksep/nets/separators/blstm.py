"""The paper's separator: BLSTM layers over the frames, one linear layer to K masks. The defaults are its sizes."""

from typing import Literal

import torch
from torch import nn

from weaksep.nets.separator import MaskSeparator, MaskSettings
from weaksep.nets.settings import Dropout, Layers, Units


class Settings(MaskSettings):
    """``layers`` of ``units`` a direction; ``dropout`` between layers."""

    kind: Literal["blstm"] = "blstm"
    layers: Layers = 3
    units: Units = 600
    dropout: Dropout = 0.0


class Net(MaskSeparator):
    """The net above."""

    def __init__(self, settings: Settings, n_classes: int, n_bins: int) -> None:
        super().__init__(settings, n_classes, n_bins)
        dropout = settings.dropout if settings.layers > 1 else 0.0
        self.blstm = nn.LSTM(
            n_bins, settings.units, settings.layers, batch_first=True, bidirectional=True, dropout=dropout
        )
        self.output = nn.Linear(2 * settings.units, self.n_masks * n_bins)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """See ``MaskSeparator``."""
        hidden, _ = self.blstm(features)
        return self.output(hidden).unflatten(2, (self.n_masks, -1)).transpose(1, 2)
