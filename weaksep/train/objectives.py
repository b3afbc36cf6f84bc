"""What is minimised: batches, one for each kind of supervision in a step -> a loss and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from weaksep.feats.batch import Batch
from weaksep.losses.classification import assess
from weaksep.losses.registry import OPTIONAL
from weaksep.losses.settings import Progress
from weaksep.nets.classifier import Classifier
from weaksep.train.parts import Term

Losses = dict[str, torch.Tensor]


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


def weighted_sum(parts: Sequence[tuple[int, Losses]]) -> Losses:
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

    def forward(self, batches: Sequence[Batch], progress: Progress) -> Losses:
        """Parts of the loss; "loss" is their weighted sum."""
        return weighted_sum([(len(batch), self._loss(batch)) for batch in batches])

    def _loss(self, batch: Batch) -> Losses:
        assert batch.labels is not None
        return {"loss": assess(self.net, batch.magnitude, batch.labels, self.class_weights, batch.frames).mean()}


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

    def forward(self, batches: Sequence[Batch], progress: Progress) -> Losses:
        """Parts of the loss, as each loss gives it; "loss" is their weighted sum."""
        # The separator sees all clips at once: its cost is that of a batch of one kind.
        clips = [clip for batch in batches for clip in batch.magnitude]
        masks = self.net(pad_sequence(clips, batch_first=True)).split([len(batch) for batch in batches])
        return weighted_sum(
            [
                (len(batch), self._losses(batch, own[:, :, : batch.magnitude.shape[1]], progress))
                for batch, own in zip(batches, masks, strict=True)
            ]
        )

    def _losses(self, batch: Batch, masks: torch.Tensor, progress: Progress) -> Losses:
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
                parts["classifier"] = own
                total = total + term.settings.weight * own
            weight = term.settings.weight_at(progress)
            if weight > 0:
                parts[name] = term.loss.function(**values, settings=term.settings)
                total = total + weight * parts[name]
        return {"loss": total if parts else masks.sum() * 0.0, **parts}
