"""Training of the NMF baseline: one dictionary of spectra a class, learnt from the isolated sources."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.feats.mixed import TrainingSet
from weaksep.fileio.checkpoint import save_checkpoint
from weaksep.jobs.interrupt import check
from weaksep.losses.mixture import kept_frames
from weaksep.losses.strong import strong_loss
from weaksep.nets.nmf import LEARNING_ITERATIONS, NmfSeparator, learn_spectra
from weaksep.seeding import derived_seed, generator
from weaksep.train.config import SeparatorTraining
from weaksep.train.history import write_history
from weaksep.train.objectives import TensorBatch, to_device
from weaksep.train.state import State

logger = logging.getLogger(__name__)

MAX_FRAMES = 20_000  # of a class; more of them change a dictionary of a few dozen spectra little
BATCH_CLIPS = 64
CPU = torch.device("cpu")


def class_frames(train: TrainingSet, seed: int) -> list[np.ndarray]:
    """Frames of each class alone, (R, F) with R up to MAX_FRAMES, from clips in a drawn order; silent ones left out."""
    frames: list[list[np.ndarray]] = [[] for _ in train.labels]
    counts = np.zeros(len(train.labels), dtype=np.int64)
    order = generator(seed, "dictionary").permutation(len(train))
    for start in range(0, len(order), BATCH_CLIPS):
        check()
        sources = train.batch(order[start : start + BATCH_CLIPS]).sources  # type: ignore[union-attr]
        assert sources is not None
        for k in np.flatnonzero(counts < MAX_FRAMES):
            kept = kept_frames(torch.from_numpy(sources[:, k])).numpy() > 0
            frames[k].append(sources[:, k][kept])
            counts[k] += kept.sum()
        if (counts >= MAX_FRAMES).all():
            break
    return [np.concatenate(own)[:MAX_FRAMES] for own in frames]


def learn_dictionary(
    config: SeparatorTraining, train: TrainingSet, valid: TrainingSet, exp: Path, describe: dict[str, Any]
) -> State:
    """Learn the dictionaries and leave best.pt and history.jsonl in ``exp``, as a training does.

    Args:
        config: ``net.units`` spectra a class.
        train, valid: clips with their isolated sources.
        exp: experiment folder.
        describe: stored in best.pt beside the dictionaries.

    Raises:
        UserError: a class never sounds in the training set.
    """
    started = time.monotonic()
    frames = class_frames(train, config.seed)
    missing = [label for label, own in zip(train.labels, frames, strict=True) if not len(own)]
    if missing:
        raise UserError(f"{train.data.path}: no sound of class {', '.join(missing)} to learn a dictionary from")
    net = NmfSeparator(config.net, len(train.labels), train.features.n_bins)
    for k, (label, own) in enumerate(zip(train.labels, frames, strict=True)):
        check()
        seed = derived_seed(config.seed, "dictionary", label) % 2**32
        net.spectra[k] = torch.from_numpy(learn_spectra(own, config.net.units, seed))
        logger.info("%s: %d spectra from %d frames of %s", exp.name, config.net.units, len(own), label)
    losses = {name: _strong_loss(net, clips) for name, clips in (("train", train), ("valid", valid))}
    row = {
        "epoch": 1,
        "step": LEARNING_ITERATIONS,
        "device": "cpu",
        "seconds": round(time.monotonic() - started, 2),
        "learning_rate": 0.0,
        **{name: {"loss": config.loss.mixture_weight * loss, "strong": loss} for name, loss in losses.items()},
    }
    state = State(threads=torch.get_num_threads())
    state.end_epoch(row)
    write_history(exp / "history.jsonl", state.history)  # first: a best.pt is a training that has ended
    save_checkpoint(exp / "best.pt", {**describe, "epoch": 1, "model": net.state_dict()})
    logger.info("%s: finished; validation loss %.4f", exp.name, state.best_loss)
    return state


def _strong_loss(net: NmfSeparator, clips: TrainingSet) -> float:
    """Mean strong loss over (the first of) a set's clips: factorising thousands would take longer than learning."""
    batch = to_device(clips.batch(range(min(len(clips), BATCH_CLIPS))), CPU)
    assert isinstance(batch, TensorBatch) and batch.sources is not None
    return float(strong_loss(batch.magnitude, net(batch.magnitude), batch.sources))
