"""The strongly supervised baseline: L1 between the masked mixture and the reference, truncated at the mixture.

    L_strong = mean over classes, frames, bins of | M_i X - min(|S_i|, X) |

All K classes count; the target of an absent class is silence. A mask in [0, 1] can reach min(|S_i|, X) and no more.
"""

from typing import Literal

import torch
from pydantic import Field

from weaksep.losses.settings import LossSettings


class Settings(LossSettings):
    """``over_classes``: their mean, or their sum as in the mixture loss: among clips with weak labels, a clip with
    sources then weighs as much as the others."""

    weight: float = Field(100.0, ge=0)
    over_classes: Literal["mean", "sum"] = "mean"


def strong_loss(
    magnitude: torch.Tensor, masks: torch.Tensor, sources: torch.Tensor, frames: torch.Tensor | None = None
) -> torch.Tensor:
    """The formula above, a scalar.

    Args:
        magnitude: mixture X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F), or with more than K: a residual output is asked for nothing.
        sources: magnitudes |S| of the references, (B, K, T, F), zero where a class is absent; with that of the
            background, the target of a residual output, one more.
        frames: 1.0 where a clip has a frame, (B, T); None when there is no padding.
    """
    mixture, n_classes = magnitude.unsqueeze(1), sources.shape[1]
    errors = (masks[:, :n_classes] * mixture - torch.minimum(sources, mixture)).abs()
    if frames is None:
        return errors.mean()
    return (errors.mean(dim=(1, 3)) * frames).sum() / frames.sum()


def loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    sources: torch.Tensor,
    frames: torch.Tensor | None,
    settings: Settings,
) -> torch.Tensor:
    """See ``strong_loss``."""
    mean = strong_loss(magnitude, masks, sources, frames)
    return mean * sources.shape[1] if settings.over_classes == "sum" else mean
