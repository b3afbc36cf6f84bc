"""Mask estimators: magnitude (B, T, F) -> masks (B, K, T, F)."""

from __future__ import annotations

import torch
from torch import nn

from weaksep.nets.config import SeparatorConfig
from weaksep.nets.frontend import NormalisedLog


class BlstmSeparator(nn.Module):
    """The paper's separator: log magnitude, BLSTM layers, one linear layer to K masks.

    mask "sigmoid" (the paper's): each class on its own, in [0, 1].
    mask "softmax" (ours): classes share each bin, so the sources sum to the mixture by construction.
    """

    def __init__(self, config: SeparatorConfig, n_classes: int, n_bins: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.mask = config.mask
        self.mask_floor = config.mask_floor
        self.frontend = NormalisedLog(n_bins)
        self.blstm = nn.LSTM(
            n_bins,
            config.units,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.output = nn.Linear(2 * config.units, n_classes * n_bins)

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> masks (B, K, T, F)."""
        hidden, _ = self.blstm(self.frontend(magnitude))
        batch, frames, bins = magnitude.shape
        logits = self.output(hidden).view(batch, frames, self.n_classes, bins).transpose(1, 2)
        masks = logits.softmax(dim=1) if self.mask == "softmax" else logits.sigmoid()
        if self.mask_floor == 0:
            return masks
        return (1.0 - self.mask_floor) * masks + self.mask_floor / self.n_classes
