"""Everything that changes with the step: learning rate, weight of the classification loss, price of the residual.

All are functions of the step alone, so resuming needs no state of theirs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from weaksep.train.config import LossConfig, OptimConfig

# The residual costs as much as an error until the classes have taken shape, so nothing goes there; over the next steps
# its price falls to what was asked for. Cheap from the start, it takes nearly everything and is not left again: while
# a net knows no class, silence in all of them is the smaller loss (mini_urban, 940 steps: 3.4 dB instead of 15.7).
DEAR = 1.0
CHEAPER_FROM, CHEAP_AT = 0.3, 0.7  # shares of all steps


class Weights(NamedTuple):
    """What the parts of a weak loss weigh at a step.

    Attributes:
        classification: of the classification loss.
        residual: price of sound in the residual, relative to an error of the same size.
    """

    classification: float
    residual: float


def learning_rate(step: int, total_steps: int, config: OptimConfig) -> float:
    """Learning rate of a step (0-based) out of total_steps."""
    rate = config.learning_rate
    if config.warmup_steps:
        rate *= min(1.0, (step + 1) / config.warmup_steps)
    if config.schedule == "cosine":
        rate *= 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / total_steps)))
    return rate


def loss_weights(step: int, total_steps: int, config: LossConfig) -> Weights:
    """Weights at a step (0-based) out of total_steps."""
    return Weights(_classification_weight(step, total_steps, config), _residual_weight(step, total_steps, config))


def full_weights(config: LossConfig) -> Weights:
    """Weights at the end, to measure by."""
    return Weights(config.classification_weight, config.residual_weight)


def _classification_weight(step: int, total_steps: int, config: LossConfig) -> float:
    start = config.classification_start * total_steps
    if step < start:
        return 0.0
    ramp = config.classification_ramp * total_steps
    risen = 1.0 if ramp == 0 else min(1.0, (step - start + 1) / ramp)
    return config.classification_weight * risen


def _residual_weight(step: int, total_steps: int, config: LossConfig) -> float:
    fallen = min(1.0, max(0.0, (step / total_steps - CHEAPER_FROM) / (CHEAP_AT - CHEAPER_FROM)))
    dear = max(DEAR, config.residual_weight)
    return dear + (config.residual_weight - dear) * fallen
