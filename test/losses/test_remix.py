"""The remix loss: closed forms, its minimum over all ways to share, and its special cases."""

from __future__ import annotations

import pytest
import torch

from weaksep.losses.mixture import mixture_loss
from weaksep.losses.remix import remix_loss, soft_submixtures, submixture_shares
from weaksep.losses.strong import strong_loss


def one_bin(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)


def submixtures_of(first: float, second: float) -> torch.Tensor:
    return torch.tensor([first, second], dtype=torch.float64).view(1, 2, 1, 1)


def labels_of(first: list[float], second: list[float]) -> torch.Tensor:
    return torch.tensor([[first, second]], dtype=torch.float64)


def loss_of(masks: torch.Tensor, submixtures: torch.Tensor, labels: torch.Tensor) -> float:
    """Of one bin of magnitude one, and one way to divide the remix."""
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    return remix_loss(one, masks, submixtures.unsqueeze(1), labels.unsqueeze(1)).item()


def test_disjoint_submixtures_by_hand() -> None:
    labels = labels_of([1, 1, 0, 0], [0, 0, 1, 0])
    # The first submixture gets 0.3 + 0.2 of its 0.6, the second 0.1 of its 0.4, and 0.4 leaks into a class of neither.
    loss = loss_of(one_bin(0.3, 0.2, 0.1, 0.4), submixtures_of(0.6, 0.4), labels)
    assert loss == pytest.approx(0.1 + 0.3 + 0.4)
    assert loss_of(one_bin(0.1, 0.5, 0.4, 0.0), submixtures_of(0.6, 0.4), labels) == pytest.approx(0.0)


def test_within_a_submixture_the_classes_may_share_as_they_like() -> None:
    labels = labels_of([1, 1, 0], [0, 0, 1])
    for share in (0.0, 0.2, 0.6):
        loss = loss_of(one_bin(share, 0.6 - share, 0.4), submixtures_of(0.6, 0.4), labels)
        assert loss == pytest.approx(0.0)


def test_a_shared_class_may_explain_either_submixture() -> None:
    labels = labels_of([1, 1, 0], [0, 1, 1])
    assert loss_of(one_bin(0.2, 0.6, 0.2), submixtures_of(0.7, 0.3), labels) == pytest.approx(0.0)
    # Nothing more than the submixture holds: the class of the first alone gives 0.9 of 0.7.
    assert loss_of(one_bin(0.9, 0.1, 0.0), submixtures_of(0.7, 0.3), labels) == pytest.approx(0.2 + 0.2)


def test_the_closed_form_is_the_smallest_over_all_ways_to_share() -> None:
    random = torch.Generator().manual_seed(0)
    labels = labels_of([1, 1, 0], [0, 1, 1])
    for _ in range(200):
        masks = torch.rand(3, generator=random, dtype=torch.float64)
        first, second = torch.rand(2, generator=random, dtype=torch.float64).tolist()
        own, both, other = masks.tolist()
        ways = torch.linspace(0.0, both, 2001, dtype=torch.float64)
        smallest = ((first - own - ways).abs() + (second - other - (both - ways)).abs()).min().item()
        found = loss_of(masks.view(1, 3, 1, 1), submixtures_of(first, second), labels)
        assert found == pytest.approx(smallest, abs=2e-3)
        assert found <= smallest + 1e-9


def test_a_clip_alone_gives_the_mixture_loss() -> None:
    magnitude, masks = torch.rand(3, 5, 4), torch.rand(3, 3, 5, 4).softmax(dim=1)
    magnitude[:, 0] *= 1e-4  # a frame that neither keeps
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    submixtures = torch.stack([magnitude, torch.zeros_like(magnitude)], dim=1).unsqueeze(1)
    both = torch.stack([labels, torch.zeros_like(labels)], dim=1).unsqueeze(1)
    assert remix_loss(magnitude, masks, submixtures, both) == pytest.approx(
        mixture_loss(magnitude, masks, labels).item()
    )
    frames = labels.unsqueeze(1).expand(-1, 5, -1)
    both = torch.stack([frames, torch.zeros_like(frames)], dim=1).unsqueeze(1)
    assert remix_loss(magnitude, masks, submixtures, both) == pytest.approx(
        mixture_loss(magnitude, masks, frames).item()
    )


def test_submixtures_of_one_class_give_the_strong_loss() -> None:
    masks = torch.rand(2, 2, 5, 4).softmax(dim=1)
    sources = torch.rand(2, 2, 5, 4)
    magnitude = sources.sum(dim=1)
    labels = torch.eye(2).expand(2, 1, 2, 2)
    strong = strong_loss(magnitude, masks, sources) * 2  # a mean over classes
    assert remix_loss(magnitude, masks, sources.unsqueeze(1), labels).item() == pytest.approx(strong.item(), rel=1e-5)


