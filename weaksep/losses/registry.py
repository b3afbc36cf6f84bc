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
        size: what its mean over a batch is over, as a number: the processes of a training add these up.
    """

    settings: type[LossSettings]
    function: Callable[..., torch.Tensor]
    needs: frozenset[str]
    size: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]


def number_of_clips(magnitude: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
    """The size of a batch for a loss that is a mean over its clips."""
    return magnitude.new_full((), len(magnitude))


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
    needs = frozenset(inspect.signature(module.loss).parameters)
    return Loss(module.Settings, module.loss, needs, getattr(module, "size", number_of_clips))
