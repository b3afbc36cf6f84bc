"""The training loop, from top to bottom.

One epoch: every training clip once, or so many steps as the settings say, in an order that depends on (seed, epoch)
alone; then the validation loss; then one checkpoint with all state. There is one every few minutes as well, and when
the run is asked to stop: a resumed run goes on from the very step, and on the CPU ends with the same weights, bit for
bit, as one that was never stopped.
"""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from weaksep.errors import UserError
from weaksep.feats.batch import Batch
from weaksep.feats.dataset import TrainingSet
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs import bar_off
from weaksep.jobs.interrupt import check, deferred
from weaksep.losses.settings import END, Progress
from weaksep.seeding import derived_seed, generator
from weaksep.train.alone import ALONE, Alone
from weaksep.train.board import Board
from weaksep.train.config import OptimConfig
from weaksep.train.finetune import hold
from weaksep.train.prefetch import prefetch
from weaksep.train.shared import shared
from weaksep.train.state import CHECKPOINT_MINUTES, Run, State

logger = logging.getLogger(__name__)

GPU_READERS = 4  # threads that read batches for a GPU, which one would keep waiting; on the CPU the net needs the cores
LINE_SECONDS = 60.0  # between the lines of an epoch in the log; trainings side by side have no other sign of life


def epoch_batches(n_clips: int, optim: OptimConfig, seed: int, epoch: int) -> list[np.ndarray]:
    """Clips of each batch of an epoch, by their position among all passes through the set laid end to end.

    By default an epoch is a pass, and its last batch the smaller one that is left. With ``optim.epoch_steps`` passes
    are cut into epochs wherever these end, and all batches are full.
    """
    first, end = epoch * n_clips, (epoch + 1) * n_clips
    if optim.epoch_steps is not None:
        items = optim.epoch_steps * optim.batch_size * optim.accumulate
        first, end = epoch * items, (epoch + 1) * items
    passes = range(first // n_clips, -(-end // n_clips))
    order = [one * n_clips + generator(seed, "epoch", one).permutation(n_clips) for one in passes]
    chosen = np.concatenate(order)[first - passes[0] * n_clips :][: end - first]
    return [chosen[start : start + optim.batch_size] for start in range(0, len(chosen), optim.batch_size)]


class Clips(Protocol):
    """What batches are read from: a ``TrainingSet``, or a rank's part of one."""

    def batch(self, indices: np.ndarray) -> list[Batch]:
        """See ``TrainingSet``."""


def load_batches(clips: Clips, batches: list[np.ndarray], device: torch.device) -> Iterator[list[Batch]]:
    """The batches of each step on the device, as they are in an epoch, read ahead."""

    def load(indices: np.ndarray) -> list[Batch]:
        if device.type == "cuda":
            torch.cuda.set_device(device)  # each thread has its own; pinning memory would else wake up GPU 0
        return [batch.to(device) for batch in clips.batch(indices)]

    return prefetch(load, batches, GPU_READERS if device.type == "cuda" else 1)


def steps_of(loaded: Iterator[list[Batch]], batches: int) -> Iterator[list[list[Batch]]]:
    """So many batches at a time, fewer at the end."""
    while step := list(islice(loaded, batches)):
        yield step


def backward(
    objective: nn.Module, batches: list[list[Batch]], progress: Progress
) -> Iterator[tuple[str, torch.Tensor]]:
    """Add the mean gradient of a step's batches to the weights'; yields the shares that they have in each part's mean.

    They stay on the device: asking for the numbers at every step would make a GPU wait.
    """
    for batch in batches:
        parts = objective(batch, progress)
        (parts["loss"] / len(batches)).backward()
        yield from ((part, value.detach() / len(batches)) for part, value in parts.items())


@torch.no_grad()
def validation_loss(
    objective: nn.Module, clips: TrainingSet, batch_size: int, device: torch.device, team: Alone = ALONE
) -> dict[str, float]:
    """Mean of each part of the loss over a set, every loss at its full weight; each rank takes some of the batches."""
    objective.eval()
    batches = [np.arange(len(clips))[start : start + batch_size] for start in range(0, len(clips), batch_size)]
    rounds = -(-len(batches) // team.size)
    batches = batches[team.rank :: team.size]
    sums: dict[str, float] = defaultdict(float)
    for indices, loaded in zip(batches, load_batches(clips, batches, device), strict=True):
        team.check(check, never)
        for name, value in objective(loaded, END).items():
            sums[name] += value.item() * len(indices)
    if len(batches) < rounds:
        team.check(check, never)
    return {name: total / len(clips) for name, total in team.total(sums).items()}


def never() -> bool:
    """No checkpoint is due."""
    return False


def fit(
    objective: nn.Module,
    train: TrainingSet,
    valid: TrainingSet,
    *,
    optim: OptimConfig,
    settled: float,
    seed: int,
    config: dict[str, Any],
    exp: Path,
    device: torch.device,
    save_network: Callable[[int], None],
    name: str,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    team: Alone = ALONE,
) -> State:
    """Train ``objective``; leave checkpoint.pt, the network file, config.yaml, history.jsonl and TensorBoard events in
    ``exp``.

    Goes on from a checkpoint that is there. The network file holds the net to be used: of the best epoch or, with
    ``optim.keep: last``, of the last one.

    Args:
        objective: module(batches, progress) -> {"loss": ..., parts}.
        train, valid: clips with their labels.
        optim: settings.
        settled: share of the steps after which every loss has its full weight.
        seed: of the order of the clips and of dropout.
        config: all settings, for config.yaml.
        exp: experiment folder.
        device: where to compute.
        save_network: writes the network file, given the epoch.
        name: for the log.
        checkpoint_minutes: time between checkpoints within an epoch.
        team: the processes that train it together.

    Raises:
        UserError: the losses are no longer finite, or no checkpoint can be read.
        Interrupted: on a signal; everything is saved.
    """
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=optim.learning_rate, weight_decay=optim.weight_decay)
    run = Run(exp, objective, optimiser, device, checkpoint_minutes, team=team)
    state = team.leader_first(run.resume)
    torch.set_num_threads(state.threads)  # as the run began: sums depend on how they are cut up
    trained, clips = shared(objective, train, team)
    with team.all_or_none():
        if team.leads:
            write_yaml(exp / "config.yaml", {**config, "train_threads": state.threads})
    if state.epoch or state.batch:
        logger.info("%s: resumed after epoch %d and %d steps of the next", name, state.epoch, state.batch)
    steps_per_epoch = optim.steps_per_epoch(len(train))
    total_steps = steps_per_epoch * optim.max_epochs
    board = Board(exp, name, state.epoch * steps_per_epoch + 1, team.leads)
    with deferred(), closing(board), run.saved_when_interrupted(state):
        while not is_over(state, optim, settled):
            told = time.monotonic()
            started = told - state.seconds
            if state.batch == 0:
                torch.manual_seed(derived_seed(seed, "dropout", state.epoch, *team.apart) % 2**63)
            objective.train()
            batches = epoch_batches(len(train), optim, seed, state.epoch)
            loaded = load_batches(clips, batches[state.batch * optim.accumulate :], device)
            progress = tqdm(
                steps_of(loaded, optim.accumulate),
                desc=f"{name} epoch {state.epoch + 1}",
                initial=state.batch, total=steps_per_epoch, disable=not team.leads or bar_off(), leave=False,
            )  # fmt: skip
            for batches_of_step in progress:
                step = state.epoch * steps_per_epoch + state.batch
                for group in optimiser.param_groups:
                    group["lr"] = optim.rate_at(step, total_steps)
                hold(objective, now := Progress(step, total_steps))
                optimiser.zero_grad(set_to_none=True)
                for part, value in team.means(backward(trained, batches_of_step, now)):
                    state.sums[part] = state.sums.get(part, 0.0) + value
                if optim.gradient_clip is not None:
                    nn.utils.clip_grad_norm_(parameters, optim.gradient_clip)
                optimiser.step()
                state.batch += 1
                state.seconds = time.monotonic() - started
                if team.check(check, run.checkpoint_due):
                    run.save(state)
                if time.monotonic() - told >= LINE_SECONDS:
                    told, loss = time.monotonic(), float(state.sums["loss"]) / state.batch
                    place = name, state.epoch + 1, optim.max_epochs, state.batch, steps_per_epoch
                    logger.info("%s: epoch %d/%d, step %d of %d, train loss so far %.4f", *place, loss)
            means = {part: float(total) / steps_per_epoch for part, total in state.sums.items()}
            # The full weights, whatever the schedule says: the measure must be the same from epoch to epoch.
            valid_parts = validation_loss(objective, valid, optim.batch_size, device, team)
            with team.all_or_none():
                _refuse_divergence(name, state.epoch + 1, {**means, **valid_parts})
            row = {
                "epoch": state.epoch + 1,
                "step": (state.epoch + 1) * steps_per_epoch,
                "device": str(device),
                "seconds": round(time.monotonic() - started, 2),
                "learning_rate": optim.rate_at((state.epoch + 1) * steps_per_epoch - 1, total_steps),
                "train": means,
                "valid": valid_parts,
            }
            if state.end_epoch(row) or optim.keep == "last":
                save_network(state.epoch)
            board.log_epoch(row, state.best_epoch, optim.max_epochs)
            run.save(state)  # after the board: an epoch that is done is never logged again
    ended = "%s: finished after epoch %d; best epoch %d, validation loss %.4f"
    logger.info(ended, name, state.epoch, state.best_epoch, state.best_loss)
    return state


def _refuse_divergence(name: str, epoch: int, losses: dict[str, float]) -> None:
    """Stop before a checkpoint of a diverged network takes the place of a good one."""
    bad = [part for part, value in losses.items() if not math.isfinite(value)]
    if bad:
        raise UserError(
            f"{name}: {', '.join(bad)} is not finite in epoch {epoch}; lower optim.learning_rate "
            "(the last good state is in checkpoint.pt)"
        )


def is_over(state: State, optim: OptimConfig, settled: float) -> bool:
    """Whether a training has come to its end.

    Patience waits until every loss has its full weight: before, the validation loss (always at the full weights) may
    well stand still.
    """
    last_better = max(state.best_epoch, math.ceil(settled * optim.max_epochs))
    return state.epoch >= optim.max_epochs or (optim.keep == "best" and state.epoch - last_better >= optim.patience)
