"""Read the next batches while the current one is computed. Reading releases the interpreter lock, so a thread does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")

AHEAD = 3


def prefetch(load: Callable[[Item], Loaded], items: Iterable[Item]) -> Iterator[Loaded]:
    """Yield load(item) in order, a few items ahead; an error in load is raised where its result would come."""
    with ThreadPoolExecutor(1) as thread:
        waiting: deque = deque()
        for item in items:
            waiting.append(thread.submit(load, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
