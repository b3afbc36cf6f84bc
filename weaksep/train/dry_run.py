"""Two steps of a training that leave nothing behind: do data, settings and memory fit, and how long will it take?"""

import logging
import math
import time

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.losses.settings import END
from weaksep.nets.separators.nmf import learn_spectra
from weaksep.train.objectives import Losses
from weaksep.train.plan import Plan
from weaksep.train.run import make_objective, training_sets

logger = logging.getLogger(__name__)


def dry_run(plan: Plan, device: str) -> Losses:
    """Forward, backward and update with every loss at its full weight; the time of a step goes to the log.

    A frozen classifier need not be trained yet: a new network stands for it.

    Args:
        plan: the training.
        device: torch device.

    Returns:
        the parts of the loss; none for NMF, which has no steps.

    Raises:
        UserError: data or features are missing, or a loss is not finite.
    """
    config = plan.config
    train, _ = training_sets(plan)
    where = torch.device(device)
    torch.manual_seed(config.seed)
    # From all over the set: where clips are known in different ways, some of each are among them.
    indices = np.unique(np.linspace(0, len(train) - 1, config.optim.batch_size).astype(int))
    if config.net.get("kind") == "nmf":
        learn_spectra(train.features.read(train.data.utt_ids[0]), 1, config.seed)
        logger.info("%s: learns dictionaries, in minutes", plan.exp.name)
        return {}
    objective = make_objective(plan, train, untrained=True).to(where).train()
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=config.optim.learning_rate)
    batches = [batch.to(where) for batch in train.batch(indices)]
    for _ in range(2):  # the first one warms up
        started = time.monotonic()
        optimiser.zero_grad(set_to_none=True)
        parts: Losses = objective(batches, END)
        parts["loss"].backward()
        optimiser.step()
        values = {name: value.item() for name, value in parts.items()}  # a GPU has come to its end
        if not all(map(math.isfinite, values.values())):
            raise UserError(f"{values} is not finite; lower optim.learning_rate")
    seconds = time.monotonic() - started
    steps = -(-len(train) // config.optim.batch_size) * config.optim.max_epochs
    logger.info(
        "%s: %d parameters, %s; %.2f s a step, about %.0f min for %d steps when nothing else runs",
        plan.exp.name,
        sum(p.numel() for p in parameters),
        " ".join(f"{name} {value:.4f}" for name, value in values.items()),
        seconds,
        seconds * steps / 60,
        steps,
    )
    return parts
