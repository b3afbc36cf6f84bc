"""Read the next batches while the current one is computed. Reading releases the interpreter lock, so threads do."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")

AHEAD = 3


def prefetch(load: Callable[[Item], Loaded], items: Iterable[Item], threads: int = 1) -> Iterator[Loaded]:
    """Yield load(item) in order, ``AHEAD`` items ahead and as many as are being read; an error in load is raised where
    its result would come."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        for item in items:
            waiting.append(pool.submit(load, item))
            if len(waiting) >= AHEAD + threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
