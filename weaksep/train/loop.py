"""The training loop, from top to bottom.

One epoch: every training clip once, in an order that depends on (seed, epoch) alone; then the validation loss; then
one checkpoint with all state. Killed and resumed, a run goes on from its last finished epoch.
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from weaksep.errors import UserError
from weaksep.feats.dataset import LabelledSet
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint
from weaksep.seeding import derived_seed, generator
from weaksep.train.config import LossConfig, OptimConfig
from weaksep.train.history import write_history
from weaksep.train.objectives import TensorBatch, to_device
from weaksep.train.prefetch import prefetch
from weaksep.train.schedule import classification_weight, learning_rate

logger = logging.getLogger(__name__)


@dataclass
class State:
    """What a run knows beside its tensors."""

    epoch: int = 0
    best_loss: float = float("inf")
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


def epoch_batches(n_clips: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Clip positions of each batch; the last, smaller one is kept."""
    order = generator(seed, "epoch", epoch).permutation(n_clips)
    return [order[start : start + batch_size] for start in range(0, n_clips, batch_size)]


def load_batches(clips: LabelledSet, batches: list[np.ndarray], device: torch.device) -> Iterator[TensorBatch]:
    """Batches on the device, read ahead."""

    def load(indices: np.ndarray) -> TensorBatch:
        if device.type == "cuda":
            torch.cuda.set_device(device)  # each thread has its own; pinning memory would else wake up GPU 0
        return to_device(clips.batch(indices), device)

    return prefetch(load, batches)


@torch.no_grad()
def validation_loss(
    objective: nn.Module, clips: LabelledSet, batch_size: int, weight: float, device: torch.device
) -> dict[str, float]:
    """Mean of each part of the loss over a set."""
    objective.eval()
    batches = [np.arange(len(clips))[start : start + batch_size] for start in range(0, len(clips), batch_size)]
    sums: dict[str, float] = defaultdict(float)
    for indices, batch in zip(batches, load_batches(clips, batches, device), strict=True):
        for name, value in objective(batch, weight).items():
            sums[name] += value.item() * len(indices)
    return {name: total / len(clips) for name, total in sums.items()}


