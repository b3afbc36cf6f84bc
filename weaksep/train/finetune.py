"""Fine-tuning: a training that begins with the weights of a trained network (``init:``).

The statistics by which inputs are normalised are the network's too, not the new data's: the weights behind them have
learnt from inputs that were normalised so.
"""

import logging
from collections.abc import Sequence
from typing import Any

import torch

from weaksep.errors import UserError
from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.network import Features, read_network
from weaksep.fileio.stamp import differences
from weaksep.losses.settings import Progress
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import MaskSeparator

logger = logging.getLogger(__name__)


@torch.no_grad()
def take_over(
    net: MaskSeparator | Classifier,
    place: str,
    settings: dict[str, Any],
    classes: Sequence[str],
    features: Features,
    origin: str,
) -> None:
    """Put the weights of a trained network into a new one: those of outputs that both have by name, a residual among
    them, and all that are no output's. Other outputs stay as they are.

    Args:
        net: the new one.
        place: of the trained one, see ``read_network``.
        settings: of the new one, see ``net_settings``.
        classes, features: what the new one is trained for.
        origin: the YAML of the training, for messages.

    Raises:
        UserError: the trained one cannot be read, is given other features, or is another net.
    """
    saved, weights = read_network(place, "separator" if isinstance(net, MaskSeparator) else "classifier")
    if saved.features != features:
        raise UserError(
            f"{origin}: init: the features of {place} have {saved.features}, and those here {features}; "
            "make them as the model's (data.yaml, feats.yaml), or take another model"
        )
    before: dict[str, Any] = saved.config.get("net", {})
    names, others = (
        [*known, RESIDUAL] if own.get("residual") else list(known)
        for known, own in ((classes, settings), (saved.classes, before))
    )
    axes, new = net.class_axes(), net.state_dict()
    shapes = {
        name: [n // len(names) * len(others) if axis == axes.get(name) else n for axis, n in enumerate(tensor.shape)]
        for name, tensor in new.items()
    }
    if not axes or shapes != {name: list(tensor.shape) for name, tensor in weights.items()}:
        raise UserError(
            f"{origin}: init: {place} is another net "
            f"({', '.join(differences(before, settings)) or 'its weights do not fit its settings, or no class_axes'}); "
            "give net: the settings of the model"
        )
    for name, tensor in new.items():
        pairs = [(tensor, weights[name])]  # what both have: all of it, or the parts of some outputs
        if name in axes:
            to, of = (dict(zip(known, whole.tensor_split(len(known), axes[name]), strict=True))
                      for known, whole in ((names, tensor), (others, weights[name])))  # fmt: skip
            pairs = [(to[output], of[output]) for output in names if output in of]
        for own, taken in pairs:
            own.copy_(taken)
    kept, fresh = (", ".join(name for name in names if (name in others) == both) for both in (True, False))
    logger.info("begins with %s: outputs taken over: %s; new: %s", place, kept or "none", fresh or "none")


def hold(objective: torch.nn.Module, progress: Progress) -> None:
    """Before a step, fix an objective's nets but for their outputs, or let them go, as their ``frozen_share`` says: no
    gradient to the weights, and batch normalisation as in evaluation."""
    for net in objective.children():
        if isinstance(net, MaskSeparator | Classifier) and net.frozen_share:
            free, axes = progress.step >= net.frozen_share * progress.total, net.class_axes()
            for name, parameter in net.named_parameters():
                parameter.requires_grad_(free or name in axes)
            for module in (module for module in net.modules() if hasattr(module, "running_mean")):
                module.train(free)
