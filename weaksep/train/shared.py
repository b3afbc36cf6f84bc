"""One step on several ranks: each has some of the clips, and all together come to the gradient of one process.

The mean of a loss is over clips, frames or kept frames, of which no rank has as many as another. So the ranks add up
these numbers before each step, and a rank's loss counts by its share of the sum. Clips are padded to the longest one of
all ranks, as they would be in one process.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from weaksep.errors import UserError
from weaksep.feats.batch import Batch
from weaksep.feats.dataset import TrainingSet
from weaksep.losses.settings import Progress
from weaksep.train.alone import Alone
from weaksep.train.batchnorm import share_batch_norm
from weaksep.train.distributed import Team
from weaksep.train.objectives import ClassifierObjective, Losses, SeparatorObjective, Share


class StandIn(Batch):
    """Of a rank that has no clip of a kind of supervision: another rank's clip, which does not count.

    All ranks then compute the same things, without which they could not wait for one another.
    """


class SharedSet:
    """A training set of which a rank reads its part of every batch."""

    def __init__(self, clips: TrainingSet, team: Team) -> None:
        self._clips, self._rank, self._size = clips, team.rank, team.size

    def batch(self, indices: Sequence[int] | np.ndarray) -> list[Batch]:
        """See ``TrainingSet``; this rank's clips, or a stand-in, for each kind among those of all ranks."""
        own = list(indices[self._rank :: self._size])
        kinds, counted = self._clips.kinds(indices), self._clips.kinds(own)
        others = [next(index for index in indices if self._clips.kinds([index]) == [kind]) for kind in kinds
                  if kind not in counted]  # fmt: skip
        return [
            batch if kind in counted else StandIn(**{field.name: getattr(batch, field.name) for field in fields(batch)})
            for kind, batch in zip(kinds, self._clips.batch([*own, *others]), strict=True)
        ]


class SharedObjective(nn.Module):
    """An objective as one rank sees it. The mean of its gradients over the ranks is the gradient of one process."""

    def __init__(self, objective: ClassifierObjective | SeparatorObjective, team: Team) -> None:
        super().__init__()
        self.objective = objective
        self._team = team

    def forward(self, batches: Sequence[Batch], progress: Progress) -> Losses:
        """Parts of the loss; their means over the ranks are those of one process."""
        batches = self._equally_long(batches)
        return self.objective(batches, progress, self._shares(batches))

    def _equally_long(self, batches: Sequence[Batch]) -> list[Batch]:
        lengths = torch.tensor([batch.magnitude.shape[1] for batch in batches])
        self._team.largest(lengths)
        return [batch.padded(length) for batch, length in zip(batches, lengths.tolist(), strict=True)]

    def _shares(self, batches: Sequence[Batch]) -> list[Share]:
        own = [self._sizes(batch) for batch in batches]
        names = list(own[0])
        here = torch.stack([torch.stack([sizes[name] for name in names]) for sizes in own])
        everywhere = self._team.sum(here)
        factors = self._team.size * here / everywhere.clamp_min(1.0)
        return [
            Share(clips, dict(zip(names, row, strict=True)))
            for clips, row in zip(everywhere[:, 0], factors, strict=True)
        ]

    def _sizes(self, batch: Batch) -> Losses:
        """What each loss's mean is over, the number of clips first; nothing of a stand-in."""
        clips = batch.magnitude.new_full((), len(batch))
        sizes = {"": clips, **self.objective.sizes(batch)}
        return {name: torch.zeros_like(size) for name, size in sizes.items()} if isinstance(batch, StandIn) else sizes


def shared(objective: nn.Module, clips: TrainingSet, team: Alone) -> tuple[nn.Module, TrainingSet | SharedSet]:
    """The objective with gradients that are averaged over the ranks, which begin with the weights of rank 0, and this
    rank's part of the clips; in one process the two as they are."""
    if not isinstance(team, Team):
        return objective, clips
    share_batch_norm(objective, team)
    with warnings.catch_warnings(), team.reaching():
        warnings.simplefilter("ignore", FutureWarning)  # torch 2.13 has another name for broadcast_buffers
        # Without find_unused_parameters the buckets of gradients would be cut anew after the first step, and a resumed
        # run would sum in another order. It is also what lets parts of a net be fixed for a while (finetune.py).
        trained = DistributedDataParallel(
            SharedObjective(objective, team),  # type: ignore[arg-type]
            broadcast_buffers=False,
            find_unused_parameters=True,
        )
    return trained, SharedSet(clips, team)


def refuse_few_clips(batch_size: int, origin: str, team: Alone) -> None:
    """Say that some ranks would have nothing to do.

    Raises:
        UserError: there are more of them than clips in a batch.
    """
    if batch_size < team.size:
        raise UserError(
            f"{origin}: optim.batch_size {batch_size} is that of all {team.size} processes together, and each needs "
            "a clip; take fewer processes, or a larger batch"
        )
