"""The mixture loss: active classes must rebuild the mixture, inactive ones must be silent.

    L_mix = mean over kept frames n and bins f of ( |X - sum_i y_i M_i X| + sum_i (1 - y_i) M_i X )

(Pishdadian et al., 2020.) X is the magnitude of an STFT divided by the root of its window's energy (signal/stft.py).
At that scale and events of -30 to -25 dB the loss is around 0.01, which is why its usual weight is 100: it lifts the
term to the size of a cross-entropy. Multiply the audio by ten and the same weight means ten times as much.
"""

import torch
from pydantic import Field

from weaksep.losses.settings import Progress, ResidualSettings

# Frames whose magnitude sum is below this share of the clip's largest say nothing and are left out.
KEPT_SHARE = 0.01


class Settings(ResidualSettings):
    """``weight``: see the module about its scale."""

    weight: float = Field(100.0, ge=0)


def kept_frames(magnitude: torch.Tensor) -> torch.Tensor:
    """Frames loud enough to count: magnitude (B, T, F) -> 1.0 or 0.0 (B, T). Silence and padding keep none."""
    sums = magnitude.sum(dim=2)
    loudest = sums.amax(dim=1, keepdim=True)
    return ((sums >= KEPT_SHARE * loudest) & (loudest > 0)).to(magnitude.dtype)


def size(magnitude: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
    """What the mean is over: kept frames."""
    return kept_frames(magnitude).sum()


def with_residual(labels: torch.Tensor, n_masks: int) -> torch.Tensor:
    """Labels (..., K), with a class that is always there where there is a mask more than there are classes."""
    if n_masks == labels.shape[-1]:
        return labels
    return torch.cat([labels, torch.ones_like(labels[..., :1])], dim=-1)


def shares_of(masks: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Sums of the masks (B, K, T, F) over classes, each by its weight: (B, J, K) for whole clips, or (B, J, T, K) for
    their frames; (B, J, T, F)."""
    if chosen.dim() == 3:
        return (chosen @ masks.flatten(2)).unflatten(2, masks.shape[2:])
    return (chosen.transpose(1, 2) @ masks.transpose(1, 2)).transpose(1, 2)


def mixture_loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    labels: torch.Tensor,
    residual_weight: float = 0.0,
) -> torch.Tensor:
    """The formula above, a scalar.

    Args:
        magnitude: mixture X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F); one more than there are labels when the net has a residual output, the last.
        labels: y in {0, 1}, (B, T, K) for frames, or (B, K) for clips.
        residual_weight: cost of what is put into the residual, which may be active whatever the labels say; relative to
            an error of the same size.
    """
    present = with_residual(labels, masks.shape[1])
    price = 1.0 - present
    price[..., labels.shape[-1] :] = residual_weight
    rebuilt_share, charged_share = shares_of(masks, torch.stack([present, price], dim=1)).unbind(dim=1)
    # |X - sum y M X| + sum (1 - y) M X with X >= 0 taken out of both terms.
    per_bin = magnitude * ((1.0 - rebuilt_share).abs() + charged_share)
    kept = kept_frames(magnitude)
    return (per_bin.mean(dim=2) * kept).sum() / kept.sum().clamp_min(1.0)


def loss(
    magnitude: torch.Tensor, masks: torch.Tensor, labels: torch.Tensor, settings: Settings, progress: Progress
) -> torch.Tensor:
    """See ``mixture_loss``."""
    return mixture_loss(magnitude, masks, labels, settings.residual_weight_at(progress))
