"""What all sound event classifiers share: linear magnitude (B, T, F) -> frame logits (B, T', K), clip probabilities.

The magnitude is that of a mixture or of one separated source.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import nn

from weaksep.nets.pooling import PLAIN_POOLS, AttentionPool
from weaksep.nets.settings import NetSettings
from weaksep.signal.frames import pool_frames


class ClassifierSettings(NetSettings):
    """``pooling``: of frame probabilities over time into clip probabilities."""

    pooling: Literal["max", "mean", "linear_softmax", "exp_softmax", "attention"] = "max"


class Classifier(nn.Module, ABC):
    """Features (B, T', D) -> logits, pooled in time to clips; T' = ceil(T / time_pooling)."""

    time_pooling = 1

    def __init__(self, settings: ClassifierSettings, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(n_features, n_classes)
        self.pooling = settings.pooling
        self.attention = AttentionPool(n_features, n_classes) if settings.pooling == "attention" else None

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
