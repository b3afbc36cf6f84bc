"""Everything that changes with the step: learning rate and weight of the classification loss.

All are functions of the step alone, so resuming needs no state of theirs.
"""

from __future__ import annotations

import math

from weaksep.train.config import LossConfig, OptimConfig


def learning_rate(step: int, total_steps: int, config: OptimConfig) -> float:
    """Learning rate of a step (0-based) out of total_steps."""
    rate = config.learning_rate
    if config.warmup_steps:
        rate *= min(1.0, (step + 1) / config.warmup_steps)
    if config.schedule == "cosine":
        rate *= 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / total_steps)))
    return rate


def classification_weight(step: int, total_steps: int, config: LossConfig) -> float:
    """Weight of the classification loss at a step (0-based) out of total_steps."""
    start = config.classification_start * total_steps
    if step < start:
        return 0.0
    ramp = config.classification_ramp * total_steps
    risen = 1.0 if ramp == 0 else min(1.0, (step - start + 1) / ramp)
    return config.classification_weight * risen
