"""The claims of docs/method/remix.md and labels.md, each on data made to show it.

The "net" is one mask for all frames: logits (K, F). Class k sounds in the bins 2k and 2k + 1, so that the right masks
are known.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from weaksep.losses.mixture import mixture_loss
from weaksep.losses.remix import remix_loss
from weaksep.losses.strong import strong_loss

K, F = 4, 8
OWNER = torch.arange(F) // 2  # class of each bin

Labels = tuple[int, ...]


def clip(classes: Labels, random: torch.Generator) -> torch.Tensor:
    """Magnitude (1, F) of a clip of these classes."""
    return torch.rand(1, F, generator=random) * torch.isin(OWNER, torch.tensor(classes))


def batch_of(
    pairs: list[tuple[Labels, Labels]], random: torch.Generator, labels: list[tuple[Labels, Labels]] | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Remixes of pairs of clips: magnitude (B, 1, F), submixtures (B, 1, 2, 1, F), labels (B, 1, 2, K) (any given)."""
    submixtures = torch.stack([torch.stack([clip(part, random) for part in pair]) for pair in pairs])
    told = torch.zeros(len(pairs), 1, 2, K)
    for item, pair in enumerate(labels or pairs):
        for part, classes in enumerate(pair):
            told[item, 0, part, list(classes)] = 1.0
    return submixtures.sum(dim=1), submixtures.unsqueeze(1), told


def learn(pairs: list[tuple[Labels, Labels]], labels: list[tuple[Labels, Labels]] | None = None) -> torch.Tensor:
    """Masks (K, F) learnt from remixes of such pairs."""
    random = torch.Generator().manual_seed(0)
    logits = (0.1 * torch.randn(K, F, generator=random)).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.1)
    for _ in range(150):
        magnitude, submixtures, told = batch_of(pairs * 4, random, labels and labels * 4)
        optimiser.zero_grad()
        masks = logits.softmax(dim=0).view(1, K, 1, F).expand(len(magnitude), -1, -1, -1)
        remix_loss(magnitude, masks, submixtures, told).backward()
        optimiser.step()
    return logits.softmax(dim=0).detach()


def own_share(masks: torch.Tensor) -> torch.Tensor:
    """How much of each bin its own class gets, (F,)."""
    return masks[OWNER, torch.arange(F)]


def test_classes_that_some_pair_tells_apart_are_found_without_a_clip_of_one_class() -> None:
    masks = learn([((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))])
    assert own_share(masks).min() > 0.95


def test_classes_that_only_occur_together_stay_undecided() -> None:
    masks = learn([((0, 1), (2, 3))])
    assert own_share(masks).max() < 0.9  # no better than where it began
    pairs = masks.view(2, 2, F).sum(dim=1)  # the two submixtures, though, are told apart
    assert pairs[OWNER // 2, torch.arange(F)].min() > 0.95


def test_swapping_two_classes_that_only_occur_together_changes_no_loss() -> None:
    random = torch.Generator().manual_seed(1)
    magnitude, submixtures, labels = batch_of([((0, 1), (2,)), ((3,), (0, 1)), ((2, 3), (0, 1)), ((2,), (3,))], random)
    masks = torch.rand(4, K, 1, F, generator=random).softmax(dim=1)
    swapped = masks[:, [1, 0, 2, 3]]
    assert remix_loss(magnitude, swapped, submixtures, labels).item() == pytest.approx(
        remix_loss(magnitude, masks, submixtures, labels).item(), rel=1e-6
    )


def test_the_right_masks_have_no_loss_whatever_the_pairs() -> None:
    masks = torch.nn.functional.one_hot(OWNER, K).T.float().view(1, K, 1, F)
    for sizes in itertools.product((1, 2), (1, 2)):
        pairs = [(tuple(range(sizes[0])), tuple(range(K - sizes[1], K)))]
        magnitude, submixtures, labels = batch_of(pairs, torch.Generator().manual_seed(0))
        assert remix_loss(magnitude, masks, submixtures, labels).item() == pytest.approx(0.0, abs=1e-7)


def test_clip_labels_that_are_wrong_less_often_than_right_do_no_harm() -> None:
    """The loss is an absolute one: in each bin the median of what is asked wins, and not the mean."""
    pairs = [((0,), (1,)), ((0,), (2,)), ((0,), (3,)), ((1,), (2,)), ((1,), (3,)), ((2,), (3,))]
    told = [*pairs[:-1], ((2,), (0,))]  # one clip in twelve of class 3 is called 0
    masks = learn(pairs, told)
    assert own_share(masks).min() > 0.9


def test_clip_labels_that_are_wrong_more_often_than_right_rule() -> None:
    pairs = [((0,), (1,)), ((0,), (2,)), ((1,), (2,)), ((2,), (3,)), ((1,), (3,)), ((0,), (3,))]
    told = [*pairs[:3], ((2,), (0,)), ((1,), (0,)), ((0,), (3,))]  # two in three of class 3 are called 0
    masks = learn(pairs, told)
    assert own_share(masks)[6:].max() < 0.1
    assert masks[0, 6:].min() > 0.9


def test_it_is_mix_and_separate_for_clips_of_one_class_and_the_mixture_loss_for_one_clip() -> None:
    random = torch.Generator().manual_seed(2)
    magnitude, submixtures, labels = batch_of([((0,), (3,)), ((2,), (1,))], random)
    masks = torch.rand(2, K, 1, F, generator=random).softmax(dim=1)
    sources = torch.zeros(2, K, 1, F)
    sources[0, 0], sources[0, 3] = submixtures[0, 0, 0], submixtures[0, 0, 1]
    sources[1, 2], sources[1, 1] = submixtures[1, 0, 0], submixtures[1, 0, 1]
    assert remix_loss(magnitude, masks, submixtures, labels).item() == pytest.approx(
        K * strong_loss(magnitude, masks, sources).item(), rel=1e-5
    )
    magnitude, submixtures, labels = batch_of([((0, 2), ())], random)
    assert remix_loss(magnitude, masks[:1], submixtures, labels).item() == pytest.approx(
        mixture_loss(magnitude, masks[:1], labels[:, 0, 0]).item(), rel=1e-5
    )
