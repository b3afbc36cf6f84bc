"""Objectives: the frozen classifier stays frozen, the weights act, joint training trains both."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from weaksep.feats.batch import Batch
from weaksep.losses.registry import find_loss
from weaksep.losses.settings import END, Progress
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.objectives import SeparatorObjective, weighted_sum
from weaksep.train.parts import Term

START = Progress(0, 10)
CLASSIFIED = {"mixture": {}, "classification": {"active_sources_only": True}}


def terms_of(losses: dict[str, dict[str, Any]]) -> dict[str, Term]:
    return {name: Term(loss := find_loss(name), loss.settings(**settings)) for name, settings in losses.items()}


def weak(losses: dict[str, dict[str, Any]] = CLASSIFIED, joint: bool = False, kind: str = "light"):
    torch.manual_seed(0)
    separator = build_separator({"layers": 1, "units": 6}, 3, 33)
    settings = {"kind": kind, "units": 4, "dropout": 0.3, **({} if kind == "blstm" else {"channels": [4, 4]})}
    return SeparatorObjective(
        separator, terms_of(losses), build_classifier(settings, 3, 33, 8000), torch.ones(3), joint
    )


def a_batch(form: str = "frame") -> Batch:
    generator = torch.Generator().manual_seed(1)
    frames = (torch.rand(2, 12, 3, generator=generator) > 0.5).float()
    labels = frames if form == "frame" else frames.amax(dim=1)
    return Batch(torch.rand(2, 12, 33, generator=generator), labels=labels)


def with_sources(clips: int) -> Batch:
    return Batch(torch.rand(clips, 12, 33), sources=torch.rand(clips, 3, 12, 33))


@pytest.mark.parametrize("kind", ["light", "crnn", "blstm"])
@pytest.mark.parametrize("form", ["frame", "clip"])
def test_a_frozen_classifier_gets_no_gradient_and_passes_it_on(kind: str, form: str) -> None:
    # Without the mixture loss, all that reaches the separator comes through the classifier.
    objective = weak({"classification": {}}, kind=kind)
    objective.train()
    before = {name: value.clone() for name, value in objective.classifier.state_dict().items()}
    parts = objective([a_batch(form)], END)
    parts["loss"].backward()
    assert all(p.grad is None for p in objective.classifier.parameters())
    assert sum(p.grad.abs().sum().item() for p in objective.net.parameters()) > 0
    after = objective.classifier.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)  # batch norm's averages too
    assert "classifier" not in parts
    # No dropout in the frozen classifier: the same batch gives the same loss.
    assert objective([a_batch(form)], END)["loss"].item() == parts["loss"].item()


def test_evaluation_leaves_the_frozen_classifier_able_to_pass_a_gradient_on_a_gpu() -> None:
    # cuDNN refuses to go back through a recurrent layer in evaluation mode; the layer has no dropout left to fear.
    objective = weak(kind="blstm")
    for mode in (True, False):
        objective.train(mode)
        layers = [m for m in objective.classifier.modules() if isinstance(m, nn.LSTM)]
        assert layers and all(layer.training and layer.dropout == 0.0 for layer in layers)


def test_joint_training_reaches_both_and_keeps_the_classifier_honest() -> None:
    objective = weak({"mixture": {}, "classification": {"start": 0.5}}, joint=True)
    # Before the loss of the sources counts, the classifier already learns from mixtures.
    assert set(objective([a_batch()], START)) == {"loss", "mixture", "classifier"}
    parts = objective([a_batch()], END)
    parts["loss"].backward()
    assert set(parts) == {"loss", "mixture", "classifier", "classification"}
    assert all(p.grad is not None for p in objective.parameters())


def test_the_weights_act() -> None:
    small, large = (
        weak({"mixture": {"weight": weight}, "classification": {"weight": 0.5}})([a_batch()], END)
        for weight in (1.0, 100.0)
    )
    assert large["mixture"].item() == pytest.approx(small["mixture"].item())
    assert large["loss"].item() - small["loss"].item() == pytest.approx(99 * small["mixture"].item(), rel=1e-4)
    assert small["loss"].item() == pytest.approx(
        small["mixture"].item() + 0.5 * small["classification"].item(), rel=1e-4
    )


def test_a_loss_without_weight_is_not_computed() -> None:
    later = weak({"mixture": {}, "classification": {"start": 0.5}})
    assert set(later([a_batch()], START)) == {"loss", "mixture"}
    assert set(weak({"mixture": {"weight": 0}})([a_batch()], END)) == {"loss"}


@pytest.mark.parametrize(("over_classes", "factor"), [("mean", 100), ("sum", 300)])
@pytest.mark.parametrize("residual", [False, True])
def test_strong_losses_are_weighted_whatever_the_residual_output(
    over_classes: str, factor: int, residual: bool
) -> None:
    net = build_separator({"layers": 1, "units": 6, "residual": residual}, 3, 33)
    batch = with_sources(2)
    whole = SeparatorObjective(net, terms_of({"strong": {"over_classes": over_classes}}))([batch], END)
    mean = SeparatorObjective(net, terms_of({"strong": {"weight": 1}}))([batch], END)
    assert whole["loss"].item() == pytest.approx(factor * mean["strong"].item(), rel=1e-5)


def test_a_step_weighs_its_batches_by_their_clips() -> None:
    torch.manual_seed(0)
    objective = weak({"mixture": {}, "strong": {"over_classes": "sum"}}).eval()
    labelled, isolated = a_batch("clip"), with_sources(3)
    whole, labels, sources = (objective(batches, END) for batches in ([labelled, isolated], [labelled], [isolated]))
    assert set(labels) == {"loss", "mixture"} and set(sources) == {"loss", "strong"}
    wanted = weighted_sum([(2, labels), (3, sources)])
    for name in ("loss", "mixture", "strong"):
        torch.testing.assert_close(whole[name], wanted[name])
    assert wanted["mixture"].item() == pytest.approx(2 / 5 * labels["mixture"].item())
    assert weighted_sum([(3, labels)]) is labels


def test_batches_of_unequal_length_in_one_step() -> None:
    objective = weak({"mixture": {}, "strong": {}}).eval()
    short = Batch(torch.rand(2, 9, 33), sources=torch.rand(2, 3, 9, 33))
    assert set(objective([a_batch(), short], END)) == {"loss", "mixture", "strong"}
