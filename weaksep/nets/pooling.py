"""Frame probabilities -> clip probabilities, (B, T, K) -> (B, K).

max is the method's own; the others let every frame learn (Wang, Li, Metze, ICASSP 2019, compares them).
"""

from __future__ import annotations

import torch
from torch import nn

EPSILON = 1e-7


def max_pool(probabilities: torch.Tensor) -> torch.Tensor:
    """The largest frame decides."""
    return probabilities.amax(dim=1)


def mean_pool(probabilities: torch.Tensor) -> torch.Tensor:
    """All frames count the same."""
    return probabilities.mean(dim=1)


def linear_softmax_pool(probabilities: torch.Tensor) -> torch.Tensor:
    """Frames weighted by their own probability: sum p^2 / sum p."""
    return probabilities.square().sum(dim=1) / probabilities.sum(dim=1).clamp_min(EPSILON)


def exp_softmax_pool(probabilities: torch.Tensor) -> torch.Tensor:
    """Frames weighted by exp(p)."""
    weights = probabilities.softmax(dim=1)
    return (probabilities * weights).sum(dim=1)


class AttentionPool(nn.Module):
    """Frames weighted by a learned score of each class."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(n_features, n_classes)

    def forward(self, probabilities: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Probabilities (B, T, K) and the features (B, T, D) they came from -> (B, K)."""
        weights = self.score(features).softmax(dim=1)
        return (probabilities * weights).sum(dim=1)


PLAIN_POOLS = {
    "max": max_pool,
    "mean": mean_pool,
    "linear_softmax": linear_softmax_pool,
    "exp_softmax": exp_softmax_pool,
}
