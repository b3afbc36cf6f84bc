"""Steps a second on a GPU, at the paper's size: nets, batch sizes and precisions, with batches on the GPU already and
with batches made from audio by the loader; by that, the hours of the paper's table. Without a GPU it says so."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from steps import adam, clips_of, make_set, objective, step
from timing import quick, record

from weaksep.feats.batch import Batch
from weaksep.feats.config import FeatsConfig
from weaksep.train.loop import load_batches
from weaksep.train.objectives import SeparatorObjective
from weaksep.train.precision import set_precision

NETS: dict[str, dict[str, Any]] = {
    "BLSTM 3 x 600": {"layers": 3, "units": 600, "mask": "sigmoid"},
    "U-Net [64, 128, 192, 256]": {"kind": "unet", "channels": [64, 128, 192, 256], "units": 256, "mask_floor": 0.05},
}
SECONDS = 4.0  # of measuring each
# Of the paper's table: 20,000 clips an epoch, batches of 8, 50 epochs, for strong, frame and clip.
PAPER_STEPS = 3 * 50 * 20_000 // 8


def seconds_a_step(whole: SeparatorObjective, batches: Iterator[list[Batch]], device: torch.device) -> float:
    """Mean over ``SECONDS``, after five steps that do not count."""
    optimiser = adam(whole)
    for batch in islice(batches, 5):
        step(whole, optimiser, batch)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        step(whole, optimiser, next(batches))
        done += 1
        if device.type == "cuda":
            torch.cuda.synchronize()
    return (time.perf_counter() - started) / done


def main() -> None:
    """Clips of 4 s at 16 kHz, 512-sample windows every 128, five classes, the strong loss."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not quick():
        print("gpu: no GPU here: not measured")
        return
    with tempfile.TemporaryDirectory() as name:
        folders = make_set(Path(name), 16 if quick() else 512, rate=16000, n_samples=64000, feats=FeatsConfig())
        clips = clips_of(folders, "strong")
        for net, settings in NETS.items():
            for size in (2,) if quick() else (8, 32, 128):
                for precision in ("float32", "tf32", "bf16"):
                    whole = objective(settings, n_bins=257, strong={}).to(device).train()
                    set_precision(whole.net, precision, device, net)
                    ready = [batch.to(device) for batch in clips.batch(range(size))]
                    in_memory = seconds_a_step(whole, cycle([ready]), device)
                    order = [np.arange(at, at + size) for at in range(0, len(clips) - size + 1, size)] * 1000
                    loaded = seconds_a_step(whole, load_batches(clips, order, device), device)
                    hours = loaded * PAPER_STEPS * 8 / size / 3600
                    note = f"{net}, batches of {size}, {precision}: the paper's table would take {hours:.1f} h."
                    for what, seconds in (("ready", in_memory), ("from audio", loaded)):
                        record("gpu", f"{net}, {size} clips, {precision}, batches {what}", [seconds],
                               note=note if what == "from audio" else "")  # fmt: skip


if __name__ == "__main__":
    main()
