"""Frame probabilities -> clip probabilities, (B, T, K) -> (B, K).

max is the method's own; the others let every frame learn (Wang, Li, Metze, ICASSP 2019, compares them). ``valid``,
(B, T, 1), is 1.0 where a clip has a frame and 0.0 in its padding; None when there is none.
"""

import torch
from torch import nn

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
