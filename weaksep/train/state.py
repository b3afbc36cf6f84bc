"""What a run must remember to go on as if it had never stopped: checkpoint.pt, checkpoint.prev.pt, history.jsonl.

An experiment folder belongs to one run: the same settings, data and classifier from its first step to its last.
"""

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weaksep.errors import UserError, count
from weaksep.fileio.atomic import write_text
from weaksep.fileio.checkpoint import load_latest, save_checkpoint
from weaksep.fileio.experiments import (
    CHECKPOINT_NAME,
    CHECKPOINTS,
    DESCRIPTION_NAME,
    EARLIER_NAME,
    HISTORY_NAME,
    JOINT_CLASSIFIER,
    RUN_FILES,
)
from weaksep.fileio.network import read_network
from weaksep.fileio.shards import Shards
from weaksep.jobs.interrupt import Interrupted
from weaksep.seeding import derived_seed
from weaksep.train.alone import ALONE, Alone

logger = logging.getLogger(__name__)

CHECKPOINT_MINUTES = 10.0


def write_history(exp: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write history.jsonl, one line an epoch: all so far, so that a resumed run repeats none."""
    write_text(exp / HISTORY_NAME, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


@dataclass
class State:
    """What a run knows beside its tensors.

    Attributes:
        epoch: finished epochs.
        batch: steps done of the next one.
        seconds: time spent on the next one so far.
        sums: parts of the loss, summed over its steps so far; tensors on the device.
        best_loss, best_epoch: smallest validation loss so far, and after which epoch.
        history: a row for each epoch.
        threads: with which torch computes on the CPU.
    """

    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    sums: dict[str, Any] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)
    threads: int = 1

    def end_epoch(self, row: dict[str, Any]) -> bool:
        """Take in a finished epoch; whether it is the best so far."""
        self.epoch, self.batch, self.seconds, self.sums = row["epoch"], 0, 0.0, {}
        self.history.append(row)
        better = row["valid"]["loss"] < self.best_loss
        if better:
            self.best_loss, self.best_epoch = row["valid"]["loss"], self.epoch
        return better


@dataclass
class Run:
    """The files of a run, and the tensors that go into them.

    Args:
        exp: experiment folder.
        objective, optimiser: whose state is saved.
        device: where they compute.
        checkpoint_minutes: time between checkpoints within an epoch.
        team: the processes of the run: rank 0 writes, for all.
    """

    exp: Path
    objective: nn.Module
    optimiser: torch.optim.Optimizer
    device: torch.device
    checkpoint_minutes: float = CHECKPOINT_MINUTES
    saved_at: float = field(default_factory=time.monotonic)
    team: Alone = ALONE

    def checkpoint_due(self) -> bool:
        """Whether the last checkpoint is old enough."""
        return time.monotonic() - self.saved_at >= 60 * self.checkpoint_minutes

    def save(self, state: State) -> None:
        """Write checkpoint.pt (the one before stays as checkpoint.prev.pt) and history.jsonl."""
        losses = all(math.isfinite(float(total)) for total in state.sums.values())
        if not losses or not all(bool(torch.isfinite(weight).all()) for weight in self.objective.parameters()):
            return  # the run has diverged, which the epoch's end will say: the checkpoint before is the good one
        generators = {"cpu": self.team.gather(torch.get_rng_state())}  # of each rank
        if self.device.type == "cuda":
            generators["cuda"] = self.team.gather(torch.cuda.get_rng_state(self.device))
        self.saved_at = time.monotonic()
        if not self.team.leads:
            return
        save_checkpoint(
            self.exp / CHECKPOINT_NAME,
            {
                "objective": self.objective.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "generators": generators,
                "state": vars(state),
            },
        )
        write_history(self.exp, state.history)

    def resume(self) -> State:
        """The state of the newest checkpoint, its tensors put in place; a new state when there is none.

        Raises:
            UserError: no checkpoint can be read, or it is of another network.
        """
        path = self.exp / CHECKPOINT_NAME
        saved = load_latest(path)
        if saved is None:
            return State(threads=torch.get_num_threads())
        try:
            self.objective.load_state_dict(saved["objective"])
            self.optimiser.load_state_dict(saved["optimiser"])
            state = State(**saved["state"])
            self._set_generators(saved["generators"], state)
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{path}: does not fit this network ({reason}): begin again with --resume false") from None
        state.sums = {part: total.to(self.device) for part, total in state.sums.items()}
        if self.team.leads:  # a run that was killed between the two files: the history is the checkpoint's
            write_history(self.exp, state.history)
        return state

    def _set_generators(self, saved: dict[str, list[torch.Tensor]], state: State) -> None:
        before, rank = len(saved["cpu"]), self.team.rank
        if before != self.team.size:
            now = count(self.team.size, "process", "es")
            told = "%s: goes on with %s instead of %d: with the same clips, but rounded, and dropout drawn, differently"
            logger.log(logging.WARNING if self.team.leads else logging.DEBUG, told, self.exp.name, now, before)
        if rank >= before:
            torch.manual_seed(derived_seed(rank, "dropout", state.epoch, state.batch) % 2**63)
            return
        torch.set_rng_state(saved["cpu"][rank])
        if self.device.type == "cuda" and "cuda" in saved:
            torch.cuda.set_rng_state(saved["cuda"][rank], self.device)

    @contextmanager
    def saved_when_interrupted(self, state: State) -> Iterator[None]:
        """Save before ``Interrupted`` goes on its way. It comes from ``check()``: between two steps, never inside."""
        try:
            yield
        except Interrupted:
            self.save(state)
            raise


def claim_experiment(exp: Path, notes: Shards, joint: bool) -> None:
    """Make the folder this run's: go on with what it holds, or put that into ``earlier/<number>``.

    Args:
        exp: the experiment folder.
        notes: of the training's step; they say whether it was begun with the same settings, data and classifier.
        joint: whether a classifier is trained jointly.
    """
    notes.open_again()
    if not notes.goes_on():
        _put_aside(exp)
        notes.mark()
    history = exp / HISTORY_NAME
    if not history.exists() or not history.stat().st_size:  # stopped within its first epoch, which leaves no network
        return
    try:
        if not any((exp / name).exists() for name in CHECKPOINTS):
            raise UserError(f"{exp}: its checkpoints are gone")
        for network in [exp, exp / JOINT_CLASSIFIER] if joint else [exp]:
            read_network(network)
    except UserError as error:
        logger.warning("%s", error)
        _put_aside(exp)


def _put_aside(exp: Path) -> None:
    names = dict.fromkeys(pattern.split("/")[0] for pattern in RUN_FILES)
    found = [name for name in names if (exp / name).exists()]
    if not {DESCRIPTION_NAME, *CHECKPOINTS} & set(found):
        return
    taken = [int(path.name) for path in (exp / EARLIER_NAME).glob("*") if path.name.isdigit()]
    place = exp / EARLIER_NAME / str(max(taken, default=0) + 1)
    place.mkdir(parents=True)
    for name in found:
        (exp / name).rename(place / name)
    logger.warning("%s: begins again; the earlier run is kept in %s", exp, place)
