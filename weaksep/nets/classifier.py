"""What all sound event classifiers share: linear magnitude (B, T, F) -> frame logits (B, T', K), clip probabilities.

The magnitude is that of a mixture or of one separated source. Frame probabilities (B, T, K) are pooled to those of the
clip (B, K): max is the method's own; the others let every frame learn (Wang, Li, Metze, ICASSP 2019, compares them).
``valid``, (B, T, 1), is 1.0 where a clip has a frame and 0.0 in its padding; None when there is none.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import nn

from weaksep.nets.settings import NetSettings
from weaksep.signal.frames import pool_frames

EPSILON = 1e-7


def max_pool(probabilities: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """The largest frame decides."""
    return (probabilities if valid is None else probabilities * valid).amax(dim=1)


def mean_pool(probabilities: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """All frames count the same."""
    if valid is None:
        return probabilities.mean(dim=1)
    return (probabilities * valid).sum(dim=1) / valid.sum(dim=1)


def linear_softmax_pool(probabilities: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """Frames weighted by their own probability: sum p^2 / sum p."""
    if valid is not None:
        probabilities = probabilities * valid
    return probabilities.square().sum(dim=1) / probabilities.sum(dim=1).clamp_min(EPSILON)


def exp_softmax_pool(probabilities: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """Frames weighted by exp(p)."""
    return (probabilities * _softmax(probabilities, valid)).sum(dim=1)


def _softmax(scores: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
    """Softmax over the frames that there are."""
    return (scores if valid is None else scores.masked_fill(valid == 0, -torch.inf)).softmax(dim=1)


class AttentionPool(nn.Module):
    """Frames weighted by a learned score of each class."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(n_features, n_classes)

    def forward(
        self, probabilities: torch.Tensor, features: torch.Tensor, valid: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Probabilities (B, T, K) and the features (B, T, D) they came from -> (B, K)."""
        return (probabilities * _softmax(self.score(features), valid)).sum(dim=1)


PLAIN_POOLS = {
    "max": max_pool,
    "mean": mean_pool,
    "linear_softmax": linear_softmax_pool,
    "exp_softmax": exp_softmax_pool,
}


class ClassifierSettings(NetSettings):
    """``pooling``: of frame probabilities over time into clip probabilities."""

    pooling: Literal["max", "mean", "linear_softmax", "exp_softmax", "attention"] = "max"


class Classifier(nn.Module, ABC):
    """Features (B, T', D) -> logits, pooled in time to clips; T' = ceil(T / time_pooling). ``frozen_share`` as of a
    ``MaskSeparator``."""

    time_pooling = 1
    frozen_share = 0.0

    def __init__(self, settings: ClassifierSettings, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_features, n_classes)
        self.pooling = settings.pooling
        self.attention = AttentionPool(n_features, n_classes) if settings.pooling == "attention" else None

    def class_axes(self) -> dict[str, int]:
        """As of a ``MaskSeparator`` (nets/separator.py)."""
        return {name: 0 for name, _ in self.named_parameters() if name.startswith(("head.", "attention."))}

    @abstractmethod
    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> features (B, T', D)."""

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> frame logits (B, T', K)."""
        return self.head(self.features(magnitude))

    def clip_probabilities(self, magnitude: torch.Tensor, frames: torch.Tensor | None = None) -> torch.Tensor:
        """Magnitude (B, T, F) -> clip probabilities (B, K), by the configured pooling over time.

        Args:
            magnitude: of the clips.
            frames: 1.0 where a clip has a frame, 0.0 in its padding, (B, T); None when there is no padding.
        """
        features = self.features(magnitude)
        probabilities = self.head(features).sigmoid()
        valid = None if frames is None else pool_frames(frames.unsqueeze(2), self.time_pooling)
        if self.attention is not None:
            return self.attention(probabilities, features, valid)
        return PLAIN_POOLS[self.pooling](probabilities, valid)
