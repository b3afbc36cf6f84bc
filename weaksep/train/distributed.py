"""Several processes that train one network together, its ranks: what they tell one another.

All do the same at the same time, each with its part of the clips (train/shared.py). Rank 0 decides which training is
next, and is the only one that writes.

Gradients and all that lies on a GPU go through NCCL there; agreements, and everything on the CPU, through Gloo.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from weaksep.errors import UserError
from weaksep.fileio.failure import fixable_reason
from weaksep.jobs.interrupt import Interrupted, check
from weaksep.jobs.ranks import Place
from weaksep.train.alone import Agreed, Alone, Parted, Parts, Result

logger = logging.getLogger(__name__)

JOIN_S = 1800.0  # for all ranks to come: those of another node may be started by hand
ANSWER_S = 3.0  # for the others to say that they are there, once one is missed
LOOK_S = 0.1


class Team(Alone):
    """The ranks of this training; as ``Alone`` says, and

    Args:
        place: of this process among them.
        device: where it computes.
        timeout_s: a rank that says nothing for so long counts as lost.

    Raises:
        UserError: the others do not come.
        Interrupted: on a signal, while they are waited for.
    """

    def __init__(self, place: Place, device: torch.device, timeout_s: float) -> None:
        self.rank, self.size, self.leads = place.rank, place.size, place.rank == 0
        self.device, self.timeout_s = device, timeout_s
        self._orders = 0
        self._hosts = [""] * place.size
        self._join(place)
        self._hosts = self._gather_json(socket.gethostname())
        if self.leads:
            logger.info("%d processes train together, on %s", self.size, ", ".join(dict.fromkeys(self._hosts)))

    def _join(self, place: Place) -> None:
        """Meet the others. In a thread: a signal would else have to wait."""
        problems: list[Exception] = []

        def join() -> None:
            try:
                self._store, _, _ = next(dist.rendezvous("env://", timeout=timedelta(seconds=JOIN_S)))
                patience = timedelta(seconds=self.timeout_s)
                backend = "nccl" if self.device.type == "cuda" else "gloo"
                store = dist.PrefixStore("group", self._store)
                # NCCL ends a process that has waited for too long; the line that says so comes from Gloo, before that.
                longer = patience * 2 if backend == "nccl" else patience
                dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.size, timeout=longer)
                self._control = dist.new_group(backend="gloo", timeout=patience)
                self._store.set_timeout(patience)
            except Exception as error:
                problems.append(error)

        thread = threading.Thread(target=join, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(LOOK_S)
            check()
        if problems:
            where, reason = f"{place.address}:{place.port}", str(problems[0]).splitlines()[0]
            raise UserError(f"rank {self.rank} of {self.size}: the processes have not met at {where} ({reason})")

    def close(self) -> None:
        """Let the others go."""
        try:
            if self.leads:
                self.order(None)
                self._wait_for([f"left/{rank}" for rank in range(1, self.size)], ANSWER_S)
            else:
                self._store.set(f"left/{self.rank}", "")
        except RuntimeError:
            pass  # they have gone already
        dist.destroy_process_group()

    @staticmethod
    def parted(error: Exception) -> bool:
        """Whether an error leaves no team to go on with."""
        return isinstance(error, Parted)

    def order(self, name: str | None) -> None:
        """Rank 0: which training is next; None for none."""
        self._store.set(f"order/{self._orders}", json.dumps(name))
        self._orders += 1

    def next_order(self) -> str | None:
        """The others: wait for it; hours, if need be."""
        with self._reaching():
            while not self._store.check([f"order/{self._orders}"]):
                time.sleep(LOOK_S)
                check()
            name = json.loads(self._store.get(f"order/{self._orders}"))
        self._orders += 1
        return name

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
        with self._reaching():
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
        with self._reaching():
            dist.all_reduce(values, dist.ReduceOp.MAX, group=self._control)

    def add_up(self, values: torch.Tensor) -> None:
        """Put the sum over all ranks in the place of each value; on the device."""
        with self._reaching():
            dist.all_reduce(values)

    def sum_here(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all ranks; on the CPU."""
        values = values.clone(memory_format=torch.contiguous_format)
        with self._reaching():
            dist.all_reduce(values, group=self._control)
        return values

    def gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        with self._reaching():
            dist.all_gather(found, tensor, group=self._control)
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
            where = "" if len(set(problems)) == 1 else f"rank {failed} on {self._hosts[failed]}: "
            raise Agreed(f"{where}{problems[failed]}")

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        try:
            yield
        except (Agreed, Parted):
            raise
        except Exception as error:
            reason = fixable_reason(error, "disk") or f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            if fixable_reason(error, "disk") is None:
                logger.error("rank %d", self.rank, exc_info=error)
            text = f"rank {self.rank} on {self._hosts[self.rank]}: {reason}"
            try:
                self._store.set("reason", text)
            except RuntimeError:
                pass
            raise Parted(text) from error

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """A block that needs the other ranks."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
                raise Parted(self._who_is_lost()) from None
            raise

    def _wait_for(self, keys: list[str], seconds: float) -> list[str]:
        """Those of the store's keys that are not there after a while."""
        deadline = time.monotonic() + seconds
        while keys := [key for key in keys if not self._store.check([key])]:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_S)
        return keys

    def _who_is_lost(self) -> str:
        """Why the ranks have parted, as far as it is known here."""
        try:
            self._store.set_timeout(timedelta(seconds=ANSWER_S))
            self._store.set(f"here/{self.rank}", "")
            missing = self._wait_for([f"here/{rank}" for rank in range(self.size)], ANSWER_S)
            if self._store.check(["reason"]):
                return self._store.get("reason").decode()
            lost = [int(key.rpartition("/")[2]) for key in missing]
        except RuntimeError:
            lost = [0]  # which has the store
        who = ", ".join(f"rank {rank} on {self._hosts[rank]}" for rank in lost) or "another process"
        return f"{who} does not answer (--dist-timeout {self.timeout_s:g} s): ended, or cut off"