def fit(
    objective: nn.Module,
    train: LabelledSet,
    valid: LabelledSet,
    *,
    optim: OptimConfig,
    loss: LossConfig,
    seed: int,
    exp: Path,
    device: torch.device,
    describe: dict[str, Any],
    resume: bool,
    name: str,
) -> State:
    """Train ``objective`` and leave checkpoint.pt, best.pt, history.jsonl and TensorBoard events in ``exp``.

    Args:
        objective: module(batch, classification_weight) -> {"loss": ..., parts}.
        train, valid: clips of one kind of supervision.
        optim, loss: settings.
        seed: of the order of the clips and of dropout.
        exp: experiment folder.
        device: where to compute.
        describe: task, config, classes and feature settings, stored in best.pt beside the weights.
        resume: go on from checkpoint.pt if there is one.
        name: for the log.
    """
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=optim.learning_rate, weight_decay=optim.weight_decay)
    state = State()
    if resume and (exp / "checkpoint.pt").exists():
        saved = load_checkpoint(exp / "checkpoint.pt")
        objective.load_state_dict(saved["objective"])
        optimiser.load_state_dict(saved["optimiser"])
        state = State(**saved["state"])
        logger.info("%s: resumed after epoch %d", name, state.epoch)
    steps_per_epoch = -(-len(train) // optim.batch_size)
    total_steps = steps_per_epoch * optim.max_epochs
    # Patience waits until the classification loss is fully there: before, the validation loss (always at the full
    # weight) may well stand still.
    patient_from = (loss.classification_start + loss.classification_ramp) * optim.max_epochs
    with closing(SummaryWriter(str(exp / "tensorboard"), purge_step=state.epoch * steps_per_epoch + 1)) as board:
        while state.epoch < optim.max_epochs and not _out_of_patience(state, optim, patient_from):
            started = time.monotonic()
            torch.manual_seed(derived_seed(seed, "dropout", state.epoch) % 2**63)
            objective.train()
            sums: dict[str, float] = defaultdict(float)
            batches = epoch_batches(len(train), optim.batch_size, seed, state.epoch)
            step = state.epoch * steps_per_epoch
            progress = tqdm(
                load_batches(train, batches, device), desc=f"{name} epoch {state.epoch + 1}", total=len(batches),
                disable=None, leave=False,
            )  # fmt: skip
            for batch in progress:
                for group in optimiser.param_groups:
                    group["lr"] = learning_rate(step, total_steps, optim)
                parts = objective(batch, classification_weight(step, total_steps, loss))
                optimiser.zero_grad(set_to_none=True)
                parts["loss"].backward()
                if optim.gradient_clip is not None:
                    nn.utils.clip_grad_norm_(parameters, optim.gradient_clip)
                optimiser.step()
                for part, value in parts.items():
                    # Kept on the device: asking for the number at every step would make a GPU wait.
                    sums[part] = sums[part] + value.detach()
                step += 1
            means = {part: float(total) / len(batches) for part, total in sums.items()}
            # The full weight, whatever the ramp says: the measure must be the same from epoch to epoch.
            valid_parts = validation_loss(objective, valid, optim.batch_size, loss.classification_weight, device)
            _refuse_divergence(name, state.epoch + 1, {**means, **valid_parts})
            state.epoch += 1
            row = {
                "epoch": state.epoch,
                "step": step,
                "device": str(device),
                "seconds": round(time.monotonic() - started, 2),
                "learning_rate": learning_rate(step - 1, total_steps, optim),
                "train": means,
                "valid": valid_parts,
            }
            state.history.append(row)
            if valid_parts["loss"] < state.best_loss:
                state.best_loss, state.best_epoch = valid_parts["loss"], state.epoch
                _save_best(exp, objective, {**describe, "epoch": state.epoch})
            _log_epoch(row, state, name, board, optim.max_epochs)
            save_checkpoint(
                exp / "checkpoint.pt",
                {
                    "objective": objective.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "state": vars(state),
                },
            )
            write_history(exp / "history.jsonl", state.history)
    logger.info(
        "%s: finished after epoch %d; best epoch %d, validation loss %.4f",
        name,
        state.epoch,
        state.best_epoch,
        state.best_loss,
    )
    return state


def _refuse_divergence(name: str, epoch: int, losses: dict[str, float]) -> None:
    """Stop before a checkpoint of a diverged network takes the place of a good one."""
    bad = [part for part, value in losses.items() if not math.isfinite(value)]
    if bad:
        raise UserError(
            f"{name}: {', '.join(bad)} is not finite in epoch {epoch}; lower optim.learning_rate "
            "(the last good epoch is in checkpoint.pt)"
        )


def _out_of_patience(state: State, optim: OptimConfig, patient_from: float) -> bool:
    last_better = max(state.best_epoch, int(np.ceil(patient_from)))
    return state.epoch - last_better >= optim.patience


def _save_best(exp: Path, objective: nn.Module, describe: dict[str, Any]) -> None:
    """best.pt, and classifier.pt for a classifier that was trained along: each with all that inference must know."""
    save_checkpoint(exp / "best.pt", {**describe, "model": objective.net.state_dict()})  # type: ignore[union-attr]
    if getattr(objective, "joint", False) and objective.classifier is not None:
        config = describe["config"]["classifier_training"]
        weights = objective.classifier.state_dict()  # type: ignore[union-attr]
        save_checkpoint(exp / "classifier.pt", {**describe, "task": "classifier", "config": config, "model": weights})


def _log_epoch(row: dict[str, Any], state: State, name: str, board: SummaryWriter, max_epochs: int) -> None:
    shown = " ".join(f"{part} {value:.4f}" for part, value in row["valid"].items())
    mark = " *" if state.best_epoch == row["epoch"] else ""
    logger.info(
        "%s: epoch %d/%d (%.0f s) train loss %.4f | valid %s%s",
        name,
        row["epoch"],
        max_epochs,
        row["seconds"],
        row["train"]["loss"],
        shown,
        mark,
    )
    for split in ("train", "valid"):
        for part, value in row[split].items():
            board.add_scalar(f"{part}/{split}", value, row["step"])
    board.add_scalar("learning_rate", row["learning_rate"], row["step"])
