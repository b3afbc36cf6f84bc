"""The strongly supervised baseline: L1 between the masked mixture and the reference, truncated at the mixture.

    L_strong = mean over classes, frames, bins of | M_i X - min(|S_i|, X) |

All K classes count; the target of an absent class is silence. A mask in [0, 1] can reach min(|S_i|, X) and no more.
"""

from __future__ import annotations

import torch


def strong_loss(magnitude: torch.Tensor, masks: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """The formula above, a scalar.

    Args:
        magnitude: mixture X, (B, T, F).
        masks: M in [0, 1], (B, K, T, F).
        sources: magnitudes |S| of the references, (B, K, T, F), zero where a class is absent.
    """
    mixture = magnitude.unsqueeze(1)
    return (masks * mixture - torch.minimum(sources, mixture)).abs().mean()
