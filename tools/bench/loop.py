"""An epoch of strong training as the loop reads it from the disk, against the same steps on tensors in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from steps import make_sets, step, strong_objective
from timing import best_of, report

from weaksep.train.config import OptimConfig
from weaksep.train.loop import epoch_batches, load_batches

CLIPS = 320


def main() -> None:
    """20 batches of 16 clips of 2.5 s at 8 kHz, BLSTM 2 x 128, one thread."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    with tempfile.TemporaryDirectory() as name:
        clips = make_sets(Path(name), CLIPS, "strong")["strong"]
        objective = strong_objective()
        optimiser = torch.optim.Adam(objective.parameters())
        order = epoch_batches(CLIPS, OptimConfig(batch_size=16), 0, 0)
        in_memory = list(load_batches(clips, order, device))

        def ours() -> None:
            for batches in load_batches(clips, order, device):
                step(objective, optimiser, batches)

        def peer() -> None:
            for batches in in_memory:
                step(objective, optimiser, batches)

        best = best_of({"ours": ours, "peer": peer}, rounds=5)
    report("epoch of 20 strong steps", best["ours"], best["peer"], "0.95")


if __name__ == "__main__":
    main()
