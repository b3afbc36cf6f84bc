"""Networks: shapes, masks, pooling in closed form, front-ends."""

from __future__ import annotations

import pytest
import torch

from weaksep.feats import stats
from weaksep.nets.build import build_classifier, build_separator
from weaksep.nets.classifier import exp_softmax_pool, linear_softmax_pool, max_pool, mean_pool
from weaksep.nets.classifiers.light import mel_matrix
from weaksep.nets.separator import LOG_FLOOR, NormalisedLog

SMALL = {"blstm": {"units": 6}, "crnn": {"units": 6, "channels": [4, 4, 4]}, "light": {"units": 6, "channels": [8]}}
TIME_POOLING = {"blstm": 1, "crnn": 4, "light": 4}


@pytest.mark.parametrize("kind", ["blstm", "crnn", "light"])
@pytest.mark.parametrize("pooling", ["max", "mean", "linear_softmax", "exp_softmax", "attention"])
def test_classifier_shapes_and_probabilities(kind: str, pooling: str) -> None:
    net = build_classifier({"kind": kind, "pooling": pooling, **SMALL[kind]}, 5, 65, 8000)
    magnitude = torch.rand(2, 26, 65)
    assert net.time_pooling == TIME_POOLING[kind]
    assert net(magnitude).shape == (2, -(-26 // net.time_pooling), 5)
    clip = net.clip_probabilities(magnitude)
    assert clip.shape == (2, 5)
    assert bool(((clip > 0) & (clip < 1)).all())


@pytest.mark.parametrize("kind", ["blstm", "crnn", "light"])
@pytest.mark.parametrize("pooling", ["max", "attention"])
def test_class_axes_of_classifiers_are_all_that_depends_on_the_classes(kind: str, pooling: str) -> None:
    net, other = (build_classifier({"kind": kind, "pooling": pooling, **SMALL[kind]}, k, 65, 8000) for k in (4, 7))
    depend = {key for key, tensor in net.state_dict().items() if tensor.shape != other.state_dict()[key].shape}
    assert depend == net.class_axes().keys() and set(net.class_axes().values()) == {0}


@pytest.mark.parametrize("mask", ["softmax", "sigmoid"])
def test_separator_masks(mask: str) -> None:
    net = build_separator({"layers": 2, "units": 8, "mask": mask}, 3, 33)
    masks = net(torch.rand(2, 7, 33))
    assert masks.shape == (2, 3, 7, 33)
    assert bool(((masks >= 0) & (masks <= 1)).all())
    sums = masks.sum(dim=1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5) == (mask == "softmax")


@pytest.mark.parametrize("mask", ["softmax", "sigmoid"])
def test_no_mask_lies_under_the_floor_and_the_sum_stays(mask: str) -> None:
    torch.manual_seed(0)
    net = build_separator({"layers": 1, "units": 8, "mask": mask, "mask_floor": 0.3}, 3, 9)
    torch.nn.init.normal_(net.output.weight, std=100.0)  # masks of nearly 0 and 1
    masks = net(torch.rand(2, 7, 9))
    assert masks.min().item() == pytest.approx(0.1, abs=1e-3)
    if mask == "softmax":
        assert torch.allclose(masks.sum(dim=1), torch.ones(2, 7, 9), atol=1e-5)


def test_the_papers_sizes_are_the_defaults() -> None:
    separator = build_separator({}, 5, 257)
    assert (separator.blstm.num_layers, separator.blstm.hidden_size, separator.blstm.bidirectional) == (3, 600, True)
    classifier = build_classifier({}, 5, 257, 16000)
    assert (classifier.blstm.num_layers, classifier.blstm.hidden_size) == (2, 100)  # type: ignore[union-attr]


def test_pooling_by_hand() -> None:
    probabilities = torch.tensor([0.2, 0.8]).view(1, 2, 1)
    assert max_pool(probabilities).item() == pytest.approx(0.8)
    assert mean_pool(probabilities).item() == pytest.approx(0.5)
    assert linear_softmax_pool(probabilities).item() == pytest.approx(0.04 + 0.64)
    low, high = torch.tensor([0.2, 0.8]).softmax(dim=0).tolist()
    assert exp_softmax_pool(probabilities).item() == pytest.approx(0.2 * low + 0.8 * high)


def test_mel_filters_are_weighted_means_and_none_is_empty() -> None:
    for n_bins, n_bands, rate in [(129, 40, 8000), (257, 64, 16000), (65, 40, 8000)]:
        filters = mel_matrix(n_bins, n_bands, rate)
        assert filters.shape == (n_bins, n_bands)
        assert bool((filters >= 0).all())
        assert torch.allclose(filters.sum(dim=0), torch.ones(n_bands), atol=1e-5)


def test_both_sides_floor_the_logarithm_alike() -> None:
    assert LOG_FLOOR == stats.LOG_FLOOR


def test_statistics_travel_in_the_state_and_normalise() -> None:
    magnitude = torch.rand(4, 50, 9) + 0.1
    logs = magnitude.log().flatten(0, 1)
    net = NormalisedLog(9)
    net.set_statistics(logs.mean(dim=0), logs.std(dim=0, correction=0))
    out = net(magnitude).flatten(0, 1)
    assert torch.allclose(out.mean(dim=0), torch.zeros(9), atol=1e-5)
    assert torch.allclose(out.std(dim=0, correction=0), torch.ones(9), atol=1e-4)
    assert set(net.state_dict()) == {"mean", "std"}
