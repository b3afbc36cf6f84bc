"""One objective for each kind of training: a batch of tensors -> a loss and its parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from weaksep.feats.dataset import Batch
from weaksep.losses.classification import assess, source_classification_loss
from weaksep.losses.mixture import mixture_loss
from weaksep.losses.strong import strong_loss
from weaksep.nets.classifiers import Classifier
from weaksep.nets.separators import BlstmSeparator
from weaksep.train.config import LossConfig


@dataclass(frozen=True)
class TensorBatch:
    """A ``Batch`` on the device. labels: (B, T, K) for frame supervision, (B, K) for clip, None for strong."""

    magnitude: torch.Tensor
    labels: torch.Tensor | None
    sources: torch.Tensor | None


def to_device(batch: Batch, device: torch.device) -> TensorBatch:
    """Move a batch to the device."""

    def move(array: np.ndarray | None) -> torch.Tensor | None:
        if array is None:
            return None
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

    magnitude = move(batch.magnitude)
    assert magnitude is not None
    return TensorBatch(magnitude, move(batch.labels), move(batch.sources))


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


class ClassifierObjective(nn.Module):
    """BCE of a classifier on mixtures."""

    class_weights: torch.Tensor

    def __init__(self, classifier: Classifier, class_weights: torch.Tensor) -> None:
        super().__init__()
        self.net = classifier
        self.register_buffer("class_weights", class_weights)

    def forward(self, batch: TensorBatch, classification_weight: float) -> dict[str, torch.Tensor]:
        """Parts of the loss; "loss" is their weighted sum."""
        assert batch.labels is not None
        return {"loss": assess(self.net, batch.magnitude, batch.labels, self.class_weights).mean()}


class StrongObjective(nn.Module):
    """L1 against the references, at the mixture loss's weight."""

    def __init__(self, separator: BlstmSeparator, config: LossConfig) -> None:
        super().__init__()
        self.net = separator
        self.weight = config.mixture_weight

    def forward(self, batch: TensorBatch, classification_weight: float) -> dict[str, torch.Tensor]:
        """Parts of the loss; "loss" is their weighted sum."""
        assert batch.sources is not None
        strong = strong_loss(batch.magnitude, self.net(batch.magnitude), batch.sources)
        return {"loss": self.weight * strong, "strong": strong}


class WeakObjective(nn.Module):
    """Mixture loss and classification loss, from frame or clip labels; the classifier frozen or trained along."""

    class_weights: torch.Tensor

    def __init__(
        self,
        separator: BlstmSeparator,
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

    def forward(self, batch: TensorBatch, classification_weight: float) -> dict[str, torch.Tensor]:
        """Parts of the loss; "loss" is their weighted sum."""
        assert batch.labels is not None
        masks = self.net(batch.magnitude)
        mixture = mixture_loss(batch.magnitude, masks, batch.labels)
        parts = {"loss": self.config.mixture_weight * mixture, "mixture": mixture}
        if self.classifier is None:
            return parts
        if self.joint:
            # Also before the ramp: the classifier has to know the classes before it may judge.
            own = assess(self.classifier, batch.magnitude, batch.labels, self.class_weights).mean()
            parts |= {"classifier": own, "loss": parts["loss"] + self.config.classification_weight * own}
        if classification_weight > 0:
            sources = source_classification_loss(
                self.classifier,
                batch.magnitude,
                masks,
                batch.labels,
                self.class_weights,
                active_only=self.config.active_sources_only,
            )
            parts |= {"sources": sources, "loss": parts["loss"] + classification_weight * sources}
        return parts
