"""Best of several runs, peers taken in turn so that a slow moment of the machine hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable


def best_of(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Shortest time in seconds of each function over ``rounds``; one round before them does not count."""
    best = dict.fromkeys(functions, float("inf"))
    for turn in range(rounds + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def report(what: str, ours: float, peer: float, goal: str) -> None:
    """One line: both times and how many times the peer's speed ours is."""
    print(
        f"{what}: ours {1e3 * ours:.3f} ms, peer {1e3 * peer:.3f} ms, {peer / ours:.2f} times its speed (goal {goal})"
    )
