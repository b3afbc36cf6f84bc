"""SIGINT (Ctrl-C), SIGTERM, and SIGUSR1, by which Slurm can say that a job's time is up: end in order, with what was
done saved, and with the shell's usual codes 130, 143 and 138.

The first signal raises ``Interrupted`` in the main thread at once, or, inside ``deferred()``, as soon as ``check()`` is
called: a training saves a checkpoint first. A second one a moment later ends the process on the spot.
Worker processes leave SIGINT and SIGUSR1 to their parent, which a terminal, or Slurm, sends them to as well; the parent
asks them to stop. They never outlive it, even when it is killed.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Signals that come together (a terminal's own and one passed on by run.sh) count as one.
SAME_SIGNAL_S = 1.0


class Interrupted(BaseException):
    """The user, or the machine's scheduler, wants an end. Not an Exception: nothing may swallow it by accident.

    ``status`` is the exit status, 128 + the signal's number as shells have it.
    """

    def __init__(self, number: int) -> None:
        self.status = 128 + number


class _Process:
    """What this process knows of signals; class attributes, since signals are a process's."""

    received: int | None = None
    received_at = 0.0
    depth = 0  # of deferred()
    stop: Any = None  # of a worker process: its value is not 0 when the parent asks for an end


def _handle(number: int, frame: FrameType | None) -> None:
    if _Process.received is not None:
        if time.monotonic() - _Process.received_at > SAME_SIGNAL_S:
            os._exit(128 + number)
        return
    if _Process.stop is not None and _Process.depth == 0:
        os._exit(128 + number)  # a worker with nothing to save; a half-written file has a temporary name
    _Process.received, _Process.received_at = number, time.monotonic()
    if _Process.depth == 0:
        raise Interrupted(number)


@contextmanager
def signals_handled() -> Iterator[None]:
    """Handle the signals as described above while the block runs; nothing changes outside the main thread."""
    before = {
        number: signal.signal(number, _handle)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        if threading.current_thread() is threading.main_thread()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
            _Process.received = None


def _end_with_parent(parent: Any) -> None:
    parent.join()
    os._exit(1)


def start_worker(stop: Any) -> None:
    """Initialise a worker process.

    Args:
        stop: a shared number by which the parent asks for an end: anything but 0.
    """
    _Process.stop = stop
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _handle)
    threading.Thread(target=_end_with_parent, args=(multiprocessing.parent_process(),), daemon=True).start()


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, a signal waits for ``check()``; one that came too late for it is raised at the end."""
    _Process.depth += 1
    try:
        yield
    finally:
        _Process.depth -= 1
        if _Process.stop is not None and _Process.received is not None:
            os._exit(128 + _Process.received)  # the parent may be past asking for the result
    if _Process.depth == 0:
        check()


def check() -> None:
    """Raise ``Interrupted`` if somebody wants an end: by a signal, or the parent of this worker process."""
    if _Process.received is not None or (_Process.stop is not None and _Process.stop.value != 0):
        raise Interrupted(_Process.received or signal.SIGTERM)
