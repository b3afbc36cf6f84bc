"""A model of what the stages cost, fitted to what scale.py has measured, and what it says of larger corpora.

Processor time of a stage = its start, once more for each worker beside the first process, + a * clips + b * seconds of
audio, a and b at least 0, by least squares of relative errors. The largest corpus and the runs with two workers are
left out of the fit: the model is checked on them.
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
one worker and two classes, except the largest corpus; several workers start beside the first process, each as it does.
The check below holds the model against what was left out; where it is too low there, it will be for larger corpora too.
The table after it is for clips of {CLIP_S:g} s and nodes of {CORES} such cores, all of them busy, and storage that
keeps up. Training is not in it: its steps are the user's choice (`tools/bench/costs.py` measures what one takes). An
hour at 8 kHz takes 58 MB for the mixture and as much for each reference; spectra, where they are kept, twice that.
"""


def processor_seconds(cost: tuple[float, float], begun: float, clips: float, seconds: float, workers: int = 1) -> float:
    """Of all processes, for so many clips of so many seconds each; ``begun`` is the start of one."""
    return begun * (1 + workers if workers > 1 else 1) + cost[0] * clips + cost[1] * clips * seconds


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
    costs = fitted(fit, start)
    yield INTRODUCTION
    yield "| stage | start, s | ms a clip | s an hour of audio |\n|---|---:|---:|---:|"
    for name, (per_clip, per_second) in costs.items():
        yield f"| {name} | {start[name][0]:.1f} | {1e3 * per_clip:.2f} | {3600 * per_second:.1f} |"
    yield "\n| held against the model | stage | model, s | measured, s |\n|---|---|---:|---:|"
    stages = [name for name in costs if name != "training's start"]  # which has no workers
    for row in check:
        size = row["size"]
        about = f"{size['clips']:,} clips of {size['seconds']:g} s, {size['nj']} worker(s)"
        for name in filter(row["stages"].__contains__, stages):
            expected = processor_seconds(costs[name], start[name][0], size["clips"], size["seconds"], size["nj"])
            yield f"| {about} | {name} | {expected:.1f} | {row['stages'][name][0]:.1f} |"
    yield f"\n| by the model | {' | '.join(stages)} | all of them |\n|---|{'---:|' * (len(stages) + 1)}"
    for hours in HOURS:
        clips = hours * 3600 / CLIP_S
        for nodes in NODES:
            cores = nodes * CORES
            # Workers start at once, after the first process.
            taken = [
                start[name][0] + processor_seconds(costs[name], start[name][0] * cores, clips, CLIP_S) / cores
                for name in stages
            ]
            cells = [*map(duration, taken), duration(sum(taken))]
            yield f"| {hours:,} hours, {nodes} node(s) | {' | '.join(cells)} |"
