"""One objective for each kind of training: a batch of tensors -> a loss and its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from weaksep.feats.dataset import Batch
from weaksep.feats.mixed import MixedBatch
from weaksep.losses.classification import assess, residual_classification_loss, source_classification_loss
from weaksep.losses.mixture import mixture_loss
from weaksep.losses.remix import remix_loss
from weaksep.losses.strong import strong_loss
from weaksep.nets.classifiers import Classifier
from weaksep.train.config import LossConfig
from weaksep.train.schedule import Weights


@dataclass(frozen=True)
class TensorBatch:
    """A ``Batch`` on the device, with the same fields."""

    magnitude: torch.Tensor
    labels: torch.Tensor | None
    sources: torch.Tensor | None
    sides: torch.Tensor | None = None
    side_labels: torch.Tensor | None = None
    split_weights: torch.Tensor | None = None


@dataclass(frozen=True)
class MixedTensorBatch:
    """A ``MixedBatch`` on the device: clips of different supervision, those of one kind together."""

    parts: tuple[TensorBatch, ...]


AnyBatch = TensorBatch | MixedTensorBatch


def parts_of(batch: AnyBatch) -> tuple[TensorBatch, ...]:
    """The batches of one kind that a batch is made of."""
    return batch.parts if isinstance(batch, MixedTensorBatch) else (batch,)


def to_device(batch: Batch | MixedBatch, device: torch.device) -> AnyBatch:
    """Move a batch to the device."""
    if isinstance(batch, MixedBatch):
        return MixedTensorBatch(tuple(_move(part, device) for part in batch.parts))
    return _move(batch, device)


def _move(batch: Batch, device: torch.device) -> TensorBatch:

    def move(array: np.ndarray | None) -> torch.Tensor | None:
        if array is None:
            return None
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

    magnitude = move(batch.magnitude)
    assert magnitude is not None
    others = (batch.labels, batch.sources, batch.sides, batch.side_labels, batch.split_weights)
    return TensorBatch(magnitude, *map(move, others))


def freeze(classifier: Classifier) -> None:
    """Fix a classifier as an assessor: no gradient to its weights, no dropout, but a gradient to its input.

    cuDNN gives no gradient through a recurrent layer in evaluation mode, so those stay in training mode, without
    dropout.
    """
    classifier.eval().requires_grad_(False)
    for module in classifier.modules():
        if isinstance(module, nn.LSTM):
            module.dropout = 0.0
            module.train()


Losses = dict[str, torch.Tensor]


def weighted_sum(parts: Sequence[tuple[int, Losses]]) -> Losses:
    """Losses of a whole batch from those of its parts, each given with its number of clips."""
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

    def __init__(self, classifier: Classifier, class_weights: torch.Tensor) -> None:
        super().__init__()
        self.net = classifier
        self.register_buffer("class_weights", class_weights)

    def forward(self, batch: AnyBatch, weights: Weights) -> Losses:
        """Parts of the loss; "loss" is their weighted sum."""
        return weighted_sum([(len(part.magnitude), self._loss(part)) for part in parts_of(batch)])

    def _loss(self, part: TensorBatch) -> Losses:
        assert part.labels is not None
        return {"loss": assess(self.net, part.magnitude, part.labels, self.class_weights).mean()}


class StrongObjective(nn.Module):
    """L1 against the references, at the mixture loss's weight."""

    def __init__(self, separator: nn.Module, config: LossConfig) -> None:
        super().__init__()
        self.net = separator
        self.weight = config.mixture_weight

    def forward(self, batch: TensorBatch, weights: Weights) -> Losses:
        """Parts of the loss; "loss" is their weighted sum."""
        return strong_losses(batch, self.net(batch.magnitude), self.weight)


def strong_losses(batch: TensorBatch, masks: torch.Tensor, weight: float) -> Losses:
    """Parts of the strong loss for masks (B, K, T, F)."""
    assert batch.sources is not None
    classes = batch.sources.shape[1]  # a residual output is asked for nothing
    strong = strong_loss(batch.magnitude, masks[:, :classes], batch.sources)
    return {"loss": weight * strong, "strong": strong}


