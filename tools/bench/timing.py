"""What every benchmark shares: functions measured in turns, and the record that the page is made of."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.bin.cli import str2bool


def quick() -> bool:
    """Whether the script was called with ``--quick true``: tiny sizes and two rounds, to try it out."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", type=str2bool, default=False, metavar="true|false", help="tiny sizes, to try it out")
    return bool(parser.parse_args().quick)


class Seconds(float):
    """What a function returns that has taken its own time, for example in another process without its start."""


@dataclass(frozen=True)
class Against:
    """What ours is held against.

    Attributes:
        name: a peer, or a limit: what the machine does at best.
        values: its own, one for each round.
        goal: how many times as good as it ours is to be, at the least; None for none.
        limit: whether it is a limit.
    """

    name: str
    values: Sequence[float]
    goal: float | None = None
    limit: bool = False


def in_turns(
    functions: Mapping[str, Callable[[], object]],
    rounds: int,
    warm: int = 1,
    between: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Seconds of each function in each of ``rounds``, one after the other (A B A B): a slow moment of the machine then
    hits all of them. ``warm`` rounds before do not count, nor does ``between``, which is called after every function.
    A function that returns ``Seconds`` took so many."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(warm + rounds):
        for name, function in functions.items():
            started = time.perf_counter()
            result = function()
            taken = time.perf_counter() - started
            if turn >= warm:
                seconds[name].append(result if isinstance(result, Seconds) else taken)
            between()
    return seconds


def quartiles(values: Sequence[float]) -> list[float]:
    """Lower quartile, median and upper quartile."""
    return [float(value) for value in np.percentile(values, [25, 50, 75])]


def record(
    row: str,
    what: str,
    ours: Sequence[float],
    against: Sequence[Against] = (),
    *,
    unit: str = "s",
    at_most: float | None = None,
    note: str = "",
) -> None:
    """Print a measurement, and add it to the file that WEAKSEP_BENCH_OUT names.

    A ratio is that of the medians, and says how many times as good as the other ours is: less is better, of seconds as
    of megabytes.

    Args:
        row: of the page's table.
        what: was measured: sizes, threads.
        ours: one value for each round.
        against: peers and limits, measured in the same run.
        unit: of all values.
        at_most: that the median of ours is to be.
        note: to be read beside the figures.
    """
    middle = quartiles(ours)
    compared: list[dict[str, Any]] = []
    for other in against:
        theirs = quartiles(other.values)
        ratio = theirs[1] / middle[1]
        met = None if other.goal is None else ratio >= other.goal
        compared.append(
            {"name": other.name, "limit": other.limit, "quartiles": theirs, "ratio": ratio, "goal": other.goal}
            | {"met": met}
        )
    met = None if at_most is None else middle[1] <= at_most
    entry: dict[str, Any] = {
        "script": Path(sys.argv[0]).stem,
        "row": row,
        "what": what,
        "unit": unit,
        "quartiles": middle,
        "rounds": len(ours),
    }
    entry |= {"at_most": at_most, "met": met, "against": compared, "note": note}
    print(f"{row}: {what}: ours {middle[1]:.4g} {unit} ({middle[0]:.4g} to {middle[2]:.4g})", end="")
    print("" if at_most is None else f", at most {at_most:g} asked for: {'yes' if met else 'NO'}")
    for one in compared:
        goal = "" if one["goal"] is None else f", goal {one['goal']:g}: {'yes' if one['met'] else 'NO'}"
        print(f"    {one['name']}: {one['quartiles'][1]:.4g} {unit}; ours is {one['ratio']:.3g} times as good{goal}")
    if note:
        print(f"    {note}")
    if out := os.environ.get("WEAKSEP_BENCH_OUT"):
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
