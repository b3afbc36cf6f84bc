"""Objectives and clips whose gradients test_distributed.py compares; run as a rank, it leaves those of all ranks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from weaksep.feats.batch import Batch, frame_mask
from weaksep.jobs.ranks import own_place
from weaksep.losses.registry import find_loss
from weaksep.losses.settings import END
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.objectives import ClassifierObjective, SeparatorObjective
from weaksep.train.parts import Term

K, F = 3, 33
BLSTM = {"layers": 1, "units": 6}
UNET = {"kind": "unet", "channels": [4, 6], "units": 5}
WEAK = {"mixture": {}, "classification": {}}
# Kind of supervision of each clip, the net, the losses, and the classifier: its kind, and whether it is trained along.
CASES: dict[str, tuple[list[str], dict[str, Any], dict[str, Any], tuple[str, bool] | None]] = {
    "strong": (["strong"] * 5, BLSTM, {"strong": {}}, None),
    "frame labels": (["frame"] * 5, BLSTM, WEAK, ("blstm", False)),
    "clip labels": (["clip"] * 5, BLSTM, WEAK, ("blstm", False)),
    "remix": (["clip"] * 5, BLSTM, {"remix": {}}, None),
    "remix of frame labels": (["frame"] * 4, BLSTM, {"remix": {}}, None),
    "a kind that one rank has not": (
        ["clip", "strong", "clip", "clip"], BLSTM, {**WEAK, "strong": {"over_classes": "sum"}}, ("blstm", False),
    ),
    "fewer clips than ranks": (["clip"], BLSTM, WEAK, ("blstm", False)),
    "joint": (["clip"] * 4, BLSTM, {"mixture": {}, "classification": {"active_sources_only": True}}, ("light", True)),
    "strong, U-Net": (["strong"] * 5, UNET, {"strong": {}}, None),
    "frame labels, U-Net": (["frame"] * 5, UNET, WEAK, ("light", False)),
    "remix, U-Net": (["clip"] * 5, UNET, {"remix": {}}, None),
    "classifier": (["clip"] * 5, {}, {}, ("light", True)),
}  # fmt: skip


class Clips:
    """A training set of clips of several lengths, drawn from their positions, in double precision."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.of = kinds

    def kinds(self, indices: Sequence[int]) -> list[str]:
        return [kind for kind in ("strong", "frame", "clip") if kind in {self.of[index] for index in indices}]

    def batch(self, indices: Sequence[int]) -> list[Batch]:
        return [
            self._batch(kind, [index for index in indices if self.of[index] == kind]) for kind in self.kinds(indices)
        ]

    def _batch(self, kind: str, indices: Sequence[int]) -> Batch:
        lengths = [12 - 2 * index for index in indices]
        clips = [self._clip(kind, index).padded(max(lengths)) for index in indices]
        known = [field.name for field in fields(Batch) if getattr(clips[0], field.name) is not None]
        joined = {name: torch.cat([getattr(clip, name) for clip in clips]) for name in set(known) - {"frames"}}
        frames = frame_mask(lengths)
        return Batch(**joined, frames=None if frames is None else frames.double())

    @staticmethod
    def _clip(kind: str, index: int) -> Batch:
        random, frames = torch.Generator().manual_seed(index), 12 - 2 * index

        def drawn(*shape: int) -> torch.Tensor:
            return torch.rand(1, *shape, generator=random, dtype=torch.float64)

        magnitude = drawn(frames, F)
        magnitude[:, index % frames] *= 1e-4  # not kept
        if kind == "strong":
            return Batch(magnitude, sources=drawn(K, frames, F))
        held = (frames,) if kind == "frame" else ()
        labels = (drawn(*held, K) > 0.5).double()
        if index == 1:
            labels.zero_()
        parts, classes = drawn(1, 2, frames, F) * magnitude[:, None, None], (drawn(1, 2, *held, K) > 0.5).double()
        weights = torch.ones(1, 1, dtype=torch.float64)
        return Batch(magnitude, None, labels, None, None, parts, classes, weights)


def objective_of(case: str) -> ClassifierObjective | SeparatorObjective:
    """With the same weights whenever it is made."""
    _, net, losses, classified = CASES[case]
    torch.manual_seed(5)
    weights = torch.tensor([0.5, 1.0, 1.5])
    classifier = None
    if classified:
        kind = classified[0]
        settings = {"kind": kind, "units": 4, **({"channels": [4], "mel_bands": 8} if kind == "light" else {})}
        classifier = build_classifier(settings, K, F, 8000)
    if not net:
        assert classifier is not None
        return ClassifierObjective(classifier, weights).double()
    terms = {name: Term(loss := find_loss(name), loss.settings(**own)) for name, own in losses.items()}
    joint = classified is not None and classified[1]
    return SeparatorObjective(build_separator(net, K, F), terms, classifier, weights, joint).double()


def left_by(objective: nn.Module, parts: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Gradients, averages of batch normalisation, and parts of the loss."""
    gradients = {f"gradient {name}": p.grad for name, p in objective.named_parameters() if p.grad is not None}
    averages = {name: value for name, value in objective.state_dict().items() if "running" in name}
    return {**gradients, **averages, **{f"loss {name}": value.detach() for name, value in parts.items()}}


def main(folder: Path) -> None:
    """A rank: one backward pass of every case; rank 0 writes what has come of it."""
    from weaksep.train.rank import joined
    from weaksep.train.shared import shared

    place = own_place()
    assert place is not None
    with joined(place, "cpu", 60.0) as team:
        for number, (case, (kinds, *_)) in enumerate(CASES.items()):
            objective = objective_of(case)
            trained, clips = shared(objective, Clips(kinds), team)  # type: ignore[arg-type]
            parts = trained(clips.batch(range(len(kinds))), END)
            parts["loss"].backward()
            found = left_by(objective, dict(team.means([(name, value.detach()) for name, value in parts.items()])))
            if team.leads:
                save_file(
                    {name: value.contiguous().clone() for name, value in found.items()},
                    folder / f"{number}.safetensors",
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
