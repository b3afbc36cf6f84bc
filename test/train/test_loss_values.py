"""The value of every objective on a fixed batch, as it was: to 1e-5, with whichever PyTorch.

Nothing is random: weights are the sine of a running index, and batches a hash of one.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from weaksep.feats.batch import Batch
from weaksep.losses.registry import find_loss
from weaksep.losses.settings import Progress
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.objectives import ClassifierObjective, SeparatorObjective
from weaksep.train.parts import Term

K, T, F = 3, 16, 17
CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
HALFWAY = Progress(50, 100)


def filled(net: nn.Module) -> Any:
    """A net in double precision, with weights that no version of PyTorch draws otherwise."""
    start = 0
    for parameter in net.parameters():
        index = torch.arange(start, start + parameter.numel(), dtype=torch.float64)
        parameter.data = (0.5 * torch.sin(0.7 * index)).view(parameter.shape)
        start += parameter.numel()
    return net.double()


def mixed(seed: int, *shape: int) -> torch.Tensor:
    """Multiples of 1/64 from 0 up to, not including, 1."""
    index = torch.arange(int(torch.tensor(shape).prod())) + 1_000_003 * seed
    return ((index * 2_654_435_761 % 2**32) // 2**26).double().view(shape) / 64


def batch_of(kind: str, form: str) -> Batch:
    """Two clips of a kind of supervision, "weak", "remix" or "strong", with frame or clip labels."""
    magnitude = mixed(1, 2, T, F)
    if kind == "strong":
        return Batch(magnitude.flip(0), sources=mixed(2, 2, K, T, F))
    labels, parts = (mixed(3, 2, T, K) > 0.6).double(), (mixed(4, 2, 2, 2, T, K) > 0.6).double()
    labels[0, :, 2] = parts[0, ..., 2] = 0.0
    if form == "clip":
        labels, parts = labels[:, 0], parts[:, :, :, 0]
    if kind == "weak":
        return Batch(magnitude, labels=labels)
    submixtures = mixed(5, 2, 2, 2, T, F) * magnitude[:, None, None]
    weights = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    return Batch(magnitude, labels=labels, submixtures=submixtures, submixture_labels=parts, split_weights=weights)


PAPER: dict[str, dict[str, Any]] = {"mixture": {}, "classification": {}}
ACTIVE: dict[str, dict[str, Any]] = {"mixture": {}, "classification": {"active_sources_only": True}}
HARD: dict[str, dict[str, Any]] = {"remix": {"inactive_frame_weight": None}}
CLASSIFIED: dict[str, dict[str, Any]] = {"remix": {}, "classification": {"start": 0.4, "ramp": 0.2}}
SEMI: dict[str, dict[str, Any]] = {**PAPER, "strong": {"over_classes": "sum"}}
# Losses; kinds of batches; a residual output; a classifier that is trained along.
CASES: dict[str, tuple[dict[str, dict[str, Any]], tuple[str, ...], bool, bool]] = {
    "strong": ({"strong": {}}, ("strong",), False, False),
    "frozen": (PAPER, ("weak",), False, False),
    "active": (ACTIVE, ("weak",), False, False),
    "joint": (PAPER, ("weak",), False, True),
    "residual": (PAPER, ("weak",), True, False),
    "remix": ({"remix": {}}, ("remix",), False, False),
    "hard": (HARD, ("remix",), True, False),
    "classified": (CLASSIFIED, ("remix",), False, False),
    "semi": (SEMI, ("weak", "strong"), False, False),
}
# The loss and its parts; of classifiers and of the other separators, the loss alone.
PARTS: dict[str, dict[str, float]] = {
    "strong frame": {"loss": 21.51852, "strong": 0.2151852},
    "strong clip": {"loss": 21.51852, "strong": 0.2151852},
    "frozen frame": {"loss": 68.35541, "mixture": 0.659252, "classification": 2.430216},
    "frozen clip": {"loss": 85.00342, "mixture": 0.8248794, "classification": 2.515476},
    "active frame": {"loss": 67.91036, "mixture": 0.659252, "classification": 1.985163},
    "active clip": {"loss": 82.84396, "mixture": 0.8248794, "classification": 0.3560138},
    "joint frame": {"loss": 69.02122, "mixture": 0.659252, "classifier": 0.652967, "classification": 2.44305},
    "joint clip": {"loss": 85.80191, "mixture": 0.8248794, "classifier": 0.7939906, "classification": 2.519977},
    "residual frame": {"loss": 60.32807, "mixture": 0.5700837, "classification": 3.319704},
    "residual clip": {"loss": 72.94514, "mixture": 0.6956372, "classification": 3.381427},
    "remix frame": {"loss": 47.20159, "remix": 0.4720159},
    "remix clip": {"loss": 55.08418, "remix": 0.5508418},
    "hard frame": {"loss": 45.94484, "remix": 0.4594484},
    "hard clip": {"loss": 51.91224, "remix": 0.5191224},
    "classified frame": {"loss": 48.5382, "remix": 0.4720159, "classification": 2.430216},
    "classified clip": {"loss": 56.46769, "remix": 0.5508418, "classification": 2.515476},
    "semi frame": {"loss": 66.45549, "mixture": 0.329626, "classification": 1.215108, "strong": 0.3227778},
    "semi clip": {"loss": 74.77949, "mixture": 0.4124397, "classification": 1.257738, "strong": 0.3227778},
}
LOSSES = {
    "light frame": 0.652967,
    "light clip": 0.7939906,
    "crnn frame": 0.7002157,
    "crnn clip": 0.8828471,
    "blstm frame": 0.7707899,
    "blstm clip": 0.8135782,
    "unet": 21.61034,
    "bandsplit": 21.72135,
    "tcn": 21.53082,
}
SIZES: dict[str, dict[str, Any]] = {
    "light": {"channels": [4], "mel_bands": 6},
    "crnn": {"channels": [2, 3]},
    "blstm": {"layers": 1},
    "unet": {"channels": [3, 4], "layers": 1},
    "bandsplit": {"bands": 4, "layers": 1},
    "tcn": {"layers": 2},
}


def classifier(kind: str = "light") -> Any:
    return filled(build_classifier({"kind": kind, "units": 3, **SIZES[kind]}, K, F, 8000))


def terms_of(losses: dict[str, dict[str, Any]]) -> dict[str, Term]:
    return {name: Term(loss := find_loss(name), loss.settings(**own)) for name, own in losses.items()}


@pytest.mark.parametrize("form", ["frame", "clip"])
@pytest.mark.parametrize("name", CASES)
def test_objectives(name: str, form: str) -> None:
    losses, kinds, residual, joint = CASES[name]
    separator = filled(build_separator({"layers": 1, "units": 4, "residual": residual}, K, F))
    objective = SeparatorObjective(separator, terms_of(losses), classifier(), CLASS_WEIGHTS, joint)
    found = objective([batch_of(kind, form) for kind in kinds], HALFWAY)
    assert {part: value.item() for part, value in found.items()} == pytest.approx(PARTS[f"{name} {form}"], rel=1e-5)


@pytest.mark.parametrize("form", ["frame", "clip"])
@pytest.mark.parametrize("kind", ["light", "crnn", "blstm"])
def test_classifiers(kind: str, form: str) -> None:
    objective = ClassifierObjective(classifier(kind), CLASS_WEIGHTS)
    found = objective([batch_of("weak", form)], HALFWAY)
    assert found["loss"].item() == pytest.approx(LOSSES[f"{kind} {form}"], rel=1e-5)


@pytest.mark.parametrize("kind", ["unet", "bandsplit", "tcn"])
def test_other_separators(kind: str) -> None:
    net = filled(build_separator({"kind": kind, "units": 4, **SIZES[kind]}, K, F))
    found = SeparatorObjective(net, terms_of({"strong": {}}))([batch_of("strong", "clip")], HALFWAY)
    assert found["loss"].item() == pytest.approx(LOSSES[kind], rel=1e-5)
