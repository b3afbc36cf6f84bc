"""What loop.py and weak_step.py share: a made-up data set on the disk, objectives, one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table, write_tsv
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.config import LossConfig
from weaksep.train.objectives import AnyBatch, StrongObjective, WeakObjective
from weaksep.train.schedule import Weights

CLASSES = ("a", "b", "c", "d", "e")
RATE, N_SAMPLES = 8000, 20000
SEPARATOR = {"layers": 2, "units": 128}
CLASSIFIER = {"kind": "light", "units": 64, "channels": [64, 64]}
LOSS = LossConfig(active_sources_only=True)


def make_set(folder: Path, n_clips: int) -> tuple[Path, Path]:
    """Data and dump folder of noise clips, two classes active in each."""
    rng = np.random.default_rng(0)
    data, dump = folder / "data", folder / "dump"
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav", *(f"src_{name}" for name in CLASSES))}
    labels, events = {}, []
    for index in range(n_clips):
        utt = f"{index:04d}"
        active = rng.choice(CLASSES, 2, replace=False).tolist()
        sources = {name: rng.integers(-900, 900, N_SAMPLES).astype(np.int16) for name in active}
        for name, audio in {
            "wav": np.asarray(sum(sources.values())),
            **{f"src_{k}": v for k, v in sources.items()},
        }.items():
            tables[name][utt] = f"{name}-{utt}.wav"
            write_audio(data / tables[name][utt], audio, RATE, durable=False)
        labels[utt] = ",".join(sorted(active))
        times = {"filename": f"{utt}.wav", "onset": 0.2, "offset": 2.0}
        events += [{**times, "event_label": name} for name in active]
    for name, table in tables.items():
        write_table(data / f"{name}.scp", table)
    write_table(data / "utt2labels", labels)
    write_tsv(data / "events.tsv", ["filename", "onset", "offset", "event_label"], events)
    (data / "labels.txt").write_text("\n".join(CLASSES) + "\n")
    extract(data, dump, FeatsConfig(window_samples=256, hop_samples=128), nj=1, references=True)
    return data, dump


def strong_objective() -> StrongObjective:
    """The CPU-sized separator with the strong loss."""
    return StrongObjective(build_separator(SEPARATOR, len(CLASSES), 129), LOSS)


def weak_objective() -> WeakObjective:
    """The CPU-sized separator with the weak losses and a frozen light classifier."""
    classifier = build_classifier(CLASSIFIER, len(CLASSES), 129, RATE)
    return WeakObjective(build_separator(SEPARATOR, len(CLASSES), 129), classifier, torch.ones(5), LOSS, joint=False)


def step(objective: torch.nn.Module, optimiser: torch.optim.Optimizer, batch: AnyBatch, weight: float) -> None:
    """Forward, backward, update."""
    parts = objective(batch, Weights(weight, LOSS.residual_weight))
    optimiser.zero_grad(set_to_none=True)
    parts["loss"].backward()
    torch.nn.utils.clip_grad_norm_([p for p in objective.parameters() if p.requires_grad], 5.0)
    optimiser.step()
