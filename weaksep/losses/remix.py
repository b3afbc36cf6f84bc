"""The remix loss: when two recordings are remixed, the classes of each must give back its share of the remix.

Let a and b be recordings of which only the classes are known, y_a and y_b, and X the magnitude of the STFT of their
sum, the remix. It consists of two *submixtures*, whose magnitudes |A| and |B| are known since we added them up
ourselves; a mask in [0, 1] can reach min(|A|, X) and no more. With

    A^ = sum of M_i X over classes of a alone      B^ the same of b      S^ over classes of both      N^ over the others

the loss of a bin is

    min over s_a + s_b = S^, s >= 0   of   | t_a - A^ - s_a | + | t_b - B^ - s_b |     +    N^

so that a class of both submixtures may explain either. The minimum has a closed form: s_a = clamp(t_a - A^, 0, S^). A
submixture of one class is what strong training has; a remix of one recording and nothing is the mixture loss
(losses/mixture.py), whose mean over kept frames, and so its scale, is the same here.

Frame labels say in which frames a class is silent. Taken literally (y_a and y_b frame by frame), all that a class
takes there is an error like any other; on mini_urban trainings then stay 4 dB behind those from clip labels (REMIX.md).
Better is the soft form: in every frame a submixture has all classes of its recording, and what a class takes in frames
where it is inactive costs a small weight more (``inactive_frame_weight``). A class of both submixtures keeps its
frames: they say which of the two it belongs to.

What it identifies, and what it cannot: see egs/urbansound_mix/REMIX.md.
"""

import torch
from pydantic import Field

from weaksep.losses.mixture import kept_frames, shares_of, with_residual
from weaksep.losses.settings import Progress, ResidualSettings


class Settings(ResidualSettings):
    """``inactive_frame_weight``: with frame labels, what a class pays for sound in frames where it is labelled
    inactive, beside the error that it makes of the submixtures; null takes frame labels literally."""

    weight: float = Field(100.0, ge=0)
    inactive_frame_weight: float | None = Field(0.2, ge=0)


def submixture_shares(masks: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Sums of the masks over the classes of the first submixture alone, the second alone, and both; (B, T, F) each.

    Args:
        masks: (B, K, T, F).
        labels: classes of the two submixtures in {0, 1}, (B, 2, K) or (B, 2, T, K).
    """
    first, second = labels.unbind(dim=1)
    chosen = torch.stack([first * (1 - second), second * (1 - first), first * second], dim=-2)  # (B, [T,] 3, K)
    if labels.dim() == 3:
        shares = (chosen @ masks.flatten(2)).unflatten(2, masks.shape[2:])
    else:
        shares = (chosen @ masks.transpose(1, 2)).transpose(1, 2)
    return shares.unbind(dim=1)


def split_loss(
    magnitude: torch.Tensor, masks: torch.Tensor, submixtures: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """The formula above for every bin, (B, T, F).

    Args:
        magnitude: X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F).
        submixtures: t_a and t_b, between 0 and X, (B, 2, T, F).
        labels: as for ``submixture_shares``.
    """
    own, other, shared = submixture_shares(masks, labels)
    leaked = masks.sum(dim=1) - own - other - shared
    first, second = submixtures.unbind(dim=1)
    left = first - own * magnitude
    explained = torch.minimum(left.clamp_min(0.0), shared * magnitude)  # s_a
    right = second - other * magnitude - (shared * magnitude - explained)
    return (left - explained).abs() + right.abs() + leaked * magnitude


def soft_submixtures(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The soft form of frame labels: the submixtures' classes for every frame, and where a present class is inactive.
    A class of both keeps its frames.

    Args:
        labels: (B, 2, T, K).

    Returns:
        (B, 2, T, K), and 1.0 where a class is present and inactive, (B, T, K).
    """
    present = labels.amax(dim=-2, keepdim=True).expand_as(labels)
    shared = present.prod(dim=1, keepdim=True) > 0
    soft = torch.where(shared, labels, present)
    return soft, soft.amax(dim=1) - labels.amax(dim=1)


def remix_loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    submixtures: torch.Tensor,
    labels: torch.Tensor,
    residual_weight: float = 0.0,
    split_weights: torch.Tensor | None = None,
    inactive_frame_weight: float | None = None,
) -> torch.Tensor:
    """Mean of the formula over kept frames and bins, and over splits by their weights; a scalar.

    Args:
        magnitude: X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F); one more than there are labels when the net has a residual output, the last.
        submixtures: targets of P ways to divide the remix in two, (B, P, 2, T, F), between 0 and X.
        labels: classes of the submixtures, (B, P, 2, K) for clips or (B, P, 2, T, K) for frames.
        residual_weight: cost of what is put into the residual, which may explain anything; relative to an error of the
            same size.
        split_weights: of the ways to divide each remix, (B, P); all alike by default. A remix of fewer recordings than
            others of its batch has fewer ways; one that says nothing ("nothing against all", the mixture loss) must not
            take the place of one that does.
        inactive_frame_weight: the soft form of frame labels, see the module; None takes them literally.
    """
    has_residual = masks.shape[1] > labels.shape[-1]
    labels = with_residual(labels, masks.shape[1])
    splits = labels.shape[1]
    if split_weights is None:
        split_weights = magnitude.new_full((len(magnitude), splits), 1.0 / splits)
    per_bin = torch.zeros_like(magnitude)
    for p in range(splits):
        asked, cost = labels[:, p], torch.zeros_like(magnitude)
        if inactive_frame_weight is not None and asked.dim() == 4:
            asked, inactive = soft_submixtures(asked)
            cost = inactive_frame_weight * magnitude * shares_of(masks, inactive)
        cost = cost + split_loss(magnitude, masks, submixtures[:, p], asked)
        per_bin = per_bin + split_weights[:, p, None, None] * cost
    if has_residual:
        per_bin = per_bin + residual_weight * masks[:, -1] * magnitude
    kept = kept_frames(magnitude)
    return (per_bin.mean(dim=2) * kept).sum() / kept.sum().clamp_min(1.0)


def loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    submixtures: torch.Tensor,
    submixture_labels: torch.Tensor,
    split_weights: torch.Tensor,
    settings: Settings,
    progress: Progress,
) -> torch.Tensor:
    """See ``remix_loss``."""
    return remix_loss(
        magnitude,
        masks,
        submixtures,
        submixture_labels,
        settings.residual_weight_at(progress),
        split_weights,
        settings.inactive_frame_weight,
    )
