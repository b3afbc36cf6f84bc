"""The strongly supervised baseline: L1 between the masked mixture and the reference, truncated at the mixture.

    L_strong = mean over classes, frames, bins of | M_i X - min(|S_i|, X) |

All K classes count; the target of an absent class is silence. A mask in [0, 1] can reach min(|S_i|, X) and no more.
"""

from typing import Literal

import torch
from pydantic import Field

from weaksep.losses.settings import Progress, ResidualSettings


class Settings(ResidualSettings):
    """``over_classes``: their mean, or their sum as in the mixture loss: among clips with weak labels, a clip with
    sources then weighs as much as the others."""

    weight: float = Field(100.0, ge=0)
    over_classes: Literal["mean", "sum"] = "mean"


def strong_loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    sources: torch.Tensor,
    frames: torch.Tensor | None = None,
    background: torch.Tensor | None = None,
    residual_weight: float = 0.0,
) -> torch.Tensor:
    """The formula above, a scalar.

    Args:
        magnitude: mixture X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F); one more with a residual output, the last.
        sources: magnitudes |S| of the references, (B, K, T, F), zero where a class is absent.
        frames: 1.0 where a clip has a frame, (B, T); None when there is no padding.
        background: its magnitude, (B, T, F), the target of a residual output, which then counts like a class; without,
            that output has no target.
        residual_weight: cost of what is put into the residual, relative to an error of the same size.
    """
    mixture, n_classes = magnitude.unsqueeze(1), sources.shape[1]
    targets = sources if background is None else torch.cat([sources, background.unsqueeze(1)], dim=1)
    own = masks[:, : targets.shape[1]]
    errors = torch.addcmul(torch.minimum(targets, mixture), own, mixture, value=-1.0).abs()
    per_bin = errors.mean(dim=1)
    if masks.shape[1] > n_classes and residual_weight:
        per_bin = per_bin + residual_weight * masks[:, -1] * magnitude / targets.shape[1]
    if frames is None:
        return per_bin.mean()
    return (per_bin.mean(dim=2) * frames).sum() / frames.sum()


def size(magnitude: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
    """What the mean is over: frames."""
    return magnitude.new_full((), magnitude.shape[0] * magnitude.shape[1]) if frames is None else frames.sum()


def loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    sources: torch.Tensor,
    frames: torch.Tensor | None,
    background: torch.Tensor | None,
    settings: Settings,
    progress: Progress,
) -> torch.Tensor:
    """See ``strong_loss``."""
    price = settings.residual_weight_at(progress)
    mean = strong_loss(magnitude, masks, sources, frames, background, price)
    targets = sources.shape[1] + (background is not None)
    return mean * targets if settings.over_classes == "sum" else mean
