"""A model of what the stages cost, fitted to what scale.py has measured, and what it says of larger corpora.

Processor time of a stage = its start + a * clips + b * seconds of audio, a and b at least 0, by least squares of
relative errors. The largest corpus and the runs with two workers are left out of the fit: the model is checked on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import nnls

HOURS, NODES, CORES, CLIP_S = (10, 1000, 100_000), (1, 8, 64), 16, 10.0
Costs = Mapping[str, tuple[float, float]]  # stage -> seconds a clip, seconds a second of audio
INTRODUCTION = f"""\
## What larger corpora cost, by a model

Not measured: processor time of a stage = its start + a × clips + b × seconds of audio, fitted to the rows above with
one worker and two classes, except the largest corpus. The check below holds the model against what was left out. The
table after it is for clips of {CLIP_S:g} s and nodes of {CORES} such cores, all of them busy, and storage that keeps
up; what two workers take more than one is added once, not for every doubling. Training is not in it: its steps are the
user's choice, and what one takes is in `tools/bench/COSTS.md`. An hour at 8 kHz takes 58 MB for the mixture and as much
for each reference; spectra, where they are kept, twice that.
"""


def core_seconds(cost: tuple[float, float], clips: float, seconds: float) -> float:
    """Of so many clips of so many seconds each, without the start."""
    return cost[0] * clips + cost[1] * clips * seconds


def fitted(rows: Sequence[dict[str, Any]], start: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Costs of each stage that the rows have."""
    costs = {}
    for name, (begun, _) in start.items():
        own = [row for row in rows if name in row["stages"]]
        sizes = np.array([[row["size"]["clips"], row["size"]["clips"] * row["size"]["seconds"]] for row in own])
        taken = np.array([row["stages"][name][0] for row in own])
        beyond = np.maximum(taken - begun, 0.0)
        per_clip, per_second = nnls(sizes / taken[:, None], beyond / taken)[0]
        costs[name] = (float(per_clip), float(per_second))
    return costs


def split(varied: Mapping[str, list[dict[str, Any]]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows to fit the model to, and those to check it on."""
    *smaller, largest = varied["clips"]
    return [*smaller, *varied["seconds"], varied["nj"][0]], [largest, varied["nj"][1]]


def efficiency(rows: Sequence[dict[str, Any]], start: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Of two workers: processor time of one over that of two together, starts taken off; at most 1."""
    one, two = (row["stages"] for row in rows)
    beyond = {name: (one[name][0] - start[name][0], two[name][0] - start[name][0]) for name in one}
    return {name: min(1.0, alone / shared) for name, (alone, shared) in beyond.items() if min(alone, shared) > 0}


def duration(seconds: float) -> str:
    """As people say it.

    >>> duration(42), duration(5400), duration(900_000)
    ('42 s', '1.5 h', '10.4 d')
    """
    for least, unit, name in ((172_800, 86_400, "d"), (3600, 3600, "h"), (60, 60, "min")):
        if seconds >= least:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def sizing(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the page's part on larger corpora."""
    start = found["start"]
    fit, check = split(found["varied"])
    costs, shared = fitted(fit, start), efficiency(found["varied"]["nj"], start)
    yield INTRODUCTION
    yield "| stage | start, s | ms a clip | s an hour of audio | one worker's time / two's |\n|---|---:|---:|---:|---:|"
    for name, (per_clip, per_second) in costs.items():
        cells = [f"{start[name][0]:.1f}", f"{1e3 * per_clip:.2f}", f"{3600 * per_second:.1f}"]
        yield f"| {name} | {' | '.join(cells)} | {shared.get(name, 1.0):.2f} |"
    yield "\n| held against the model | stage | model, s | measured, s |\n|---|---|---:|---:|"
    for row in check:
        size = row["size"]
        about = f"{size['clips']:,} clips of {size['seconds']:g} s, {size['nj']} worker(s)"
        for name, (taken, _) in row["stages"].items():
            alone = core_seconds(costs[name], size["clips"], size["seconds"])
            expected = start[name][0] + alone / (shared.get(name, 1.0) if size["nj"] > 1 else 1.0)
            yield f"| {about} | {name} | {expected:.1f} | {taken:.1f} |"
    stages = [name for name in costs if name != "training's start"]
    yield f"\n| by the model | {' | '.join(stages)} | all of them |\n|---|{'---:|' * (len(stages) + 1)}"
    for hours in HOURS:
        clips = hours * 3600 / CLIP_S
        for nodes in NODES:
            taken = {
                name: start[name][0]
                + core_seconds(costs[name], clips, CLIP_S) / (nodes * CORES * shared.get(name, 1.0))
                for name in stages
            }
            cells = [*map(duration, taken.values()), duration(sum(taken.values()))]
            yield f"| {hours:,} hours, {nodes} node(s) | {' | '.join(cells)} |"
