"""What loop.py and weak_step.py share: a made-up data set on the disk, objectives, one step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.feats.batch import Batch
from weaksep.feats.config import FeatsConfig, Knowledge
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table, write_tsv
from weaksep.losses.registry import find_loss
from weaksep.losses.settings import END
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.objectives import SeparatorObjective
from weaksep.train.parts import Term

CLASSES = ("a", "b", "c", "d", "e")
RATE, N_SAMPLES = 8000, 20000
SEPARATOR = {"layers": 2, "units": 128}
CLASSIFIER = {"kind": "light", "units": 64, "channels": [64, 64]}


def make_sets(folder: Path, n_clips: int, *kinds: str) -> dict[str, TrainingSet]:
    """Noise clips, two classes active in each, as training sets by kind of supervision."""
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
    return {kind: TrainingSet(data, dump, Knowledge(supervision=kind)) for kind in kinds}


def terms_of(**losses: dict[str, Any]) -> dict[str, Term]:
    """Losses with their settings."""
    found = {name: find_loss(name) for name in losses}
    return {name: Term(loss, loss.settings(**losses[name])) for name, loss in found.items()}


def strong_objective() -> SeparatorObjective:
    """The CPU-sized separator with the strong loss."""
    return SeparatorObjective(build_separator(SEPARATOR, len(CLASSES), 129), terms_of(strong={}))


def weak_objective() -> SeparatorObjective:
    """The CPU-sized separator with the weak losses and a frozen light classifier."""
    terms = terms_of(mixture={}, classification={"active_sources_only": True})
    classifier = build_classifier(CLASSIFIER, len(CLASSES), 129, RATE)
    return SeparatorObjective(build_separator(SEPARATOR, len(CLASSES), 129), terms, classifier, torch.ones(5))


def step(objective: SeparatorObjective, optimiser: torch.optim.Optimizer, batches: list[Batch]) -> None:
    """Forward, backward, update."""
    parts = objective(batches, END)
    optimiser.zero_grad(set_to_none=True)
    parts["loss"].backward()
    torch.nn.utils.clip_grad_norm_([p for p in objective.parameters() if p.requires_grad], 5.0)
    optimiser.step()
