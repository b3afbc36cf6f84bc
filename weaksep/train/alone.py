"""A training in one process, as the loop sees it: what several processes have to agree on is nothing here.

train/distributed.py has the same for several.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from weaksep.errors import UserError

Result = TypeVar("Result")
Parts = Iterable[tuple[str, torch.Tensor]]


class Agreed(UserError):
    """What all ranks have met at the same place: the training has failed, and the next one can begin."""


class Parted(UserError):
    """The ranks no longer do the same: one has failed on its own, has gone or is cut off. The command ends."""


class Alone:
    """One process: there is nothing to share, and nobody to agree with."""

    rank, size, leads = 0, 1, True

    @property
    def apart(self) -> tuple[int, ...]:
        """What the seed of a draw that is not an item's has beside it, so that no two ranks draw the same."""
        return (self.rank,) if self.rank else ()

    def check(self, look: Callable[[], None], due: Callable[[], bool]) -> bool:
        """Between two steps: raise ``Interrupted`` on all ranks where ``look`` does on one; rank 0's ``due()``."""
        look()
        return due()

    def means(self, parts: Parts) -> Parts:
        """Each part's mean over the ranks. Whatever the network makes of a lost rank meanwhile is ``Parted``."""
        return parts

    def total(self, sums: dict[str, float]) -> dict[str, float]:
        """Sums over the ranks."""
        return sums

    def gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """One tensor on the CPU of each rank, all of one shape, by rank."""
        return [tensor]

    def leader_first(self, work: Callable[[], Result]) -> Result:
        """Do something on rank 0, and when it is done on the others."""
        return work()

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """A block that fails on all ranks, with ``Agreed``, if it does on one."""
        yield

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """A block in which the ranks do the same: what goes wrong on one of them alone is ``Parted`` for all."""
        yield


ALONE = Alone()
