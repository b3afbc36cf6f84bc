"""A step of weak training with the classifier at work, against a step of strong training; two active classes a clip."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from steps import make_sets, step, strong_objective, weak_objective
from timing import best_of, report

from weaksep.train.objectives import SeparatorObjective

KINDS = ("strong", "frame", "clip")


def main() -> None:
    """Batch of 16 clips of 2.5 s at 8 kHz, BLSTM 2 x 128, light classifier, one thread."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        batches = {kind: clips.batch(range(16)) for kind, clips in make_sets(Path(name), 16, *KINDS).items()}
    objectives: dict[str, SeparatorObjective] = {"strong": strong_objective()}
    objectives |= {kind: weak_objective() for kind in KINDS[1:]}
    optimisers = {
        kind: torch.optim.Adam([p for p in objective.parameters() if p.requires_grad])
        for kind, objective in objectives.items()
    }
    steps: dict[str, Callable[[], object]] = {
        kind: partial(step, objectives[kind], optimisers[kind], batches[kind]) for kind in objectives
    }
    best = best_of(steps, rounds=10)
    for kind in KINDS[1:]:
        report(f"{kind} step against a strong one", best[kind], best["strong"], "0.5")


if __name__ == "__main__":
    main()
