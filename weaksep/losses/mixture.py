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
    """``weight``: see the module about its scale. ``inactive_frame_weight``: see ``mixture_loss``; by default frame
    labels are taken literally, as in the paper."""

    weight: float = Field(100.0, ge=0)
    inactive_frame_weight: float | None = Field(None, ge=0)


def kept_frames(magnitude: torch.Tensor) -> torch.Tensor:
    """Frames loud enough to count: magnitude (B, T, F) -> 1.0 or 0.0 (B, T). Silence and padding keep none."""
    sums = magnitude.sum(dim=2)
    loudest = sums.amax(dim=1, keepdim=True)
    return ((sums >= KEPT_SHARE * loudest) & (loudest > 0)).to(magnitude.dtype)


def with_residual(labels: torch.Tensor, n_masks: int) -> torch.Tensor:
    """Labels (..., K), with a class that is always there where there is a mask more than there are classes."""
    if n_masks == labels.shape[-1]:
        return labels
    return torch.cat([labels, torch.ones_like(labels[..., :1])], dim=-1)


def soft_frames(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The soft form of frame labels (ours): the classes of the clip in every frame, and where they are inactive.

    What a class takes in a frame where it is labelled inactive is an error like any other when labels are taken
    literally. For the remix loss that was measured to be worse (egs/urbansound_mix/REMIX.md), for this one it was not.

    Args:
        labels: (..., T, K).

    Returns:
        1.0 for classes that occur in the clip, and 1.0 where such a class is inactive, (..., T, K) each.
    """
    present = labels.amax(dim=-2, keepdim=True).expand_as(labels)
    return present, present - labels


def shares_of(masks: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Sum of the masks (B, K, T, F) over the classes chosen in each frame, (B, T, K); (B, T, F)."""
    return (chosen.transpose(1, 2).unsqueeze(3) * masks).sum(dim=1)


def mixture_loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    labels: torch.Tensor,
    residual_weight: float = 0.0,
    inactive_frame_weight: float | None = None,
) -> torch.Tensor:
    """The formula above, a scalar.

    Args:
        magnitude: mixture X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F); one more than there are labels when the net has a residual output, the last.
        labels: y in {0, 1}, (B, T, K) for frames, or (B, K) for clips, held over all frames.
        residual_weight: cost of what is put into the residual, which may be active whatever the labels say; relative to
            an error of the same size.
        inactive_frame_weight: the soft form of frame labels, and what a class pays for sound in frames where it is
            inactive, relative to an error of the same size; None takes them literally.
    """
    has_residual = masks.shape[1] > labels.shape[-1]
    labels = with_residual(labels, masks.shape[1])
    inactive = None
    if labels.dim() == 2:
        labels = labels.unsqueeze(1).expand(-1, magnitude.shape[1], -1)
    elif inactive_frame_weight is not None:
        labels, inactive = soft_frames(labels)
    rebuilt_share = shares_of(masks, labels)
    leaked_share = masks.sum(dim=1) - rebuilt_share
    # |X - sum y M X| + sum (1 - y) M X with X >= 0 taken out of both terms.
    per_bin = magnitude * ((1.0 - rebuilt_share).abs() + leaked_share)
    if inactive_frame_weight is not None and inactive is not None:
        per_bin = per_bin + inactive_frame_weight * magnitude * shares_of(masks, inactive)
    if has_residual:
        per_bin = per_bin + residual_weight * masks[:, -1] * magnitude
    kept = kept_frames(magnitude)
    return (per_bin.mean(dim=2) * kept).sum() / kept.sum().clamp_min(1.0)


def loss(
    magnitude: torch.Tensor, masks: torch.Tensor, labels: torch.Tensor, settings: Settings, progress: Progress
) -> torch.Tensor:
    """See ``mixture_loss``."""
    residual_weight = settings.residual_weight_at(progress)
    return mixture_loss(magnitude, masks, labels, residual_weight, settings.inactive_frame_weight)