class WeakObjective(nn.Module):
    """Mixture loss and classification loss, from frame or clip labels; the classifier frozen or trained along.

    Clips of a mixed batch that come with their sources have the strong loss instead, summed over the classes (and not
    their mean), as the mixture loss is: a clip then weighs as much whatever is known of it.
    """

    class_weights: torch.Tensor

    def __init__(
        self,
        separator: nn.Module,
        classifier: Classifier | None,
        class_weights: torch.Tensor,
        config: LossConfig,
        joint: bool,
    ) -> None:
        super().__init__()
        self.net = separator
        self.classifier = classifier
        self.register_buffer("class_weights", class_weights)
        self.config = config
        self.joint = joint
        self.train()

    def train(self, mode: bool = True) -> WeakObjective:
        """As in torch, except that a frozen classifier stays frozen."""
        super().train(mode)
        if self.classifier is not None and not self.joint:
            freeze(self.classifier)
        return self

    def forward(self, batch: AnyBatch, weights: Weights) -> Losses:
        """Parts of the loss; "loss" is their weighted sum."""
        parts = parts_of(batch)
        sizes = [len(part.magnitude) for part in parts]
        # The separator sees all clips at once: its cost is that of a batch of one kind.
        masks = self.net(torch.cat([part.magnitude for part in parts]) if len(parts) > 1 else parts[0].magnitude)
        losses = []
        for part, own in zip(parts, masks.split(sizes), strict=True):
            if part.sources is not None:
                losses.append(strong_losses(part, own, self.config.mixture_weight * part.sources.shape[1]))
            else:
                losses.append(self._weak_losses(part, own, weights))
        return weighted_sum(list(zip(sizes, losses, strict=True)))

    def _rebuilding_loss(
        self, batch: TensorBatch, masks: torch.Tensor, residual_weight: float
    ) -> tuple[str, torch.Tensor]:
        """The mixture loss, or for sums of clips the remix loss."""
        assert batch.labels is not None
        if batch.sides is None:
            return "mixture", mixture_loss(batch.magnitude, masks, batch.labels, residual_weight)
        assert batch.side_labels is not None and batch.split_weights is not None
        splits = (batch.sides, batch.side_labels, residual_weight, batch.split_weights, self.config.quiet_weight)
        return "remix", remix_loss(batch.magnitude, masks, *splits)

    def _weak_losses(self, batch: TensorBatch, masks: torch.Tensor, weights: Weights) -> Losses:
        assert batch.labels is not None
        name, rebuilt = self._rebuilding_loss(batch, masks, weights.residual)
        parts = {"loss": self.config.mixture_weight * rebuilt, name: rebuilt}
        if self.classifier is None:
            return parts
        if self.joint:
            # Also before the ramp: the classifier has to know the classes before it may judge.
            own = assess(self.classifier, batch.magnitude, batch.labels, self.class_weights).mean()
            parts |= {"classifier": own, "loss": parts["loss"] + self.config.classification_weight * own}
        if weights.classification > 0:
            judged = self._judged(batch, masks)
            parts |= {**judged, "loss": parts["loss"] + weights.classification * sum(judged.values())}
        return parts

    def _judged(self, batch: TensorBatch, masks: torch.Tensor) -> Losses:
        """What the classifier says of the separated sources, and of the residual where there is one."""
        assert batch.labels is not None and self.classifier is not None
        common = (batch.labels, self.class_weights)
        sources = source_classification_loss(
            self.classifier, batch.magnitude, masks, *common, active_only=self.config.active_sources_only
        )
        if masks.shape[1] == batch.labels.shape[-1]:
            return {"sources": sources}
        residual = residual_classification_loss(self.classifier, batch.magnitude, masks[:, -1], *common)
        return {"sources": sources, "residual": residual}
