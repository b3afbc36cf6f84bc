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
takes there is an error like any other; on mini_urban trainings then stay 4 dB behind those from clip labels
(docs/method/experiments.md). Better is the soft form: in every frame a submixture has all classes of its recording, and
what a class takes in frames where it is inactive costs a small weight more (``inactive_frame_weight``). A class of both
submixtures keeps its frames: they say which of the two it belongs to.

What it identifies, and what it cannot: see docs/method/labels.md.
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


def submixture_shares(masks: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of the masks over the classes of each submixture alone, (B, P, 2, T, F), and of both, (B, P, T, F).

    Args:
        masks: (B, K, T, F).
        labels: classes of the two submixtures in {0, 1}, (B, P, 2, K) or (B, P, 2, T, K).
    """
    both = labels.prod(dim=2)
    alone = (labels - both.unsqueeze(2)).flatten(1, 2)
    return shares_of(masks, alone).unflatten(1, labels.shape[1:3]), shares_of(masks, both)


def split_errors(
    magnitude: torch.Tensor, masks: torch.Tensor, submixtures: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """The formula above without N^, for every way to divide the remix and every frame, (B, P, T), mean over bins.

    Args:
        magnitude: X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F).
        submixtures: t_a and t_b, between 0 and X, (B, P, 2, T, F).
        labels: as for ``submixture_shares``.
    """
    alone, both = submixture_shares(masks, labels)
    errors = torch.addcmul(submixtures, alone, magnitude[:, None, None], value=-1.0)
    if labels.is_cuda or labels.prod(dim=2).any():  # mostly there is no such class; a GPU would have to be waited for
        shared = both * magnitude.unsqueeze(1)
        explained = torch.minimum(errors[:, :, 0].clamp_min(0.0), shared)  # s_a
        errors = errors - torch.stack([explained, shared - explained], dim=2)
    return errors.abs().mean(dim=4).sum(dim=2)


def soft_submixtures(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The soft form of frame labels: the submixtures' classes for every frame, and where a present class is inactive.
    A class of both keeps its frames.

    Args:
        labels: (B, P, 2, T, K).

    Returns:
        (B, P, 2, T, K), and 1.0 where a class is present and inactive, (B, P, T, K).
    """
    present = labels.amax(dim=3, keepdim=True).expand_as(labels)
    shared = present.prod(dim=2, keepdim=True) > 0
    soft = torch.where(shared, labels, present)
    return soft, soft.amax(dim=2) - labels.amax(dim=2)


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
    n_classes, splits = labels.shape[-1], labels.shape[1]
    labels = with_residual(labels, masks.shape[1])
    if split_weights is None:
        split_weights = magnitude.new_full((len(magnitude), splits), 1.0 / splits)
    inactive = torch.zeros_like(labels[:, :, 0])
    if inactive_frame_weight is not None and labels.dim() == 5:
        labels, inactive = soft_submixtures(labels)
    # What sound in an output costs by itself, beside the errors that it makes: in a class of neither submixture, all.
    price = 1.0 - labels.amax(dim=2) + (inactive_frame_weight or 0.0) * inactive
    price = torch.einsum("bp,bp...->b...", split_weights, price)
    price[..., n_classes:] = residual_weight
    errors = split_errors(magnitude, masks, submixtures, labels)
    charged = (shares_of(masks, price.unsqueeze(1)).squeeze(1) * magnitude).mean(dim=2)
    kept = kept_frames(magnitude)
    per_frame = (split_weights.unsqueeze(2) * errors).sum(dim=1) + charged
    return (per_frame * kept).sum() / kept.sum().clamp_min(1.0)


def size(magnitude: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
    """What the mean is over: kept frames."""
    return kept_frames(magnitude).sum()


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
