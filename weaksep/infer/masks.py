"""Oracle masks: the best that masking can do when the sources are known. Upper rows of the results table.

All take complex spectra, sources (B, K, T, F) and mixture (B, T, F), and give masks (B, K, T, F) in [0, 1].
Binary and ratio after Wang and Chen, "Supervised Speech Separation Based on Deep Learning: An Overview",
IEEE/ACM TASLP 2018, for K sources instead of speech and noise, the ratio one of magnitudes, not of powers;
phase-sensitive after Erdogan, Hershey, Watanabe, Le Roux, ICASSP 2015.
"""

from collections.abc import Callable

import torch


def ideal_binary_mask(sources: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
    """One for the loudest source of each bin (the first of equals), zero for the others.

    A bin in which every source is zero belongs to none, so a class that is absent stays silent. The sum
    over K is one wherever any source sounds.
    """
    magnitude = sources.abs()
    loudest, winner = magnitude.max(dim=1, keepdim=True)
    return torch.zeros_like(magnitude).scatter_(1, winner, 1.0) * (loudest > 0)


def ideal_ratio_mask(sources: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
    """Share of the magnitudes, |S_i| / sum_j |S_j|; zero in a bin in which every source is zero."""
    magnitude = sources.abs()
    total = magnitude.sum(dim=1, keepdim=True)
    return torch.where(total > 0, magnitude / total.clamp_min(torch.finfo(total.dtype).tiny), 0.0)


def phase_sensitive_mask(sources: torch.Tensor, mixture: torch.Tensor) -> torch.Tensor:
    """Real part of S_i / X, |S_i| / |X| cos(angle between them), clipped to [0, 1]; zero where X is zero."""
    mixture = mixture.unsqueeze(1)
    energy = mixture.abs().square()
    along = (sources * mixture.conj()).real
    return torch.where(energy > 0, along / energy.clamp_min(torch.finfo(energy.dtype).tiny), 0.0).clamp(0.0, 1.0)


ORACLES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "oracle_ibm": ideal_binary_mask,
    "oracle_irm": ideal_ratio_mask,
    "oracle_psm": phase_sensitive_mask,
}
