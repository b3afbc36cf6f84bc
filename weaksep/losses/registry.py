"""Losses by their names, which are those of their modules."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import torch

from weaksep import losses
from weaksep.errors import did_you_mean
from weaksep.losses.settings import LossSettings

OPTIONAL = ("frames", "background")  # None is an answer


@dataclass(frozen=True)
class Loss:
    """A loss as its module describes it.

    Attributes:
        settings: its settings class.
        function: the formula.
        needs: names of what the formula asks for.
    """

    settings: type[LossSettings]
    function: Callable[..., torch.Tensor]
    needs: frozenset[str]


def find_loss(name: str) -> Loss:
    """A loss by its name.

    Raises:
        ValueError: there is none of this name.
    """
    modules = {module.name for module in pkgutil.iter_modules(losses.__path__)} - {"settings", "registry"}
    if name not in modules:
        hint = did_you_mean(name, modules, f"there are: {', '.join(sorted(modules))}")
        raise ValueError(f"no loss {name!r} ({hint})")
    module = importlib.import_module(f"{losses.__name__}.{name}")
    return Loss(module.Settings, module.loss, frozenset(inspect.signature(module.loss).parameters))
