"""Fixed front-ends: log magnitude with a training set's statistics, and mel bands."""

import math

import torch
from torch import nn

# As in the statistics (feats/stats.py); a test holds the two equal.
LOG_FLOOR = 1e-5


class NormalisedLog(nn.Module):
    """Log magnitude, normalised per bin with statistics set once from the training set and kept in the checkpoint."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bins))
        self.register_buffer("std", torch.ones(n_bins))

    def set_statistics(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """Take over mean and standard deviation, (F,) each."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> normalised log magnitude (B, T, F)."""
        return (magnitude.clamp_min(LOG_FLOOR).log() - self.mean) / self.std


def mel_matrix(n_bins: int, n_bands: int, sample_rate: int) -> torch.Tensor:
    """Triangular mel filters, float32 (F, bands); each sums to 1, so that a band is a weighted mean of its bins.

    The mel scale is that of HTK. Triangles narrower than a bin are widened to one, so that no band is empty.
    """
    nyquist = sample_rate / 2
    bins = torch.linspace(0.0, nyquist, n_bins, dtype=torch.float64)
    mels = torch.linspace(0.0, 2595.0 * math.log10(1.0 + nyquist / 700.0), n_bands + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    width = nyquist / (n_bins - 1)
    lower = torch.minimum(edges[:-2], edges[1:-1] - width)
    upper = torch.maximum(edges[2:], edges[1:-1] + width)
    rising = (bins[:, None] - lower) / (edges[1:-1] - lower)
    falling = (upper - bins[:, None]) / (upper - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp_min(0.0)
    return (filters / filters.sum(dim=0)).float()
