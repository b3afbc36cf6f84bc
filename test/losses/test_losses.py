"""Loss values on hand-made tensors, and what must not count."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from weaksep.losses import classification
from weaksep.losses.classification import (
    assess,
    clip_bce,
    frame_bce,
    inverse_prior_weights,
    source_classification_loss,
)
from weaksep.losses.mixture import kept_frames, mixture_loss
from weaksep.losses.strong import strong_loss
from weaksep.signal.frames import pool_frames


def masks_of(*values: float, frames: int = 1, bins: int = 2) -> torch.Tensor:
    return torch.tensor(values).view(1, -1, 1, 1).expand(1, len(values), frames, bins)


def test_mixture_loss_by_hand() -> None:
    magnitude = torch.full((1, 1, 2), 2.0)
    labels = torch.tensor([[1.0, 1.0, 0.0]])
    # Active masks 0.5 + 0.2 rebuild 1.4 of 2 (0.6 missing), the inactive one leaks 0.1 * 2.
    assert mixture_loss(magnitude, masks_of(0.5, 0.2, 0.1), labels).item() == pytest.approx(0.6 + 0.2)
    # More than the mixture is an error too.
    assert mixture_loss(magnitude, masks_of(1.0, 0.5, 0.0), labels).item() == pytest.approx(1.0)
    assert mixture_loss(magnitude, masks_of(0.4, 0.6, 0.0), labels).item() == pytest.approx(0.0, abs=1e-6)


def test_a_class_that_leaks_is_punished() -> None:
    magnitude, labels = torch.rand(2, 5, 3), torch.tensor([[1.0, 0.0]] * 2)
    clean = mixture_loss(magnitude, masks_of(1.0, 0.0, frames=5, bins=3).expand(2, -1, -1, -1), labels)
    leaking = mixture_loss(magnitude, masks_of(1.0, 0.3, frames=5, bins=3).expand(2, -1, -1, -1), labels)
    assert clean.item() == pytest.approx(0.0, abs=1e-6)
    assert leaking.item() == pytest.approx(0.3 * magnitude.mean().item(), rel=1e-5)


def test_frame_labels_decide_frame_by_frame() -> None:
    magnitude = torch.ones(1, 2, 1)
    masks = masks_of(1.0, 0.0, frames=2, bins=1)
    labels = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    # Frame 0 is right; in frame 1 the active class misses 1 and the inactive one leaks 1.
    assert mixture_loss(magnitude, masks, labels).item() == pytest.approx((0.0 + 2.0) / 2)


def test_quiet_frames_and_silent_clips_are_left_out() -> None:
    magnitude = torch.tensor([[[1.0], [0.02], [0.009]], [[0.0], [0.0], [0.0]]])
    assert kept_frames(magnitude).tolist() == [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    zero = torch.zeros(2, 1, 3, 1)
    assert mixture_loss(magnitude, zero, torch.ones(2, 1)).item() == pytest.approx((1.0 + 0.02) / 2)
    assert mixture_loss(torch.zeros(1, 3, 1), zero[:1], torch.ones(1, 1)).item() == 0.0


def test_clip_labels_are_frame_labels_held() -> None:
    magnitude, masks = torch.rand(2, 6, 4), torch.rand(2, 3, 6, 4)
    clip = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    held = clip.unsqueeze(1).expand(-1, 6, -1)
    assert mixture_loss(magnitude, masks, clip).item() == pytest.approx(mixture_loss(magnitude, masks, held).item())


def test_strong_loss_by_hand() -> None:
    magnitude = torch.tensor([[[1.0, 2.0]]])
    sources = torch.tensor([[[[0.5, 3.0]], [[0.0, 0.0]]]])  # 3 is cut to the mixture's 2; the second class is absent
    masks = torch.tensor([[[[0.5, 1.0]], [[0.0, 0.25]]]])
    assert strong_loss(magnitude, masks, sources).item() == pytest.approx(0.5 / 4)


def test_strong_loss_with_a_background_by_hand() -> None:
    magnitude, sources = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[[0.5, 0.0]], [[0.0, 0.0]]]])
    background = torch.tensor([[[0.5, 3.0]]])
    masks = torch.tensor([[[[0.5, 0.25]], [[0.0, 0.0]], [[0.5, 0.75]]]])
    # In the second bin 0.5 is too much for the first class, and lacks in the background.
    assert strong_loss(magnitude, masks, sources, None, background).item() == pytest.approx(1.0 / 6)
    # What is in the residual, 0.5 and 1.5, costs a fifth more.
    dear = strong_loss(magnitude, masks, sources, None, background, 0.2)
    assert dear.item() == pytest.approx((1.0 + 0.2 * 2.0) / 6)
    frames = torch.ones(1, 1)
    assert torch.equal(dear, strong_loss(magnitude, masks, sources, frames, background, 0.2))
    # Without a background nothing belongs there.
    assert strong_loss(magnitude, masks, sources, None, None, 0.2).item() == pytest.approx((0.5 + 0.4) / 4)


class EnergyClassifier(nn.Module):
    """Class k is heard in proportion to the energy of bin k."""

    time_pooling = 2

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(20.0))

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        frames = nn.functional.max_pool1d(magnitude.transpose(1, 2), 2, ceil_mode=True).transpose(1, 2)
        return self.gain * (frames - 0.5)

    def clip_probabilities(self, magnitude: torch.Tensor, frames: torch.Tensor | None = None) -> torch.Tensor:
        return self(magnitude).sigmoid().amax(dim=1)


def two_sources() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Class 0 lives in bin 0 over all frames, class 1 in bin 1 in the first half, class 2 never."""
    magnitude = torch.zeros(1, 4, 3)
    magnitude[:, :, 0] = 1.0
    magnitude[:, :2, 1] = 1.0
    labels = torch.zeros(1, 4, 3)
    labels[:, :, 0] = 1.0
    labels[:, :2, 1] = 1.0
    ideal = torch.zeros(1, 3, 4, 3)
    ideal[:, 0, :, 0] = 1.0
    ideal[:, 1, :, 1] = 1.0
    return magnitude, labels, ideal


