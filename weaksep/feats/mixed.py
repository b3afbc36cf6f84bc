"""Training sets in which clips differ in what is known of them: clip labels, frame labels, isolated sources.

Which clips are the better known ones is drawn once for a set, whatever the training's seed: what has been labelled is
a property of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.dataset import Batch, FeatureSet, LabelledSet
from weaksep.fileio.datadir import DataDir
from weaksep.seeding import generator


def chosen(utts: Sequence[str], share: float, what: str) -> list[str]:
    """A share of the clips (at least one when the share is above 0), the same for any order of the list.

    A larger share holds every clip of a smaller one.
    """
    count = min(len(utts), max(1, round(share * len(utts)))) if share > 0 else 0
    drawn = sorted(utts, key=lambda utt: (generator(0, what, utt).random(), utt))
    return sorted(drawn[:count])


@dataclass(frozen=True)
class MixedBatch:
    """Clips of one step, those of one kind together."""

    parts: tuple[Batch, ...]


class MixedSet:
    """Several ``LabelledSet`` as one.

    Args:
        parts: sets of different supervision over different clips of one data folder.
        repeats: how often the clips of each part come in an epoch.
    """

    def __init__(self, parts: Sequence[LabelledSet], repeats: Sequence[int]) -> None:
        self.parts = list(parts)
        self._items = [
            (number, row)
            for number, (part, times) in enumerate(zip(parts, repeats, strict=True))
            for row in range(len(part))
            for _ in range(times)
        ]

    def __len__(self) -> int:
        return len(self._items)

    @property
    def features(self) -> FeatureSet:
        """Features of all clips of the folder."""
        return self.parts[0].features

    @property
    def data(self) -> DataDir:
        """The data folder."""
        return self.parts[0].data

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names."""
        return self.parts[0].labels

    def batch(self, indices: Sequence[int] | np.ndarray) -> MixedBatch:
        """Clips by their position in an epoch that is not shuffled; the same clip may be in it twice."""
        rows: list[list[int]] = [[] for _ in self.parts]
        for index in indices:
            number, row = self._items[index]
            rows[number].append(row)
        return MixedBatch(tuple(part.batch(own) for part, own in zip(self.parts, rows, strict=True) if own))

    def class_priors(self) -> np.ndarray:
        """Priors (K,) of the frame-labelled clips, since frame losses use them; of the others where there are none."""
        by_kind = {part.supervision: part for part in self.parts}
        return by_kind.get("frame", by_kind.get("clip", self.parts[0])).class_priors()


def open_training_set(
    data_dir: Path,
    dump_dir: Path,
    supervision: str,
    *,
    frame_share: float = 0.0,
    strong_share: float = 0.0,
    strong_repeats: int = 1,
) -> LabelledSet | MixedSet:
    """The clips of a set with what may be known of each.

    Args:
        data_dir, dump_dir: data/<set>, dump/<set>.
        supervision: of all clips, or of those that are not better known.
        frame_share: share of the clips with frame labels, among clip labels.
        strong_share: share of the clips with isolated sources.
        strong_repeats: how often each of the latter comes in an epoch.

    Raises:
        UserError: the shares leave no other clip; see also ``LabelledSet``.
    """
    if not frame_share and not strong_share:
        return LabelledSet(data_dir, dump_dir, supervision)
    utts = DataDir.load(data_dir).utt_ids
    kinds = dict.fromkeys(utts, supervision)
    kinds.update(dict.fromkeys(chosen(utts, frame_share, "frame labels"), "frame"))
    kinds.update(dict.fromkeys(chosen(utts, strong_share, "strong labels"), "strong"))
    if supervision not in kinds.values():
        raise UserError(f"{data_dir}: such large shares leave no clip with {supervision} labels; lower them")
    parts, repeats = [], []
    for kind in ("clip", "frame", "strong"):
        own = [utt for utt in utts if kinds[utt] == kind]
        if own:
            parts.append(LabelledSet(data_dir, dump_dir, kind, own))
            repeats.append(strong_repeats if kind == "strong" else 1)
    return MixedSet(parts, repeats)
