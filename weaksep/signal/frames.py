"""Fewer frames: max over runs of frames, as nets that shorten time have them."""

import torch
from torch.nn import functional


def pool_frames(values: torch.Tensor, factor: int) -> torch.Tensor:
    """Max over runs of ``factor`` frames: (B, T, K) -> (B, ceil(T / factor), K); values are 0 or more."""
    if factor == 1:
        return values
    return functional.pad(values, (0, 0, 0, -values.shape[1] % factor)).unflatten(1, (-1, factor)).amax(dim=2)
