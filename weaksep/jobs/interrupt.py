"""SIGINT (Ctrl-C) and SIGTERM: end in order, with what was done saved, and with the shell's usual codes 130 and 143.

The first signal raises ``Interrupted`` in the main thread at once, or, inside ``deferred()``, as soon as ``check()`` is
called: a training saves a checkpoint first. A second one a moment later ends the process on the spot.
Worker processes leave SIGINT to their parent, which a terminal sends it to as well; the parent asks them to stop. They
never outlive it, even when it is killed.
"""

from __future__ import annotations

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
    """The user, or the machine's scheduler, wants an end. Not an Exception: nothing may swallow it by accident."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def status(self) -> int:
        """Exit status, 128 + the signal's number as shells have it."""
        return 128 + self.number


class _Process:
    """What this process knows of signals; one object, since signals are a process's."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.received_at = 0.0
        self.depth = 0
        self.stop: Any = None  # of a worker process: its value is not 0 when the parent asks for an end
        self.is_worker = False


_process = _Process()


def _handle(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _process.received is not None:
        if now - _process.received_at > SAME_SIGNAL_S:
            os._exit(128 + number)
        return
    if _process.is_worker and _process.depth == 0:
        os._exit(128 + number)  # nothing to save; a half-written file has a temporary name
    _process.received, _process.received_at = number, now
    if _process.depth == 0:
        raise Interrupted(number)


@contextmanager
def signals_handled() -> Iterator[None]:
    """Handle SIGINT and SIGTERM as described above while the block runs; nothing changes outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _process.received = None
    before = {number: signal.signal(number, _handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def start_worker(stop: Any) -> None:
    """Initialise a worker process.

    Args:
        stop: a shared number by which the parent asks for an end: anything but 0.
    """
    _process.is_worker = True
    _process.stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _handle)
    threading.Thread(target=_end_with_parent, daemon=True).start()


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, a signal waits for ``check()``; one that came too late for it is raised at the end."""
    _process.depth += 1
    try:
        yield
    finally:
        _process.depth -= 1
        if _process.is_worker and _process.received is not None:
            os._exit(128 + _process.received)  # the parent may be past asking for the result
    if _process.depth == 0:
        check()


def requested() -> bool:
    """Whether somebody wants an end."""
    return _process.received is not None or (_process.stop is not None and _process.stop.value != 0)


def check() -> None:
    """Raise ``Interrupted`` if somebody wants an end."""
    if requested():
        raise Interrupted(_process.received or signal.SIGTERM)
