"""Fine-tuning: a training that begins with the weights of a trained network (``init:``).

The statistics by which inputs are normalised are the network's too, not the new data's: the weights behind them have
learnt from inputs that were normalised so.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from weaksep.errors import UserError
from weaksep.fileio.datadir import RESIDUAL
from weaksep.fileio.network import Features, network_hash, read_description, read_network
from weaksep.fileio.stamp import differences
from weaksep.nets.build import DEFAULT_KIND
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import MaskSeparator

logger = logging.getLogger(__name__)


def origin_of_weights(place: str | Path) -> dict[str, Any]:
    """What config.yaml says of the network that a training begins with: the name of its training, its hash, its
    classes. UserError when it cannot be read."""
    saved = read_description(place)
    return {"name": str(saved.config.get("name", "")), "model": network_hash(place), "classes": saved.classes}


def _outputs(classes: Sequence[str], settings: dict[str, Any]) -> list[str]:
    return [*classes, RESIDUAL] if settings.get("residual") else list(classes)


def _words(features: Features) -> str:
    return f"{features.sample_rate} Hz, windows of {features.window_samples} samples, {features.hop_samples} apart"


@torch.no_grad()
def take_over(
    net: MaskSeparator | Classifier,
    place: str | Path,
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
            f"{origin}: init: {place} is given {_words(saved.features)}, and the features here have {_words(features)}; "
            "make features as the model's (sample_rate, feats.yaml), or take another model"
        )
    before = {"kind": DEFAULT_KIND, **saved.config.get("net", {})}
    names, others = _outputs(classes, settings), _outputs(saved.classes, before)
    axes, new = net.class_axes(), net.state_dict()
    shapes = {name: list(tensor.shape) for name, tensor in new.items()}
    for name, axis in axes.items():
        shapes[name][axis] = shapes[name][axis] // len(names) * len(others)
    found = {name: list(tensor.shape) for name, tensor in weights.items()}
    if shapes != found or before["kind"] != settings["kind"]:
        what = ", ".join(differences(before, settings)) or "its weights do not fit its own settings"
        raise UserError(f"{origin}: init: {place} is another net ({what}); give net: the settings of the model")
    for name, tensor in new.items():
        if name not in axes:
            tensor.copy_(weights[name])
            continue
        to = tensor.unflatten(axes[name], (len(names), -1))
        of = weights[name].unflatten(axes[name], (len(others), -1))
        for index, output in enumerate(names):
            if output in others:
                to.select(axes[name], index).copy_(of.select(axes[name], others.index(output)))
    kept, fresh = ([name for name in names if (name in others) == both] or ["none"] for both in (True, False))
    logger.info("begins with %s: outputs taken over: %s; new: %s", place, ", ".join(kept), ", ".join(fresh))
