"""Losses by their names, which are those of their modules."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import torch

from weaksep import losses
from weaksep.losses.settings import LossSettings

OPTIONAL = ("frames",)  # None is an answer


@dataclass(frozen=True)
class Loss:
    """A loss as its module describes it.

    Attributes:
        name: of the module.
        settings: its settings class.
        function: the formula.
        needs: names of what the formula asks for.
    """

    name: str
    settings: type[LossSettings]
    function: Callable[..., torch.Tensor]
    needs: frozenset[str]


def find_loss(name: str) -> Loss:
    """A loss by its name.

    Raises:
        ValueError: there is none of this name.
    """
    folder = losses.__path__
    modules = {module.name for module in pkgutil.iter_modules(folder)} - {"settings", "registry"}
    if name not in modules:
        near = difflib.get_close_matches(name, modules, n=1)
        raise ValueError(
            f"no loss {name!r} ({f'did you mean {near[0]}?' if near else 'there are: ' + ', '.join(sorted(modules))})"
        )
    module = importlib.import_module(f"{losses.__name__}.{name}")
    return Loss(name, module.Settings, module.loss, frozenset(inspect.signature(module.loss).parameters))
