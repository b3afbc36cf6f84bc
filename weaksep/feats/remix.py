"""Remixing: training clips are added up, drawn afresh in every epoch; the magnitudes of what was added are targets.

From weak labels: each item is a clip, changed at random (feats/augment.py), plus up to ``max_clips - 1`` others. Nobody
isolated a source, yet the submixtures of the remix are known: that is what losses/remix.py learns from. From isolated
sources: the sources of the same remixes, so that a strong system can be compared on equal terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from weaksep.feats.augment import Change, draw_change
from weaksep.feats.batch import Batch
from weaksep.feats.config import AugmentConfig, RemixConfig
from weaksep.fileio.network import Features

SINGLE = RemixConfig(p_single=1.0)  # every item is one clip: changes without remixing


@dataclass(frozen=True)
class Remix:
    """One item of a batch: which clips are added up, with which changes.

    Attributes:
        rows: the clips, by their position among those that may be drawn; unlabelled ones come after the others.
        changes: what is done to each.
        separated: whether the item is the first clip as an ideal mask would separate it from the remix.
    """

    rows: tuple[int, ...]
    changes: tuple[Change, ...]
    separated: bool


def partners(classes: np.ndarray, taken: np.ndarray, shared: bool) -> np.ndarray:
    """Clips, by position, that may be added to a remix.

    Args:
        classes: which occur in each clip, bool (clips, K).
        taken: which occur in the remix, bool (K,).
        shared: whether a class may occur in both.
    """
    if shared:
        return np.arange(len(classes))
    return np.flatnonzero(~classes[:, taken].any(axis=1))


class Candidates:
    """Clips that may be remixed, for each set of classes that a remix may have so far.

    Args:
        classes: which occur in each labelled clip, bool (clips, K); every one has one.
        config: how to remix.
    """

    def __init__(self, classes: np.ndarray, config: RemixConfig) -> None:
        self.classes, self.config = classes, config
        self._weights = classes.sum(axis=1).astype(np.float64) ** -config.few_class_bias
        # A search through all clips, for every clip of every remix, would take longer than reading them.
        self._found = lru_cache(maxsize=64)(self._find)

    def _find(self, taken: bytes) -> tuple[np.ndarray, np.ndarray]:
        rows = partners(self.classes, np.frombuffer(taken, dtype=bool), self.config.shared)
        return rows, np.cumsum(self._weights[rows])

    def draw(self, taken: np.ndarray, rng: np.random.Generator) -> int | None:
        """A clip, by position, for a remix that has the classes ``taken``, bool (K,); None if none may be added."""
        rows, sums = self._found(taken.tobytes())
        if not len(rows):
            return None
        return int(rows[np.searchsorted(sums[:-1], rng.random() * sums[-1], side="right")])


def draw_remix(
    candidates: Candidates,
    row: int,
    augment: AugmentConfig | None,
    rng: np.random.Generator,
    n_frames: Sequence[int],
    features: Features,
) -> Remix:
    """Draw which clips are added up, and what is done to each.

    Args:
        candidates: the labelled clips, and how to remix them.
        row: the clip that the remix begins with; with ``few_class_bias`` that clip is drawn too.
        augment: how to change them.
        rng: of the item.
        n_frames: of each clip, the unlabelled ones last.
        features: of all clips.
    """
    config, classes = candidates.config, candidates.classes
    taken = np.zeros(classes.shape[1], dtype=bool)
    first = candidates.draw(taken, rng) if config.few_class_bias else None
    rows = [row if first is None else first]
    count = 1 if rng.random() < config.p_single else int(rng.integers(2, config.max_clips + 1))
    taken |= classes[rows[0]]
    while len(rows) < count and (other := candidates.draw(taken, rng)) is not None:
        rows.append(other)
        taken |= classes[other]
    if config.p_unlabelled and rng.random() < config.p_unlabelled:
        rows[count - 1 :] = [int(rng.integers(len(classes), len(n_frames)))]  # one more, if too few could be added up
    changes = tuple(draw_change(augment, rng, n_frames[own], features) for own in rows)
    return Remix(tuple(rows), changes, bool(rng.random() < config.p_separated))


def split_weights(clips: int, splits: int) -> np.ndarray:
    """How much each way to divide a remix of so many clips counts, float32 (splits,): each clip against the others.

    >>> split_weights(2, 3), split_weights(3, 3)
    (array([1., 0., 0.], dtype=float32), array([0.33333334, 0.33333334, 0.33333334], dtype=float32))
    """
    weights = np.zeros(splits, dtype=np.float32)
    ways = clips if clips > 2 else 1  # of two, each against the other is the same way
    weights[:ways] = 1.0 / ways
    return weights


def part_of(spectrum: torch.Tensor, total: torch.Tensor, kind: str) -> torch.Tensor:
    """What a complex spectrum contributes to the magnitude of the sum ``total``; of shapes that broadcast.

    Args:
        spectrum, total: complex.
        kind: see ``RemixConfig.target``.
    """
    if kind == "magnitude":
        return spectrum.abs()
    whole = total.abs()
    return (spectrum * (total.conj_physical() / whole.clamp_min(torch.finfo(whole.dtype).tiny))).real


def strong_batch(
    sources: torch.Tensor, frames: torch.Tensor | None, kind: str, n_classes: int, residual: bool
) -> Batch:
    """A batch from the complex spectra of the sources, (B, K, T, F), and of a background where there is one, the last,
    which is a target with ``residual``."""
    total = sources.sum(dim=1)
    magnitude, part = total.abs(), part_of(sources, total.unsqueeze(1), kind)
    targets = torch.minimum(part.clamp_min(0.0), magnitude.unsqueeze(1))
    known = residual and sources.shape[1] > n_classes
    return Batch(magnitude, frames, sources=targets[:, :n_classes], background=targets[:, n_classes] if known else None)


def split_targets(clips: torch.Tensor, total: torch.Tensor, kind: str) -> torch.Tensor:
    """What a mask in [0, 1] is to give of each clip and of all others, (B, P, 2, T, F): between 0 and the magnitude.

    Args:
        clips: complex, (B, P, T, F).
        total: sum of all clips of a remix, (B, T, F).
        kind: see ``RemixConfig.target``.
    """
    total = total.unsqueeze(1)
    whole, part = total.abs(), part_of(clips, total, kind)
    others = part_of(total - clips, total, kind) if kind == "magnitude" else whole - part
    targets = whole.new_empty((*clips.shape[:2], 2, *clips.shape[2:]))
    torch.minimum(part.clamp_min(0.0), whole, out=targets[:, :, 0])
    torch.minimum(others.clamp_min(0.0), whole, out=targets[:, :, 1])
    return targets


def weak_batch(
    clips: torch.Tensor,
    activity: Sequence[Sequence[np.ndarray]],
    frames: torch.Tensor | None,
    separated: Sequence[bool],
    kind: str,
) -> Batch:
    """A batch of remixes of whole clips. Two clips are one way to divide a remix; n > 2 are n, each against the others.

    Args:
        clips: complex spectra, (B, max_clips, T, F); zero where a remix has fewer.
        activity: what the labels say of each clip, (T, K) or (K,).
        frames: see ``Batch``.
        separated: which items are their first submixture.
        kind: see ``RemixConfig.target``.
    """
    items, most = clips.shape[:2]
    shape = activity[0][0].shape if activity[0][0].ndim == 1 else (clips.shape[2], activity[0][0].shape[1])
    labels = np.zeros((items, most, *shape), dtype=np.float32)
    for row, own in zip(labels, activity, strict=True):
        for padded, active in zip(row, own, strict=False):
            padded[: len(active)] = active
    total = clips.sum(dim=1)
    splits = range(1 if most == 2 else most)
    others = np.stack([np.delete(labels, p, axis=1).max(axis=1) for p in splits], axis=1)
    weights = np.stack([split_weights(len(own), len(splits)) for own in activity])
    submixtures = split_targets(clips[:, : len(splits)], total, kind)
    magnitude, union = total.abs(), labels.max(axis=1)
    for item in np.flatnonzero(separated).tolist():
        magnitude[item], union[item] = submixtures[item, 0, 0], labels[item, 0]
    return Batch(
        magnitude,
        frames,
        labels=torch.from_numpy(union),
        submixtures=submixtures,
        submixture_labels=torch.from_numpy(np.stack([labels[:, : len(splits)], others], axis=2)),
        split_weights=torch.from_numpy(weights),
    )
