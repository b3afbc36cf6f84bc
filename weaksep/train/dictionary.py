"""Training of the NMF baseline: one dictionary of spectra a class, learnt from the isolated sources."""

import logging
import time

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.feats.dataset import TrainingSet
from weaksep.fileio.network import Description, write_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs.interrupt import check
from weaksep.losses.mixture import kept_frames
from weaksep.losses.strong import strong_loss
from weaksep.nets.build import build_separator
from weaksep.nets.separators.nmf import LEARNING_ITERATIONS, Net, learn_spectra
from weaksep.seeding import derived_seed, generator
from weaksep.train.config import SeparatorTraining
from weaksep.train.parts import loss_terms
from weaksep.train.plan import Plan
from weaksep.train.state import State, write_history

logger = logging.getLogger(__name__)

MAX_FRAMES = 20_000  # of a class; more of them change a dictionary of a few dozen spectra little
BATCH_CLIPS = 64


def class_frames(train: TrainingSet, seed: int) -> list[np.ndarray]:
    """Frames of each class alone, (R, F) with R up to MAX_FRAMES, from clips in a drawn order; silent ones left out."""
    frames: list[list[np.ndarray]] = [[] for _ in train.classes]
    counts = np.zeros(len(train.classes), dtype=np.int64)
    order = generator(seed, "dictionary").permutation(len(train))
    for start in range(0, len(order), BATCH_CLIPS):
        check()
        (batch,) = train.batch(order[start : start + BATCH_CLIPS])
        assert batch.sources is not None
        for k in np.flatnonzero(counts < MAX_FRAMES):
            source = batch.sources[:, k]
            frames[k].append(source[kept_frames(source) > 0].numpy())
            counts[k] += len(frames[k][-1])
        if (counts >= MAX_FRAMES).all():
            break
    return [np.concatenate(own)[:MAX_FRAMES] for own in frames]


def learn_dictionary(plan: Plan, train: TrainingSet, valid: TrainingSet, description: Description) -> State:
    """Learn the dictionaries; leave the network file, config.yaml and history.jsonl in the experiment folder.

    Args:
        plan: of the training; ``net.units`` spectra a class.
        train, valid: clips with their isolated sources.
        description: of the network.

    Raises:
        UserError: a class never sounds in the training set.
    """
    config, exp = plan.config, plan.exp
    assert isinstance(config, SeparatorTraining)
    (term,) = loss_terms(config, str(plan.origin)).values()
    started = time.monotonic()
    frames = class_frames(train, config.seed)
    missing = [label for label, own in zip(train.classes, frames, strict=True) if not len(own)]
    if missing:
        raise UserError(f"{train.data.path}: no sound of class {', '.join(missing)} to learn a dictionary from")
    net = build_separator(description.config["net"], len(train.classes), train.features.stft.n_bins)
    assert isinstance(net, Net)
    units = net.spectra.shape[1]
    for k, (label, own) in enumerate(zip(train.classes, frames, strict=True)):
        check()
        seed = derived_seed(config.seed, "dictionary", label) % 2**32
        net.spectra[k] = torch.from_numpy(learn_spectra(own, units, seed))
        logger.info("%s: %d spectra from %d frames of %s", exp.name, units, len(own), label)
    losses = {name: _strong_loss(net, clips) for name, clips in (("train", train), ("valid", valid))}
    row = {
        "epoch": 1,
        "step": LEARNING_ITERATIONS,
        "device": "cpu",
        "seconds": round(time.monotonic() - started, 2),
        "learning_rate": 0.0,
        **{name: {"loss": term.settings.weight * loss, "strong": loss} for name, loss in losses.items()},
    }
    state = State(threads=torch.get_num_threads())
    state.end_epoch(row)
    write_yaml(exp / "config.yaml", {**description.config, "train_threads": state.threads})
    write_history(exp, state.history)  # first: where the network is, the training has ended
    write_network(exp, description.model_copy(update={"epoch": 1}), net.state_dict())
    logger.info("%s: finished; validation loss %.4f", exp.name, state.best_loss)
    return state


def _strong_loss(net: Net, clips: TrainingSet) -> float:
    """Mean strong loss over (the first of) a set's clips: factorising thousands would take longer than learning."""
    (batch,) = clips.batch(range(min(len(clips), BATCH_CLIPS)))
    assert batch.sources is not None
    return float(strong_loss(batch.magnitude, net(batch.magnitude), batch.sources, batch.frames))
