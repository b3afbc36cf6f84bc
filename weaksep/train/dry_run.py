"""One step of a training that leaves nothing behind: do data, settings and memory fit, and how long will it take?"""

from __future__ import annotations

import logging
import math
import time

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.train.config import LossConfig, SeparatorTraining
from weaksep.train.objectives import Losses, to_device
from weaksep.train.plan import Plan
from weaksep.train.run import classifier_objective, separator_objective, training_sets

logger = logging.getLogger(__name__)


def dry_run(plan: Plan, device: str) -> Losses:
    """Forward, backward and update of one batch with every loss at its full weight; the time goes to the log.

    A frozen classifier need not be trained yet: a new network stands for it.

    Args:
        plan: the training.
        device: torch device.

    Returns:
        the parts of the loss.

    Raises:
        UserError: data or features are missing, or a loss is not finite.
    """
    config = plan.config
    train, _ = training_sets(plan)
    where = torch.device(device)
    torch.manual_seed(config.seed)
    # From all over the set: where clips are known in different ways, some of each are among them.
    indices = np.unique(np.linspace(0, len(train) - 1, config.optim.batch_size).astype(int))
    if isinstance(config, SeparatorTraining) and config.net.kind == "nmf":
        logger.info("%s: learns dictionaries, in minutes; nothing to try", plan.exp.name)
        return {}
    if isinstance(config, SeparatorTraining):
        objective, loss = separator_objective(config, plan, train, untrained=True), config.loss
    else:
        objective, loss = classifier_objective(config, train), LossConfig()
    objective.to(where).train()
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=config.optim.learning_rate)
    batch = to_device(train.batch(indices), where)
    started = time.monotonic()
    parts: Losses = objective(batch, loss.classification_weight)
    values = {name: value.item() for name, value in parts.items()}
    if not all(map(math.isfinite, values.values())):
        raise UserError(f"{plan.exp.name}: {values} is not finite at the first step")
    parts["loss"].backward()
    optimiser.step()
    seconds = time.monotonic() - started
    steps = -(-len(train) // config.optim.batch_size) * config.optim.max_epochs
    logger.info(
        "%s: %d parameters, %s; a step took %.2f s, so at most %.0f min for %d steps",
        plan.exp.name,
        sum(p.numel() for p in parameters),
        " ".join(f"{name} {value:.4f}" for name, value in values.items()),
        seconds,
        seconds * steps / 60,
        steps,
    )
    return parts
