"""Where the time of an epoch goes, by PyTorch's profiler: PROFILES.md, for strong, weak and remix training.

Operators are counted by their own time, without that of those which they call, in the thread that trains and in that of
the backward pass. What is left of the epoch is outside them: Python, reading, drawing and writing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from loop import CASES
from steps import clips_of, epoch, make_set, objective
from torch.profiler import ProfilerActivity, profile

from weaksep.fileio.atomic import write_text
from weaksep.report.environment import environment, environment_lines

STEPS, SIZE, LISTED = 20, 16, 10
INTRODUCTION = f"""\
# Where the time of an epoch goes

Epochs of {STEPS} steps of {SIZE} clips of 2.5 s at 8 kHz and one validation, one thread, by PyTorch's profiler, which
itself takes some. `python tools/bench/profiles.py` makes this page; `tools/bench/loop.py` times the same epochs against
the same steps on tensors in memory.
"""
# What was done about what each is bound by. Figures of it are in the page that run.sh writes.
DONE = {
    "strong": "The two LSTM layers bound it: they are oneDNN's, and nothing of ours is worth mending beside them. "
    "Done: features are read by pread into one batch, in a thread, while the step before is computed.",
    "weak": "The separator's LSTM again. Done: only active sources are classified (`active_sources_only`), and losses "
    "go over the spectra in fewer passes.",
    "remix": "The U-Net's convolutions, forward and backward. Done: maps channels last; transposed convolutions as "
    "linear layers; batches are drawn, transformed and added up in a thread beside the step. torch.compile made the "
    "step a tenth slower on a processor and was left out.",
}


def profiled(case: str, folder: Path) -> tuple[float, Mapping[str, tuple[float, int]]]:
    """Seconds of one epoch, and operator -> its own seconds and its calls."""
    known, net, losses, _ = CASES[case]
    sets = [make_set(folder / name, count, 1) for name, count in (("train", STEPS * SIZE), ("valid", 2 * SIZE))]
    train, valid = (clips_of(folders, **known) for folders in sets)
    whole = objective(net, **losses)
    epoch(whole, train, valid, SIZE, folder / "warm")
    with profile(activities=[ProfilerActivity.CPU]) as found:
        started = time.perf_counter()
        epoch(whole, train, valid, SIZE, folder / "exp")
        seconds = time.perf_counter() - started
    return seconds, {event.key: (event.self_cpu_time_total / 1e6, event.count) for event in found.key_averages()}


def section(case: str, seconds: float, operators: Mapping[str, tuple[float, int]]) -> str:
    """A part of the page."""
    largest = sorted(operators.items(), key=lambda item: -item[1][0])
    rest = sum(own for _, (own, _) in largest[LISTED:])
    outside = seconds - sum(own for own, _ in operators.values())
    rows = [(f"`{name}`", own, f"{calls:,}") for name, (own, calls) in largest[:LISTED]]
    rows += [("other operators", rest, ""), ("outside operators", outside, "")]
    lines = [f"| {name} | {own:.2f} | {100 * own / seconds:.0f} | {calls} |" for name, own, calls in rows]
    head = ["| operator | s | % | calls |", "|:---|---:|---:|---:|"]
    about = f"{CASES[case][3]}; {seconds:.1f} s. {DONE[case]}"
    return "\n".join([f"## {case}", "", about, "", *head, *lines, ""])


def main() -> None:
    """Profile an epoch of each kind, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "PROFILES.md")
    args = parser.parse_args()
    torch.set_num_threads(1)
    parts = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            parts.append(section(case, *profiled(case, Path(name))))
        print(parts[-1], flush=True)
    facts = {name: value for name, value in environment_lines(environment(None)).items() if name != "seed"}
    told = f"<sub>{'; '.join(f'{name} {value}' for name, value in facts.items())}</sub>\n"
    write_text(args.out, "\n".join([INTRODUCTION, *parts, told]))


if __name__ == "__main__":
    main()