def test_frame_labels_decide_frame_by_frame() -> None:
    masks = torch.tensor([[0.7, 0.3], [0.3, 0.7]]).view(1, 2, 2, 1)
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # class 0, then class 1
    labels = torch.stack([first, 1.0 - first]).view(1, 1, 2, 2, 2)
    alone, shared = submixture_shares(masks, labels)
    assert alone[0, 0, 0].flatten().tolist() == pytest.approx([0.7, 0.7])
    assert alone[0, 0, 1].flatten().tolist() == pytest.approx([0.3, 0.3])
    assert shared.abs().max() == 0


def test_silence_by_frame_labels_costs_a_weight_more() -> None:
    """Two frames, two classes of one submixture each; in the second frame the first class is silent and takes 0.4."""
    magnitude = torch.ones(1, 2, 1)
    masks = torch.tensor([[1.0, 0.4], [0.0, 0.6]]).view(1, 2, 2, 1)
    labels = torch.tensor([[[1.0, 0], [0, 0]], [[0, 0], [0, 1]]]).view(1, 1, 2, 2, 2)
    submixtures = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 1, 2, 2, 1)
    # In both forms the second class lacks 0.4 and the first has 0.4 too much, one bin of two.
    assert remix_loss(magnitude, masks, submixtures, labels).item() == pytest.approx((0.4 + 0.4) / 2)
    soft = remix_loss(magnitude, masks, submixtures, labels, inactive_frame_weight=0.5).item()
    assert soft == pytest.approx((0.4 + 0.4 + 0.5 * 0.4) / 2)


def test_the_soft_form_lets_a_class_stand_in_for_another_of_its_submixture() -> None:
    magnitude, masks = torch.ones(1, 2, 1), torch.tensor([[0.5, 0.5], [0.5, 0.5]]).view(1, 2, 2, 1)
    labels = torch.tensor([[[1.0, 0], [0, 1]], [[0, 0], [0, 0]]]).view(1, 1, 2, 2, 2)
    submixtures = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2, 1)
    assert remix_loss(magnitude, masks, submixtures, labels).item() == pytest.approx(1.0)  # 0.5 missing and 0.5 leaked
    assert remix_loss(magnitude, masks, submixtures, labels, inactive_frame_weight=0.2).item() == pytest.approx(
        0.2 * 0.5
    )


def test_a_class_of_both_submixtures_keeps_its_frames() -> None:
    labels = torch.tensor([[[1.0, 1], [0, 1]], [[0, 0], [1, 0]]])  # class 0 in both, class 1 in the first
    soft, inactive = soft_submixtures(labels[None, None])
    assert soft[0, 0].tolist() == [[[1, 1], [0, 1]], [[0, 0], [1, 0]]]
    assert not inactive.any()


def test_several_splits_are_averaged() -> None:
    magnitude, masks = torch.ones(1, 1, 1), torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1)
    submixtures = torch.tensor([[0.5, 0.5], [0.1, 0.9]]).view(1, 2, 2, 1, 1)
    labels = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[0, 1, 0], [1, 0, 1]]]).unsqueeze(0)
    assert remix_loss(magnitude, masks, submixtures, labels).item() == pytest.approx((0.0 + 0.4) / 2)


def test_splits_count_by_their_weights() -> None:
    magnitude, masks = torch.ones(2, 1, 1), torch.tensor([0.5, 0.3, 0.2]).expand(2, 3).reshape(2, 3, 1, 1)
    submixtures = torch.tensor([[0.5, 0.5], [0.1, 0.9]]).expand(2, 2, 2).reshape(2, 2, 2, 1, 1)
    labels = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[0, 1, 0], [1, 0, 1]]]).expand(2, 2, 2, 3)
    weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    found = remix_loss(magnitude, masks, submixtures, labels, split_weights=weights).item()
    assert found == pytest.approx((0.0 + 0.75 * 0.4) / 2)


def test_the_residual_may_explain_anything_at_a_price() -> None:
    magnitude, masks = torch.ones(1, 1, 1), torch.tensor([0.2, 0.1, 0.7]).view(1, 3, 1, 1)
    submixtures = torch.tensor([0.5, 0.5]).view(1, 1, 2, 1, 1)
    labels = torch.eye(2).view(1, 1, 2, 2)
    assert remix_loss(magnitude, masks, submixtures, labels, 0.3).item() == pytest.approx(0.7 * 0.3)
    assert mixture_loss(magnitude, masks, torch.tensor([[1.0, 0.0]]), 0.3).item() == pytest.approx(0.1 + 0.1 + 0.21)


def test_gradients_lead_to_the_submixtures() -> None:
    """From even masks, gradient steps on logits find which class is whose."""
    logits = torch.zeros(1, 3, 1, 1, requires_grad=True)
    submixtures = torch.tensor([0.8, 0.2]).view(1, 1, 2, 1, 1)
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).view(1, 1, 2, 3)
    optimiser = torch.optim.Adam([logits], lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        remix_loss(torch.ones(1, 1, 1), logits.softmax(dim=1), submixtures, labels).backward()
        optimiser.step()
    assert logits.softmax(dim=1).flatten().tolist() == pytest.approx([0.8, 0.2, 0.0], abs=0.03)
