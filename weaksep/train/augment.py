"""Make a classifier at home on separated sources: train it on mixtures behind random masks.

An assessor that has only heard whole mixtures can be talked into anything by a mask that bends its features; random
gains and coarse random masks, under which the labels still hold, make it harder to fool.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from weaksep.train.config import AugmentConfig


def random_masks(magnitude: torch.Tensor, config: AugmentConfig) -> torch.Tensor:
    """Coarse masks (B, T, F) in [0, 1]: blocks dropped or attenuated, and one gain for each clip.

    Draws from torch's global generator, which the loop seeds at every epoch.
    """
    batch, frames, bins = magnitude.shape
    shape = (batch, 1, -(-frames // config.block_frames), -(-bins // config.block_bins))
    device = magnitude.device
    blocks = 1.0 - config.attenuation * torch.rand(shape, device=device)
    blocks = blocks * (torch.rand(shape, device=device) >= config.drop_share)
    scale = (config.block_frames, config.block_bins)
    fine = functional.interpolate(blocks, scale_factor=scale, mode="nearest")[:, 0, :frames, :bins]
    gain_db = config.lowest_gain_db * torch.rand((batch, 1, 1), device=device)
    return fine * 10.0 ** (gain_db / 20.0)


def augment(magnitude: torch.Tensor, config: AugmentConfig) -> torch.Tensor:
    """Magnitude (B, T, F) behind random masks; a share of the clips stays whole."""
    whole = torch.rand((magnitude.shape[0], 1, 1), device=magnitude.device) < config.whole_share
    return magnitude * torch.where(whole, 1.0, random_masks(magnitude, config))
