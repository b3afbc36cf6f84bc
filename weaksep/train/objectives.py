"""What is minimised: batches, one for each kind of supervision in a step -> a loss and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from weaksep.feats.batch import Batch
from weaksep.losses.classification import assess
from weaksep.losses.registry import OPTIONAL, number_of_clips
from weaksep.losses.settings import Progress
from weaksep.nets.classifier import Classifier
from weaksep.train.parts import Term

Losses = dict[str, torch.Tensor]


class Share(NamedTuple):
    """How a batch counts that is one process's part of a larger one (train/shared.py).

    Attributes:
        clips: of its kind of supervision, in all processes.
        losses: by its name, what each loss of the batch is multiplied by.
    """

    clips: torch.Tensor
    losses: Losses

    @staticmethod
    def scaled(share: Share | None, name: str, value: torch.Tensor) -> torch.Tensor:
        """A loss of a batch as it counts; as it is, if the batch is whole."""
        return value if share is None else value * share.losses[name]


def clips_of(batches: Sequence[Batch], shares: Sequence[Share | None]) -> list[int | torch.Tensor]:
    """How many clips each batch counts for."""
    return [len(batch) if share is None else share.clips for batch, share in zip(batches, shares, strict=True)]


def freeze(classifier: Classifier) -> None:
    """Fix a classifier: no gradient to its weights, no dropout, but a gradient to its input.

    cuDNN gives no gradient through a recurrent layer in evaluation mode, so those stay in training mode, without
    dropout.
    """
    classifier.eval().requires_grad_(False)
    for module in classifier.modules():
        if isinstance(module, nn.LSTM):
            module.dropout = 0.0
            module.train()


def weighted_sum(parts: Sequence[tuple[int | torch.Tensor, Losses]]) -> Losses:
    """Losses of a whole step from those of its batches, each given with its number of clips."""
    if len(parts) == 1:
        return parts[0][1]
    clips = sum(count for count, _ in parts)
    total: Losses = {}
    for count, losses in parts:
        for name, value in losses.items():
            total[name] = total.get(name, 0.0) + value * (count / clips)
    return total


class ClassifierObjective(nn.Module):
    """BCE of a classifier on mixtures, from frame labels, clip labels or some of both."""

    class_weights: torch.Tensor
    terms: Mapping[str, Term] = {}

    def __init__(self, classifier: Classifier, class_weights: torch.Tensor) -> None:
        super().__init__()
        self.net = classifier
        self.register_buffer("class_weights", class_weights)

    def sizes(self, batch: Batch) -> Losses:
        """What each loss's mean over a batch is over, as a number, by the loss's name."""
        return {"loss": number_of_clips(batch.magnitude, batch.frames)}

    def forward(self, batches: Sequence[Batch], progress: Progress, shares: Sequence[Share] | None = None) -> Losses:
        """Parts of the loss; "loss" is their weighted sum."""
        own: Sequence[Share | None] = shares or [None] * len(batches)
        losses = [self._loss(batch, share) for batch, share in zip(batches, own, strict=True)]
        return weighted_sum(list(zip(clips_of(batches, own), losses, strict=True)))

    def _loss(self, batch: Batch, share: Share | None) -> Losses:
        assert batch.labels is not None
        own = assess(self.net, batch.magnitude, batch.labels, self.class_weights, batch.frames).mean()
        return {"loss": Share.scaled(share, "loss", own)}


class SeparatorObjective(nn.Module):
    """The losses of a separator; a classifier that they ask for is frozen, or trained jointly (``joint``)."""

    class_weights: torch.Tensor

    def __init__(
        self,
        separator: nn.Module,
        terms: Mapping[str, Term],
        classifier: Classifier | None = None,
        class_weights: torch.Tensor | None = None,
        joint: bool = False,
    ) -> None:
        super().__init__()
        self.net = separator
        self.terms = dict(terms)
        self.classifier = classifier
        self.register_buffer("class_weights", class_weights)
        self.joint = joint
        self.train()

    def train(self, mode: bool = True) -> SeparatorObjective:
        """As in torch, except that a frozen classifier stays frozen."""
        super().train(mode)
        if self.classifier is not None and not self.joint:
            freeze(self.classifier)
        return self

    def sizes(self, batch: Batch) -> Losses:
        """As of a ``ClassifierObjective``."""
        sizes = {name: term.loss.size(batch.magnitude, batch.frames) for name, term in self.terms.items()}
        return {"classifier": number_of_clips(batch.magnitude, batch.frames), **sizes}

    def forward(self, batches: Sequence[Batch], progress: Progress, shares: Sequence[Share] | None = None) -> Losses:
        """Parts of the loss, as each loss gives it; "loss" is their weighted sum."""
        own_shares: Sequence[Share | None] = shares or [None] * len(batches)
        # The separator sees all clips at once: its cost is that of a batch of one kind.
        clips = [clip for batch in batches for clip in batch.magnitude]
        masks = self.net(pad_sequence(clips, batch_first=True)).split([len(batch) for batch in batches])
        losses = [
            self._losses(batch, own[:, :, : batch.magnitude.shape[1]], progress, share)
            for batch, own, share in zip(batches, masks, own_shares, strict=True)
        ]
        return weighted_sum(list(zip(clips_of(batches, own_shares), losses, strict=True)))

    def _losses(self, batch: Batch, masks: torch.Tensor, progress: Progress, share: Share | None) -> Losses:
        """Every loss for which all is known that it asks for."""
        given = {
            **vars(batch),
            "masks": masks,
            "classifier": self.classifier,
            "class_weights": self.class_weights,
            "progress": progress,
        }
        total, parts = masks.new_zeros(()), {}
        for name, term in self.terms.items():
            values = {need: given[need] for need in term.loss.needs - {"settings"}}
            if any(value is None for need, value in values.items() if need not in OPTIONAL):
                continue
            if self.joint and "classifier" in values:
                # From the first step: the classifier has to know the classes before it says anything of sources.
                assert self.classifier is not None and batch.labels is not None
                own = assess(self.classifier, batch.magnitude, batch.labels, self.class_weights, batch.frames).mean()
                parts["classifier"] = Share.scaled(share, "classifier", own)
                total = total + term.settings.weight * parts["classifier"]
            weight = term.settings.weight_at(progress)
            if weight > 0:
                value = term.loss.function(**values, settings=term.settings)
                parts[name] = Share.scaled(share, name, value)
                total = total + weight * parts[name]
        return {"loss": total if parts else masks.sum() * 0.0, **parts}
