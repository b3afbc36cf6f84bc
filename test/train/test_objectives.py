"""Objectives: the frozen classifier stays frozen, the weights act, joint training trains both."""

from __future__ import annotations

import pytest
import torch

from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.config import LossConfig
from weaksep.train.objectives import MixedTensorBatch, StrongObjective, TensorBatch, WeakObjective
from weaksep.train.schedule import Weights

ACTIVE = LossConfig(active_sources_only=True)


def weak(config: LossConfig = ACTIVE, joint: bool = False, kind: str = "light") -> WeakObjective:
    torch.manual_seed(0)
    separator = build_separator({"layers": 1, "units": 6}, 3, 33)
    classifier = build_classifier({"kind": kind, "units": 4, "channels": [4, 4], "dropout": 0.3}, 3, 33, 8000)
    return WeakObjective(separator, classifier, torch.ones(3), config, joint)


def a_batch(form: str = "frame") -> TensorBatch:
    generator = torch.Generator().manual_seed(1)
    frames = (torch.rand(2, 12, 3, generator=generator) > 0.5).float()
    labels = frames if form == "frame" else frames.amax(dim=1)
    return TensorBatch(torch.rand(2, 12, 33, generator=generator), labels, None)


@pytest.mark.parametrize("kind", ["light", "crnn", "blstm"])
@pytest.mark.parametrize("form", ["frame", "clip"])
def test_a_frozen_classifier_gets_no_gradient_and_passes_it_on(kind: str, form: str) -> None:
    # Without the mixture loss, all that reaches the separator comes through the classifier.
    objective = weak(LossConfig(mixture_weight=0.0, active_sources_only=True), kind=kind)
    objective.train()
    before = {name: value.clone() for name, value in objective.classifier.state_dict().items()}  # type: ignore[union-attr]
    parts = objective(a_batch(form), Weights(1.0, 0.3))
    parts["loss"].backward()
    assert all(p.grad is None for p in objective.classifier.parameters())  # type: ignore[union-attr]
    assert sum(p.grad.abs().sum().item() for p in objective.net.parameters()) > 0
    after = objective.classifier.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(before[name], after[name]) for name in before)  # batch norm's averages too
    assert "classifier" not in parts
    # No dropout in the assessor: the same batch gives the same loss.
    assert objective(a_batch(form), Weights(1.0, 0.3))["loss"].item() == parts["loss"].item()


def test_evaluation_leaves_the_assessor_able_to_pass_a_gradient_on_a_gpu() -> None:
    # cuDNN refuses to go back through a recurrent layer in evaluation mode; the layer has no dropout left to fear.
    objective = weak(kind="blstm")
    for mode in (True, False):
        objective.train(mode)
        layers = [m for m in objective.classifier.modules() if isinstance(m, torch.nn.LSTM)]  # type: ignore[union-attr]
        assert layers and all(layer.training and layer.dropout == 0.0 for layer in layers)


def test_joint_training_reaches_both_and_keeps_the_classifier_honest() -> None:
    objective = weak(joint=True)
    parts = objective(a_batch(), Weights(0.0, 0.3))  # before the ramp the classifier already learns from mixtures
    assert set(parts) == {"loss", "mixture", "classifier"}
    parts = objective(a_batch(), Weights(1.0, 0.3))
    parts["loss"].backward()
    assert set(parts) == {"loss", "mixture", "classifier", "sources"}
    assert all(p.grad is not None for p in objective.parameters())


def test_the_weights_act() -> None:
    parts = {
        weight: weak(LossConfig(mixture_weight=weight, active_sources_only=True))(a_batch(), Weights(0.5, 0.3))
        for weight in (1.0, 100.0)
    }
    small, large = parts[1.0], parts[100.0]
    assert large["mixture"].item() == pytest.approx(small["mixture"].item())
    assert large["loss"].item() - small["loss"].item() == pytest.approx(99 * small["mixture"].item(), rel=1e-4)
    assert small["loss"].item() == pytest.approx(small["mixture"].item() + 0.5 * small["sources"].item(), rel=1e-4)


def test_without_classification_the_classifier_is_not_run() -> None:
    assert set(weak()(a_batch(), Weights(0.0, 0.3))) == {"loss", "mixture"}


def test_strong_objective_is_weighted_like_the_mixture_loss() -> None:
    torch.manual_seed(0)
    objective = StrongObjective(build_separator({"layers": 1, "units": 6}, 3, 33), LossConfig(mixture_weight=100.0))
    batch = TensorBatch(torch.rand(2, 12, 33), None, torch.rand(2, 3, 12, 33))
    parts = objective(batch, Weights(0.0, 0.3))
    assert parts["loss"].item() == pytest.approx(100 * parts["strong"].item(), rel=1e-5)


def test_a_residual_output_does_not_raise_the_weight_of_clips_with_sources() -> None:
    batch = MixedTensorBatch((TensorBatch(torch.rand(2, 12, 33), None, torch.rand(2, 3, 12, 33)),))
    config = LossConfig(mixture_weight=100.0, classification_weight=0.0)
    for residual in (False, True):
        net = build_separator({"layers": 1, "units": 6, "residual": residual}, 3, 33)
        parts = WeakObjective(net, None, torch.ones(3), config, False)(batch, Weights(0.0, 0.3))
        assert parts["loss"].item() == pytest.approx(300 * parts["strong"].item(), rel=1e-5)  # summed over the classes
