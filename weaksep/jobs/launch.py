"""Start the processes of one training, its ranks, on this machine, and wait for their end: what torchrun does.

Beyond that, signals reach them and are waited for, and of all that goes wrong when one of them is lost only the cause
is said. torchrun can start the same ranks.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from weaksep.errors import UserError, refuse
from weaksep.jobs.interrupt import Interrupted, check, deferred
from weaksep.jobs.ranks import GOES_ON, PARENT_VARIABLE, REASON_VARIABLE, read_reason

LOOK_S = 0.1
GRACE_S = 15.0  # for the others to notice that a rank has failed, which they do after the step that they are at
SIOCGIFADDR = 0x8915
INTERRUPTED = (130, 138, 143)


def interface_towards(address: str, port: int) -> str | None:
    """The network interface from which an address is reached; None where that cannot be found out."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, port))  # sends nothing
        own = probe.getsockname()[0]
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                found = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                if socket.inet_ntoa(found[20:24]) == own:
                    return name
    return None


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Nodes:
    """The machines of a training.

    Args:
        here: ranks on this one, and on every other.
        count: machines.
        number: of this one, from 0.
        endpoint: HOST:PORT of rank 0, which is on machine 0; empty with one machine.
    """

    here: int
    count: int = 1
    number: int = 0
    endpoint: str = ""

    @property
    def size(self) -> int:
        """Ranks on all machines."""
        return self.here * self.count

    def refuse_contradictions(self, ngpu: int, num_procs: int) -> None:
        """Check the options that have asked for these ranks.

        Raises:
            UserError: they do not go together.
        """
        raise_first = {
            "--num-procs: of trainings on the CPU; give --ngpu 0, or --ngpu alone": ngpu and num_procs > 1,
            f"--node-rank {self.number}: of {self.count} node(s) (--num-nodes), which are counted from 0": (
                self.number >= self.count
            ),
            "--num-nodes: where do the processes meet? --rdzv-endpoint HOST:PORT, of node 0": (
                self.count > 1 and not self.endpoint
            ),
        }
        refuse(raise_first, UserError)

    def environment(self, local_rank: int) -> dict[str, str]:
        """What one of the ranks finds in its environment.

        Raises:
            UserError: the endpoint is no HOST:PORT.
        """
        host, _, port = self.endpoint.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise UserError(f"--rdzv-endpoint {self.endpoint}: expected HOST:PORT of the first node")
        variables = {
            "RANK": self.number * self.here + local_rank,
            "WORLD_SIZE": self.size,
            "LOCAL_RANK": local_rank,
            "LOCAL_WORLD_SIZE": self.here,
            "MASTER_ADDR": host,
            "MASTER_PORT": port,
            PARENT_VARIABLE: os.getpid(),
            "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),  # lost ranks are told of once
        }
        if found := interface_towards(host, int(port)):
            # Both would else take the interface of this machine's name, which may be one that others cannot reach.
            variables |= {name: os.environ.get(name, found) for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
        return {name: str(value) for name, value in variables.items()}


def launch(module: str, arguments: Sequence[str], nodes: Nodes) -> None:
    """Run a module in every rank of this machine, and wait for their end. Signals are passed on to them.

    Args:
        module: run with ``python -m``.
        arguments: its own.
        nodes: how many ranks, and where.

    Raises:
        UserError: why the first of them has failed.
        Interrupted: they have been interrupted, here or on another machine.
    """
    if nodes.count == 1:
        nodes = Nodes(nodes.here, endpoint=f"127.0.0.1:{free_port()}")
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryDirectory(prefix="weaksep-ranks.") as folder, deferred():
        ranks = _Ranks()
        try:
            for local_rank in range(nodes.here):
                reason = Path(folder) / f"{local_rank}.json"
                own = {**os.environ, **nodes.environment(local_rank), REASON_VARIABLE: str(reason)}
                ranks.add(int(own["RANK"]), subprocess.Popen(command, env=own), reason)
            ranks.wait()
        finally:
            ranks.end()
        ranks.raise_failure()


@dataclass
class _Ranks:
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    reasons: dict[int, Path] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)  # exit statuses, in the order in which they ended

    def add(self, rank: int, process: subprocess.Popen[bytes], reason: Path) -> None:
        self.processes[rank], self.reasons[rank] = process, reason

    def wait(self) -> None:
        """Until all have ended, or those that are left do not."""
        passed_on, deadline = False, float("inf")
        while running := [rank for rank, process in self.processes.items() if process.poll() is None]:
            for rank, process in self.processes.items():
                if process.returncode and rank not in self.failed:
                    self.failed[rank] = process.returncode
                    if process.returncode not in INTERRUPTED:  # the others may still be saving
                        deadline = min(deadline, time.monotonic() + GRACE_S)
            if time.monotonic() > deadline:
                return
            try:
                check()
            except Interrupted:
                for rank in [] if passed_on else running:
                    self.processes[rank].terminate()
                passed_on = True
            time.sleep(LOOK_S)
        self.failed |= {
            rank: process.returncode
            for rank, process in self.processes.items()
            if process.returncode and rank not in self.failed
        }

    def end(self) -> None:
        """See that none is left."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def raise_failure(self) -> None:
        """Say why the ranks have failed, if they have: the cause, not what it has led to."""
        check()
        told = {rank: read_reason(self.reasons[rank]) for rank in self.failed}
        for rank, status in self.failed.items():
            if status < 0:
                raise UserError(f"rank {rank} was killed ({signal.Signals(-status).name}; out of memory?); {GOES_ON}")
        for rank, status in self.failed.items():
            if not told[rank] and status not in INTERRUPTED:
                raise UserError(f"rank {rank} has ended with status {status}, see above")
        for text in filter(None, told.values()):
            raise UserError(text)
        for status in self.failed.values():
            raise Interrupted(status - 128)
