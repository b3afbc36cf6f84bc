"""What the benchmarks of training share: a made-up data set on the disk, objectives, one step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.feats.batch import Batch
from weaksep.feats.config import FeatsConfig, Knowledge
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.fileio.audio import write_audio
from weaksep.fileio.network import Description, write_network
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import write_tsv
from weaksep.losses.registry import find_loss
from weaksep.losses.settings import END
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.config import OptimConfig
from weaksep.train.loop import fit
from weaksep.train.objectives import SeparatorObjective
from weaksep.train.parts import Term

CLASSES = ("a", "b", "c", "d", "e")
RATE, N_SAMPLES = 8000, 20000
FEATS = FeatsConfig(window_samples=256, hop_samples=128)
BLSTM: dict[str, Any] = {"layers": 2, "units": 128}  # the CPU size
UNET: dict[str, Any] = {"kind": "unet", "channels": [24, 48, 72, 96], "layers": 1, "units": 64, "mask_floor": 0.05}
CLASSIFIER = {"kind": "light", "units": 64, "channels": [64, 64]}
REMIX: dict[str, Any] = {"max_clips": 4, "p_single": 0.1, "target": "phase_sensitive"}
Folders = tuple[Path, Path]


def make_set(
    folder: Path,
    n_clips: int,
    classes_a_clip: int = 2,
    *,
    name: str = "",
    classes: Sequence[str] = CLASSES,
    rate: int = RATE,
    n_samples: int = N_SAMPLES,
    feats: FeatsConfig = FEATS,
) -> Folders:
    """Clips of noise, and their spectra: folder/data/NAME and folder/dump/NAME."""
    rng = np.random.default_rng(0)
    data, dump = folder / "data" / name, folder / "dump" / name
    tables: dict[str, dict[str, str]] = {table: {} for table in ("wav", *(f"src_{label}" for label in classes))}
    labels, events = {}, []
    for index in range(n_clips):
        utt = f"{name}{index:04d}"
        active = sorted(rng.choice(classes, classes_a_clip, replace=False).tolist(), key=list(classes).index)
        sources = {f"src_{label}": rng.integers(-900, 900, n_samples).astype(np.int16) for label in active}
        for table, audio in (sources | {"wav": np.asarray(sum(sources.values()))}).items():
            tables[table][utt] = f"{table}-{utt}.wav"
            write_audio(data / tables[table][utt], audio, rate, durable=False)
        labels[utt] = ",".join(active)
        times = {"filename": f"{utt}.wav", "onset": 0.2, "offset": 2.0}
        events += [{**times, "event_label": label} for label in active]
    for table, entries in tables.items():
        write_table(data / f"{table}.scp", entries)
    write_table(data / "utt2labels", labels)
    write_tsv(data / "events.tsv", ["filename", "onset", "offset", "event_label"], events)
    (data / "labels.txt").write_text("\n".join(classes) + "\n")
    extract(data, dump, feats, nj=1, references=True)
    return data, dump


def clips_of(folders: Folders, supervision: str, **known: Any) -> TrainingSet:
    """The clips as a training set, with what may be known of each."""
    return TrainingSet(*folders, Knowledge.model_validate({"supervision": supervision, **known}))


def terms_of(**losses: dict[str, Any]) -> dict[str, Term]:
    """Losses with their settings."""
    found = {name: find_loss(name) for name in losses}
    return {name: Term(loss, loss.settings(**losses[name])) for name, loss in found.items()}


def objective(net: dict[str, Any], n_bins: int = 129, **losses: dict[str, Any]) -> SeparatorObjective:
    """A separator of these settings with these losses, and a frozen light classifier where they ask for one."""
    needed = "classification" in losses
    classifier = build_classifier(CLASSIFIER, len(CLASSES), n_bins, RATE) if needed else None
    weights = torch.ones(len(CLASSES)) if needed else None
    return SeparatorObjective(build_separator(net, len(CLASSES), n_bins), terms_of(**losses), classifier, weights)


def adam(whole: SeparatorObjective) -> torch.optim.Adam:
    """The optimiser of a training."""
    return torch.optim.Adam([parameter for parameter in whole.parameters() if parameter.requires_grad])


def step(whole: SeparatorObjective, optimiser: torch.optim.Optimizer, batches: list[Batch]) -> None:
    """Forward, backward, update."""
    parts = whole(batches, END)
    optimiser.zero_grad(set_to_none=True)
    parts["loss"].backward()
    torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 5.0)
    optimiser.step()


def epoch(whole: SeparatorObjective, train: TrainingSet, valid: TrainingSet, size: int, exp: Path) -> None:
    """An epoch of the training loop, with all that it writes."""
    about = Description(task="separator", classes=list(CLASSES), features=train.features.settings, config={})
    fit(
        whole,
        train,
        valid,
        optim=OptimConfig(batch_size=size, max_epochs=1),
        settled=0.0,
        seed=0,
        config={},
        exp=exp,
        device=torch.device("cpu"),
        save_network=lambda _: write_network(exp, about, whole.net.state_dict()),
        name="bench",
    )
