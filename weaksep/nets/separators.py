"""Mask estimators: magnitude (B, T, F) -> masks (B, K, T, F). What all of them share, and the paper's BLSTM.

The other trunks are in unet.py, bandsplit.py and tcn.py; build.py knows them by ``kind``.
"""

from __future__ import annotations

import torch
from torch import nn

from weaksep.nets.config import SeparatorConfig
from weaksep.nets.frontend import NormalisedLog


class MaskSeparator(nn.Module):
    """Everything around a trunk: normalised log magnitude in front of it, masks behind it.

    mask "sigmoid" (the paper's): each class on its own, in [0, 1].
    mask "softmax" (ours): classes share each bin, so the sources sum to the mixture by construction.

    With ``residual`` there is a mask more than there are classes, the last, for what belongs to none of them.

    A trunk gives ``logits``. In evaluation mode those of a clip must not depend on the clips beside it, nor on means
    over the whole clip, because a long recording is separated in pieces.

    Attributes:
        temperature: what the logits are divided by: 1 in training, afterwards as train/calibrate.py has chosen.
        frames_per_step: a trunk that shortens time makes the same of a sound only where it begins at a multiple of so
            many frames; the pieces of a recording do.
    """

    frames_per_step = 1

    def __init__(self, config: SeparatorConfig, n_classes: int, n_bins: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.n_masks = n_classes + config.residual
        self.mask = config.mask
        self.mask_floor = config.mask_floor
        self.temperature = 1.0
        self.frontend = NormalisedLog(n_bins)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Normalised log magnitude (B, T, F) -> logits of the masks (B, K, T, F), one more with ``residual``."""
        raise NotImplementedError

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> masks (B, K, T, F), one more with ``residual``."""
        return self.masks(self.logits(self.frontend(magnitude)))

    def masks(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (B, K, T, F) -> masks of that shape."""
        if self.temperature != 1.0:
            logits = logits / self.temperature
        masks = logits.softmax(dim=1) if self.mask == "softmax" else logits.sigmoid()
        if self.mask_floor == 0:
            return masks
        return (1.0 - self.mask_floor) * masks + self.mask_floor / self.n_masks


class BlstmSeparator(MaskSeparator):
    """The paper's separator: BLSTM layers over the frames, one linear layer to K masks."""

    def __init__(self, config: SeparatorConfig, n_classes: int, n_bins: int) -> None:
        super().__init__(config, n_classes, n_bins)
        self.blstm = nn.LSTM(
            n_bins,
            config.units,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.output = nn.Linear(2 * config.units, self.n_masks * n_bins)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """See ``MaskSeparator``."""
        hidden, _ = self.blstm(features)
        return self.output(hidden).unflatten(2, (self.n_masks, -1)).transpose(1, 2)
