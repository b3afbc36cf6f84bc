"""From settings to network; training and inference both build here.

A net is found by its ``kind``, the name of its module in weaksep/nets/separators or weaksep/nets/classifiers.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from torch import nn

from weaksep.errors import did_you_mean
from weaksep.nets import classifiers, separators
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import Separator

Net = TypeVar("Net", bound=nn.Module)

DEFAULT_KIND = "blstm"  # the paper's


def find_net(package: ModuleType, settings: Mapping[str, Any]) -> ModuleType:
    """The module of a net.

    Args:
        package: ``separators`` or ``classifiers``.
        settings: of the net.

    Raises:
        ValueError: there is none of this kind.
    """
    kinds = [module.name for module in pkgutil.iter_modules(package.__path__)]
    kind = settings.get("kind", DEFAULT_KIND)
    if kind not in kinds:
        hint = did_you_mean(str(kind), kinds, f"there are: {', '.join(kinds)}")
        raise ValueError(f"kind: no net {kind!r} ({hint})")
    return importlib.import_module(f"{package.__name__}.{kind}")


def build_separator(settings: Mapping[str, Any], n_classes: int, n_bins: int) -> Separator:
    """A separator: magnitude (B, T, F) -> masks (B, K, T, F), one more with ``residual``.

    Raises:
        ValueError: the settings do not fit (pydantic's is one).
    """
    module = find_net(separators, settings)
    return module.Net(module.Settings.model_validate(settings), n_classes, n_bins)


def build_classifier(settings: Mapping[str, Any], n_classes: int, n_bins: int, sample_rate: int) -> Classifier:
    """A classifier: magnitude (B, T, F) -> frame logits (B, T', K). Raises ValueError as ``build_separator`` does."""
    module = find_net(classifiers, settings)
    return module.Net(module.Settings.model_validate(settings), n_classes, n_bins, sample_rate)


def filled(make: Callable[[], Net], weights: Mapping[str, torch.Tensor], what: str) -> Net:
    """The network that ``make`` builds, with its weights.

    Args:
        make: see ``build_separator``.
        weights: by name.
        what: separator or classifier, for messages.

    Raises:
        ValueError: the settings describe no such net, or the weights are not of it.
    """
    try:
        # First without memory: a description of a huge net is not worth trying unless the weights are as many.
        with torch.device("meta"):
            expected = {name: tensor.shape for name, tensor in make().state_dict().items()}
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"its config does not describe a {what} ({_one_line(error)})") from None
    found = {name: tensor.shape for name, tensor in weights.items()}
    wrong = [name for name in dict.fromkeys([*expected, *found]) if expected.get(name) != found.get(name)]
    if wrong:
        shapes = " and ".join(str(tuple(of[wrong[0]])) if wrong[0] in of else "none" for of in (expected, found))
        raise ValueError(
            f"weights do not fit the net of its own config ({len(wrong)} of {len(expected)} differ, first "
            f"{wrong[0]}: {shapes})"
        )
    net = make()
    net.load_state_dict(dict(weights))
    return net


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
