"""How the ranks of a training meet, and what they leave for one another in the store where they have met.

The store is rank 0's, or torchrun's. Over a line that is cut it would be waited for without end, so it is asked in a
thread.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

import torch
import torch.distributed as dist

from weaksep.errors import UserError
from weaksep.jobs.interrupt import check
from weaksep.jobs.ranks import Place
from weaksep.train.alone import Result

JOIN_S = 1800.0  # for all ranks to come: those of another node may be started by hand
ANSWER_S = 3.0  # for the others to say that they are there, once one is missed
LOOK_S = 0.1


class Meeting:
    """Where the ranks have met.

    Args:
        place: of this process among them.
        device: where it computes; with a GPU NCCL connects the ranks, else Gloo.
        timeout_s: how long a rank waits for another.

    Attributes:
        control: group for what is on the CPU.

    Raises:
        UserError: the others do not come.
        Interrupted: on a signal, while they are waited for.
    """

    def __init__(self, place: Place, device: torch.device, timeout_s: float) -> None:
        self.rank, self.size, self._timeout_s = place.rank, place.size, timeout_s
        self._orders = 0
        problems: list[Exception] = []

        def join() -> None:
            try:
                self._join("nccl" if device.type == "cuda" else "gloo", timedelta(seconds=timeout_s))
            except Exception as error:
                problems.append(error)

        thread = threading.Thread(target=join, daemon=True)  # a signal would else have to wait
        thread.start()
        while thread.is_alive():
            thread.join(LOOK_S)
            check()
        if problems:
            where, reason = f"{place.address}:{place.port}", (str(problems[0]).splitlines() or [""])[0]
            raise UserError(f"rank {self.rank} of {self.size}: the processes have not met at {where} ({reason})")

    def _join(self, backend: str, patience: timedelta) -> None:
        self._store, _, _ = next(dist.rendezvous("env://", timeout=timedelta(seconds=JOIN_S)))
        store = dist.PrefixStore("group", self._store)
        # NCCL ends a process that has waited for too long; the line that says so comes from Gloo, before that.
        longer = patience * 2 if backend == "nccl" else patience
        dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.size, timeout=longer)
        self.control = dist.new_group(backend="gloo", timeout=patience)
        self._store.set_timeout(patience)

    def order(self, name: str | None) -> None:
        """Rank 0: which training is next; None for none."""
        self._store.set(f"order/{self._orders}", json.dumps(name))
        self._orders += 1

    def next_order(self) -> str | None:
        """The others: wait for it; hours, if need be.

        Raises:
            RuntimeError: rank 0 has gone.
        """
        key = f"order/{self._orders}"
        while not self._ask(lambda: self._store.check([key]), self._timeout_s):
            time.sleep(LOOK_S)
            check()
        self._orders += 1
        return json.loads(self._store.get(key))

    def end(self) -> None:
        """Let the others go."""
        with suppress(RuntimeError):  # they have gone already
            if self.rank == 0:
                self.order(None)
                self._ask(partial(self._absent, [f"left/{rank}" for rank in range(1, self.size)]), 2 * ANSWER_S)
            else:
                self._store.set(f"left/{self.rank}", "")
        dist.destroy_process_group()

    def leave_reason(self, text: str) -> None:
        """Tell the others, as far as they can still be reached, why this rank goes."""
        with suppress(RuntimeError):
            self._store.set("reason", text)

    def what_happened(self) -> tuple[list[int], str]:
        """Once a rank is missed: those that do not answer, and the reason that one of them has left; empty if none."""

        def look() -> tuple[list[str], str]:
            self._store.set(f"here/{self.rank}", "")
            absent = self._absent([f"here/{rank}" for rank in range(self.size)])
            return absent, self._store.get("reason").decode() if self._store.check(["reason"]) else ""

        try:
            absent, reason = self._ask(look, 2 * ANSWER_S)
        except RuntimeError:
            return [0], ""  # which has the store
        return [int(key.rpartition("/")[2]) for key in absent], reason

    def _absent(self, keys: list[str]) -> list[str]:
        """Those of the store's keys that are not there after a while."""
        deadline = time.monotonic() + ANSWER_S
        while keys := [key for key in keys if not self._store.check([key])]:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_S)
        return keys

    @staticmethod
    def _ask(question: Callable[[], Result], seconds: float) -> Result:
        """What the store answers.

        Raises:
            RuntimeError: nothing, for so long.
        """
        answers: list[Result] = []
        problems: list[Exception] = []

        def ask() -> None:
            try:
                answers.append(question())
            except Exception as error:
                problems.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(seconds)
        if not answers:
            raise problems[0] if problems else dist.DistNetworkError("no answer")
        return answers[0]
