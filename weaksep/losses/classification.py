"""The classification loss: each separated source must sound like its own class and like no other.

    L_cls = BCE(C(X), y) + sum_i BCE(C(M_i X), y * e_i)

(Pishdadian et al., 2020.) C(.) are class probabilities, per frame at the classifier's own frame rate or pooled to the
clip; e_i is the i-th unit vector, so the i-th source is asked for class i, in the frames (or clips) where class i is
active, and for nothing else. With the classifier frozen the first term is a constant and is not computed.
"""

from typing import Protocol

import torch
from torch.nn import functional

from weaksep.losses.settings import LossSettings
from weaksep.signal.frames import pool_frames

PROBABILITY_FLOOR = 1e-6


class Settings(LossSettings):
    """``active_sources_only``: only sources of classes that occur in the clip are classified."""

    active_sources_only: bool = False


class Classifier(Protocol):
    """What the loss asks of a classifier; weaksep.nets.classifiers has three."""

    time_pooling: int

    def __call__(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> frame logits (B, ceil(T / time_pooling), K)."""

    def clip_probabilities(self, magnitude: torch.Tensor, frames: torch.Tensor | None = None) -> torch.Tensor:
        """Magnitude (B, T, F), and where it is no padding (B, T), -> clip probabilities (B, K)."""


def inverse_prior_weights(priors: torch.Tensor) -> torch.Tensor:
    """Weight of each class in the frame loss, (K,): 1 / prior, scaled to a mean of 1.

    The scaling is ours: it keeps the loss's size, and so the meaning of its weight, whatever the classes' priors.
    """
    weights = 1.0 / priors.clamp_min(1e-3)
    return weights / weights.mean()


def frame_bce(
    logits: torch.Tensor, labels: torch.Tensor, class_weights: torch.Tensor, valid: torch.Tensor | None = None
) -> torch.Tensor:
    """Weighted binary cross-entropy, mean over frames and classes of each item: (B, T', K) -> (B,).

    ``valid``, (B, T', 1), is 1.0 where an item has a frame; None when there is no padding.
    """
    losses = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none") * class_weights
    if valid is None:
        return losses.mean(dim=(1, 2))
    return (losses * valid).sum(dim=(1, 2)) / (valid.sum(dim=(1, 2)) * logits.shape[2])


def clip_bce(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of pooled probabilities, mean over classes of each item: (B, K) -> (B,)."""
    clamped = probabilities.clamp(PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    return functional.binary_cross_entropy(clamped, labels, reduction="none").mean(dim=1)


def assess(
    classifier: Classifier,
    magnitude: torch.Tensor,
    labels: torch.Tensor,
    class_weights: torch.Tensor,
    frames: torch.Tensor | None = None,
) -> torch.Tensor:
    """BCE(C(magnitude), labels) of each item, (B,); labels (B, T, K) ask frames, (B, K) ask the clip.

    ``frames``, (B, T), is 1.0 where an item has a frame; None when there is no padding.
    """
    if labels.dim() == 2:
        return clip_bce(classifier.clip_probabilities(magnitude, frames), labels)
    pooling = classifier.time_pooling
    valid = None if frames is None else pool_frames(frames.unsqueeze(2), pooling)
    return frame_bce(classifier(magnitude), pool_frames(labels, pooling), class_weights, valid)


def source_classification_loss(
    classifier: Classifier,
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    labels: torch.Tensor,
    class_weights: torch.Tensor,
    active_only: bool = False,
    frames: torch.Tensor | None = None,
) -> torch.Tensor:
    """The second term: sum over the sources of BCE(C(M_i X), y * e_i), mean over the batch; a scalar.

    Args:
        classifier: gives frame logits and clip probabilities.
        magnitude: mixture X, (B, T, F).
        masks: M, (B, K, T, F), or with more than K: what is left of the classes is not looked at.
        labels: y, (B, T, K) for frames or (B, K) for clips.
        class_weights: (K,), used with frame labels.
        active_only: only the sources of classes that occur in the clip; the mixture loss already silences the others,
            and the classifier then runs on as many spectrograms as there are active classes.
        frames: 1.0 where a clip has a frame, (B, T); None when there is no padding.
    """
    n_clips, n_classes = masks.shape[0], labels.shape[-1]
    occurs = labels if labels.dim() == 2 else labels.amax(dim=1)
    asked = occurs > 0 if active_only else torch.ones_like(occurs, dtype=torch.bool)
    clip_index, class_index = asked.nonzero(as_tuple=True)
    if none := not clip_index.numel():  # one pair at no weight: the processes of a training call a classifier alike
        clip_index, class_index = clip_index.new_zeros((2, 1))
    separated = masks[clip_index, class_index] * magnitude[clip_index]  # (P, T, F)
    unit = functional.one_hot(class_index, n_classes).to(labels.dtype)  # e_i, (P, K)
    targets = labels[clip_index] * (unit if labels.dim() == 2 else unit.unsqueeze(1))
    frames = None if frames is None else frames[clip_index]
    total = assess(classifier, separated, targets, class_weights, frames).sum() / n_clips
    return total * 0.0 if none else total


def loss(
    magnitude: torch.Tensor,
    masks: torch.Tensor,
    labels: torch.Tensor,
    frames: torch.Tensor | None,
    classifier: Classifier,
    class_weights: torch.Tensor,
    settings: Settings,
) -> torch.Tensor:
    """The second term; of a net with a residual output, what belongs to no class must sound like none too (ours)."""
    total = source_classification_loss(
        classifier, magnitude, masks, labels, class_weights, settings.active_sources_only, frames
    )
    if masks.shape[1] > labels.shape[-1]:
        residual = masks[:, -1] * magnitude
        total = total + assess(classifier, residual, torch.zeros_like(labels), class_weights, frames).mean()
    return total
