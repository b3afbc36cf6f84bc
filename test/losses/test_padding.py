"""Every loss of a padded batch is that of its clips on their own, weighted by frames, by kept frames or by clips."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from weaksep.feats.batch import frame_mask, stack_frames
from weaksep.losses.classification import assess
from weaksep.losses.mixture import kept_frames
from weaksep.losses.registry import find_loss
from weaksep.losses.settings import END
from weaksep.nets.classifier import Classifier, ClassifierSettings
from weaksep.signal.frames import pool_frames

LENGTHS = (12, 7, 9)
K, F = 3, 5
POOLINGS = ("max", "mean", "linear_softmax", "exp_softmax", "attention")


class Framewise(Classifier):
    """Hears two frames at a time and nothing beside them."""

    time_pooling = 2

    def __init__(self, pooling: str) -> None:
        super().__init__(ClassifierSettings(pooling=pooling), F, K)  # type: ignore[arg-type]
        for parameter in self.parameters():
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(7))

    def features(self, magnitude: torch.Tensor) -> torch.Tensor:
        return pool_frames(magnitude, 2)


def clip(frames: int, masks: int, per_frame: bool) -> dict[str, torch.Tensor]:
    """What a loss may ask for of one clip."""
    random = torch.Generator().manual_seed(frames)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(1, *shape, generator=random)

    magnitude = drawn(frames, F)
    magnitude[:, 2] *= 1e-3  # too quiet to count
    held = (frames,) if per_frame else ()
    return {
        "magnitude": magnitude,
        "masks": drawn(masks, frames, F).softmax(dim=1),
        "sources": drawn(K, frames, F),
        "labels": (drawn(*held, K) > 0.5).float(),
        "submixtures": drawn(2, 2, frames, F) * magnitude[:, None, None],
        "submixture_labels": (drawn(2, 2, *held, K) > 0.5).float(),
        "split_weights": torch.tensor([[0.25, 0.75]]),
    }


def padded(clips: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The clips as one batch; a net's masks are not zero in the padding."""
    frames = frame_mask(LENGTHS)
    assert frames is not None
    whole = {"frames": frames}
    for name in clips[0]:
        own = [single[name][0] for single in clips]
        equal = len({value.shape for value in own}) == 1
        whole[name] = torch.stack(own) if equal else stack_frames([value.numpy() for value in own])
    whole["masks"] += 0.3 * (1 - frames[:, None, :, None])
    return whole


CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "strong": ("strong", {}, "frames"),
    "strong, summed": ("strong", {"over_classes": "sum"}, "frames"),
    "mixture": ("mixture", {"residual_weight": 0.4}, "kept"),
    "remix": ("remix", {"inactive_frame_weight": 0.3}, "kept"),
    "remix, frame labels at their word": ("remix", {"inactive_frame_weight": None}, "kept"),
    "classification": ("classification", {}, "clips"),
    "classification of active sources": ("classification", {"active_sources_only": True}, "clips"),
}


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize(
    ("name", "pooling"), [*((n, "max") for n in CASES), *(("classification", p) for p in POOLINGS)]
)
def test_padding_counts_for_nothing(name: str, pooling: str, per_frame: bool, residual: bool) -> None:
    loss_name, settings, weighting = CASES[name]
    loss = find_loss(loss_name)
    common = {
        "settings": loss.settings(**settings),
        "progress": END,
        "classifier": Framewise(pooling),
        "class_weights": torch.tensor([0.5, 1.0, 1.5]),
        "background": None,
    }
    clips = [clip(frames, K + residual, per_frame) for frames in LENGTHS]

    def value(given: dict[str, Any]) -> torch.Tensor:
        return loss.function(**{need: {**common, **given}[need] for need in loss.needs})

    kept = [kept_frames(single["magnitude"]).sum().item() for single in clips]
    assert kept == [frames - 1 for frames in LENGTHS]
    weights = torch.tensor({"frames": LENGTHS, "kept": kept, "clips": (1, 1, 1)}[weighting])
    alone = torch.stack([value({**single, "frames": None}) for single in clips])
    whole = padded(clips)
    torch.testing.assert_close(value(whole), (alone * weights).sum() / weights.sum())
    # By this several processes weigh theirs.
    assert [loss.size(single["magnitude"], None).item() for single in clips] == weights.tolist()
    assert loss.size(whole["magnitude"], whole["frames"]).item() == weights.sum().item()


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_classifiers_own_loss(pooling: str, per_frame: bool) -> None:
    classifier, clips = Framewise(pooling), [clip(frames, K, per_frame) for frames in LENGTHS]
    whole = padded(clips)
    found = assess(classifier, whole["magnitude"], whole["labels"], torch.ones(K), whole["frames"])
    alone = [assess(classifier, single["magnitude"], single["labels"], torch.ones(K)) for single in clips]
    torch.testing.assert_close(found, torch.cat(alone))