@pytest.mark.parametrize("form", ["frame", "clip"])
@pytest.mark.parametrize("active_only", [True, False])
def test_right_masks_cost_nothing_and_swapped_ones_much(form: str, active_only: bool) -> None:
    magnitude, labels, ideal = two_sources()
    labels = labels if form == "frame" else labels.amax(dim=1)
    arguments = (EnergyClassifier(), magnitude)
    right = source_classification_loss(*arguments, ideal, labels, torch.ones(3), active_only)
    swapped = source_classification_loss(*arguments, ideal[:, [1, 0, 2]], labels, torch.ones(3), active_only)
    assert right.item() < 1e-3
    assert swapped.item() > 1.0


def test_absent_classes_are_left_out_when_asked() -> None:
    magnitude, labels, ideal = two_sources()
    wrong = ideal.clone()
    wrong[:, 2] = 1.0  # the absent class takes everything
    for clip in (labels, labels.amax(dim=1)):
        everything = source_classification_loss(EnergyClassifier(), magnitude, wrong, clip, torch.ones(3), False)
        active = source_classification_loss(EnergyClassifier(), magnitude, wrong, clip, torch.ones(3), True)
        assert active.item() < 1e-3 < everything.item()
    none = source_classification_loss(EnergyClassifier(), magnitude, wrong, labels * 0, torch.ones(3), True)
    assert none.item() == 0.0


def test_the_sum_over_sources_is_a_sum_and_over_clips_a_mean() -> None:
    magnitude, labels, ideal = two_sources()
    masks = ideal * 0.4
    once = source_classification_loss(EnergyClassifier(), magnitude, masks, labels, torch.ones(3), True)
    double = [t.repeat(2, *[1] * (t.dim() - 1)) for t in (magnitude, masks, labels)]
    assert source_classification_loss(EnergyClassifier(), *double, torch.ones(3), True).item() == pytest.approx(
        once.item()
    )
    single = [
        assess(EnergyClassifier(), masks[:, k] * magnitude, labels * torch.eye(3)[k], torch.ones(3)).item()
        for k in (0, 1)
    ]
    assert once.item() == pytest.approx(sum(single), rel=1e-5)


def test_bce_by_hand_and_class_weights() -> None:
    logits = torch.zeros(1, 2, 2)
    labels = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert frame_bce(logits, labels, torch.ones(2)).item() == pytest.approx(math.log(2.0))
    assert frame_bce(logits, labels, torch.tensor([3.0, 1.0])).item() == pytest.approx(2 * math.log(2.0))
    assert clip_bce(torch.tensor([[0.25, 0.5]]), torch.tensor([[1.0, 0.0]])).item() == pytest.approx(
        (math.log(4.0) + math.log(2.0)) / 2
    )
    weights = inverse_prior_weights(torch.tensor([0.1, 0.2]))
    assert weights.tolist() == pytest.approx([4 / 3, 2 / 3])


def test_labels_are_max_pooled_to_the_classifiers_rate() -> None:
    labels = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0]).view(1, 5, 1)
    assert pool_frames(labels, 2).flatten().tolist() == [0.0, 1.0, 1.0]
    assert pool_frames(labels, 1) is labels


@pytest.mark.parametrize("shape", [(2, 3), (2, 8, 3)], ids=["clip", "frame"])
def test_a_residual_must_sound_like_no_class(shape: tuple[int, ...]) -> None:
    magnitude, labels = torch.rand(2, 8, 3).double() + 1.0, torch.ones(shape).double()
    classifier, masks = EnergyClassifier().double(), torch.zeros(2, 4, 8, 3).double()
    common = (labels, None, classifier, torch.ones(3), classification.Settings())

    def of_the_residual(share: float) -> float:
        masks[:, 3] = share
        with_it, without = (classification.loss(magnitude, own, *common) for own in (masks, masks[:, :3]))
        return (with_it - without).item()

    silent, loud = of_the_residual(0.0), of_the_residual(1.0)
    asked_for_nothing = assess(classifier, magnitude, torch.zeros_like(labels), torch.ones(3)).mean().item()
    assert loud == pytest.approx(asked_for_nothing)
    assert silent < 0.1 * loud
