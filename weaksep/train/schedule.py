"""The learning rate as a function of the step alone, so that resuming needs no state of it."""

from __future__ import annotations

import math

from weaksep.train.config import OptimConfig


def learning_rate(step: int, total_steps: int, config: OptimConfig) -> float:
    """Learning rate of a step (0-based) out of total_steps."""
    rate = config.learning_rate
    if config.warmup_steps:
        rate *= min(1.0, (step + 1) / config.warmup_steps)
    if config.schedule == "cosine":
        rate *= 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / total_steps)))
    return rate
