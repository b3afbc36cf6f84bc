"""Several processes that train one network together, its ranks: what they tell one another.

All do the same at the same time, each with its part of the clips (train/shared.py). Rank 0 decides which training is
next, and is the only one that writes.

Gradients and all that lies on a GPU go through NCCL there; agreements, and everything on the CPU, through Gloo.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from weaksep.fileio.failure import fixable_reason
from weaksep.jobs.interrupt import Interrupted
from weaksep.jobs.ranks import GOES_ON, Place
from weaksep.train.alone import Agreed, Alone, Parted, Parts, Result
from weaksep.train.meeting import Meeting

logger = logging.getLogger(__name__)

LOST = ("gloo", "pair closure", "connection closed", "connection reset", "timed out")  # in Gloo's plain RuntimeErrors


class Team(Alone):
    """The ranks of this training; as ``Alone`` says, and

    Args:
        place: of this process among them.
        device: where it computes.
        timeout_s: a rank that says nothing for so long counts as lost.

    Raises:
        UserError, Interrupted: see ``Meeting``.
    """

    def __init__(self, place: Place, device: torch.device, timeout_s: float) -> None:
        self.rank, self.size, self.leads = place.rank, place.size, place.rank == 0
        self.device, self.timeout_s = device, timeout_s
        self.hosts = [""] * place.size
        self.meeting = Meeting(place, device, timeout_s)
        self.hosts = self._gather_json(socket.gethostname())
        if self.leads:
            logger.info("%d processes train together, on %s", self.size, ", ".join(dict.fromkeys(self.hosts)))

    def next_order(self) -> str | None:
        """The training that rank 0 has named; None when there is no more."""
        with self.reaching():
            return self.meeting.next_order()

    @staticmethod
    def parted(error: Exception) -> bool:
        """Whether an error leaves no team to go on with."""
        return isinstance(error, Parted)

    def check(self, look: Callable[[], None], due: Callable[[], bool]) -> bool:
        status = 0
        try:
            look()
        except Interrupted as error:
            status = error.status
        told = torch.tensor([status, due() if self.leads else 0])
        self.largest(told)
        if told[0]:
            raise Interrupted(int(told[0]) - 128)
        return bool(told[1])

    def means(self, parts: Parts) -> Parts:
        with self.reaching():
            found = list(parts)
            values = torch.stack([value for _, value in found])
            dist.all_reduce(values)
        return zip([name for name, _ in found], values / self.size, strict=True)

    def total(self, sums: dict[str, float]) -> dict[str, float]:
        total: dict[str, float] = {}
        for own in self._gather_json(sums):
            for name, value in own.items():
                total[name] = total.get(name, 0.0) + value
        return total

    def largest(self, values: torch.Tensor) -> None:
        """Put the largest of all ranks in the place of each value; on the CPU."""
        with self.reaching():
            dist.all_reduce(values, dist.ReduceOp.MAX, group=self.meeting.control)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """Of each value, over all ranks; on the device."""
        summed = values.clone(memory_format=torch.contiguous_format)
        with self.reaching():  # not among the gradients of a backward pass, where that can be told apart
            dist.all_reduce(summed, group=None if summed.is_cuda else self.meeting.control)
        return summed

    def gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        with self.reaching():
            dist.all_gather(found, tensor, group=self.meeting.control)
        return found

    def _gather_json(self, value: Any) -> list[Any]:
        text = json.dumps(value).encode()
        length = torch.tensor([len(text)])
        self.largest(length)
        padded = torch.tensor(list(text.ljust(int(length))), dtype=torch.uint8)
        return [json.loads(bytes(own.tolist())) for own in self.gather(padded)]

    def leader_first(self, work: Callable[[], Result]) -> Result:
        if self.leads:
            with self.all_or_none():
                result = work()
            return result
        with self.all_or_none():
            pass
        return work()

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        problem: str | None = None
        try:
            yield
        except Exception as error:
            problem = fixable_reason(error, "disk")
            if problem is None:
                raise
        problems = self._gather_json(problem)
        failed = next((rank for rank, own in enumerate(problems) if own), None)
        if failed is not None:
            where = "" if len(set(problems)) == 1 else f"rank {failed} on {self.hosts[failed]}: "
            raise Agreed(f"{where}{problems[failed]}")

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        try:
            yield
        except (Agreed, Parted):
            raise
        except Exception as error:
            reason = fixable_reason(error, "disk")
            if reason is None:
                logger.error("rank %d", self.rank, exc_info=error)
                reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            text = f"rank {self.rank} on {self.hosts[self.rank]}: {reason}"
            self.meeting.leave_reason(text)
            raise Parted(text) from error

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """A block that needs the other ranks."""
        try:
            yield
        except RuntimeError as error:
            if not isinstance(error, dist.DistError) and not any(mark in str(error).lower() for mark in LOST):
                raise
            lost, reason = self.meeting.what_happened()
            who = ", ".join(f"rank {rank} on {self.hosts[rank]}" for rank in lost) or "another process"
            silent = f"no answer from {who} (--dist-timeout {self.timeout_s:g} s): ended, or cut off; {GOES_ON}"
            raise Parted(reason or silent) from None
