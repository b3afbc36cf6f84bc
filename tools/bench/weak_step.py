"""A step of training from weak labels against one from isolated sources; batches in memory, the same net."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from steps import BLSTM, REMIX, UNET, adam, clips_of, make_set, objective, step
from timing import Against, in_turns, quick, record

MIXTURE: dict[str, Any] = {"mixture": {}}
ACTIVE = MIXTURE | {"classification": {"active_sources_only": True}}
# What the step is trained from and by, and how many times a strong step's time it may take.
STEPS: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
    "frame labels, active sources": ({"supervision": "frame"}, ACTIVE, 1.1),
    "clip labels, active sources": ({"supervision": "clip"}, ACTIVE, 1.1),
    "frame labels, all sources": ({"supervision": "frame"}, MIXTURE | {"classification": {}}, 1.5),
    "clip labels, all sources": ({"supervision": "clip"}, MIXTURE | {"classification": {}}, 1.5),
    "remix": ({"supervision": "clip", "remix": REMIX}, {"remix": {}}, 1.2),
}


def main() -> None:
    """Batch of 16 clips of 2.5 s at 8 kHz, two of five classes in each, frozen light classifier, one thread."""
    size, rounds, repeats = (4, 2, 1) if quick() else (16, 10, 4)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folders = make_set(Path(name), size)
        batches = {row: clips_of(folders, **known).batch(range(size)) for row, (known, _, _) in STEPS.items()}
        batches["strong"] = clips_of(folders, "strong").batch(range(size))
    for about, net in {"BLSTM 2 x 128": BLSTM, "U-Net": UNET}.items():
        functions: dict[str, Callable[[], object]] = {}
        for row, batch in batches.items():
            whole = objective(net, **(STEPS[row][1] if row in STEPS else {"strong": {}}))
            one = partial(step, whole, adam(whole), batch)
            functions[row] = lambda one=one: [one() for _ in range(repeats)]  # type: ignore[misc]
        seconds = {row: [taken / repeats for taken in own] for row, own in in_turns(functions, rounds).items()}
        for row, (_, _, times) in STEPS.items():
            what = f"a step of {size} clips of 2.5 s, {about}, one thread; at most {times} times a strong step"
            record(
                f"step, {row}, {about}", what, seconds[row], [Against("a strong step", seconds["strong"], 1 / times)]
            )


if __name__ == "__main__":
    main()
