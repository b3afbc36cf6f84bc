"""Training sets in which clips differ in what is known of them: clip labels, frame labels, isolated sources.

Which clips are the better known ones is drawn once for a set, whatever the training's seed: what has been labelled is
a property of the data.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.dataset import Batch, FeatureSet, LabelledSet
from weaksep.feats.remix import RemixSet
from weaksep.feats.remix_config import RemixConfig
from weaksep.fileio.datadir import DataDir
from weaksep.seeding import generator

logger = logging.getLogger(__name__)


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
    """Several sets as one.

    Args:
        parts: sets of different supervision over different clips of one data folder.
        repeats: how often the clips of each part come in an epoch.
    """

    def __init__(self, parts: Sequence[LabelledSet | RemixSet], repeats: Sequence[int]) -> None:
        self.parts = list(parts)
        self._items = [
            (number, row, time)
            for number, (part, times) in enumerate(zip(parts, repeats, strict=True))
            for row in range(len(part))
            for time in range(times)
        ]
        self._repeats = max(repeats)

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

    def batch(self, indices: Sequence[int] | np.ndarray, epoch: int | Sequence[int] = 0) -> MixedBatch:
        """Clips by their position in an epoch that is not shuffled; the same clip may be in it twice."""
        rows: list[list[int]] = [[] for _ in self.parts]
        epochs: list[list[int]] = [[] for _ in self.parts]
        for index, when in zip(indices, np.broadcast_to(np.asarray(epoch), len(indices)).tolist(), strict=True):
            number, row, time = self._items[index]
            rows[number].append(row)
            epochs[number].append(when * self._repeats + time)
        kinds = zip(self.parts, rows, epochs, strict=True)
        return MixedBatch(tuple(part.batch(own, when) for part, own, when in kinds if own))

    def class_priors(self) -> np.ndarray:
        """Priors (K,) of the frame-labelled clips, since frame losses use them; of the others where there are none."""
        by_kind = {part.supervision: part for part in self.parts}
        return by_kind.get("frame", by_kind.get("clip", self.parts[0])).class_priors()


class RepeatedSet:
    """A small set several times an epoch, so that epochs have as many steps as those of a larger one.

    Args:
        clips: the set.
        times: how often each clip comes; what is summed anew in every epoch is summed anew each time.
    """

    def __init__(self, clips: LabelledSet | RemixSet | MixedSet, times: int) -> None:
        self.clips = clips
        self.times = times

    def __len__(self) -> int:
        return len(self.clips) * self.times

    @property
    def features(self) -> FeatureSet:
        """Features of the clips."""
        return self.clips.features

    @property
    def data(self) -> DataDir:
        """The data folder."""
        return self.clips.data

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names."""
        return self.clips.labels

    def batch(self, indices: Sequence[int] | np.ndarray, epoch: int = 0) -> Batch | MixedBatch:
        """Clips by their position in the repeated epoch."""
        times, rows = np.divmod(np.asarray(indices), len(self.clips))
        return self.clips.batch(rows.tolist(), (epoch * self.times + times).tolist())

    def class_priors(self) -> np.ndarray:
        """Priors (K,) of the clips."""
        return self.clips.class_priors()


TrainingSet = LabelledSet | RemixSet | MixedSet | RepeatedSet


@dataclass(frozen=True)
class Knowledge:
    """What a training may know of the clips of a set.

    Args:
        supervision: of all clips, or of those that are not better known.
        frame_share: share of the clips with frame labels, among clip labels.
        strong_share: share of the clips with isolated sources.
        strong_repeats: how often each of the latter comes in an epoch.
        clips: number of clips, drawn at random; None for all. They come so often in an epoch that it stays as long.
        min_classes: clips with fewer are left out.
        missing_tags, wrong_tags: share of the clip labels that are left out, and that name another class.
        remix: sum the clips anew in every epoch.
        seed: of these sums.
        validation: of clips to validate on; they need not be such that they can be summed.
    """

    supervision: str
    frame_share: float = 0.0
    strong_share: float = 0.0
    strong_repeats: int = 1
    clips: int | None = None
    min_classes: int = 1
    missing_tags: float = 0.0
    wrong_tags: float = 0.0
    remix: RemixConfig | None = None
    seed: int = 0
    validation: bool = False


def _part(
    data_dir: Path, dump_dir: Path, kind: str, utts: Sequence[str], known: Knowledge, among_others: bool
) -> LabelledSet | RemixSet:
    """Clips of one kind of labels, all of them or among others."""
    labelled = LabelledSet(data_dir, dump_dir, kind, utts, known.missing_tags, known.wrong_tags)
    if known.remix is None:
        return labelled
    return RemixSet(labelled, known.remix, known.seed, all_alone=among_others or known.validation)


def open_training_set(data_dir: Path, dump_dir: Path, known: Knowledge) -> TrainingSet:
    """The clips of a set with what may be known of each.

    Raises:
        UserError: the shares leave no other clip, or there are no or too few clips of those asked for; see also
            ``LabelledSet`` and ``RemixSet``.
    """
    data = DataDir.load(data_dir)
    utts, referenced = data.utt_ids, data.referenced()
    if known.supervision == "strong" and len(referenced) < len(utts):
        if not referenced:
            raise UserError(f"{data_dir}: no clip with isolated sources; train from weak labels")
        logger.info("%s: %d of %d clips have isolated sources; the others are not used", data_dir,
                    len(referenced), len(utts))  # fmt: skip
        utts = [utt for utt in utts if utt in referenced]
    if known.min_classes > 1:
        names = data.clip_labels()
        utts = [utt for utt in utts if len(names[utt]) >= known.min_classes]
        if not utts:
            raise UserError(f"{data_dir}: no clip with {known.min_classes} classes; lower train_min_classes")
    times = max(1, round(len(utts) / known.clips)) if known.clips else 1
    if known.clips is not None:
        if known.clips > len(utts):
            raise UserError(f"{data_dir}: {len(utts)} clips; train_clips asks for {known.clips}")
        utts = chosen(utts, known.clips / len(utts), "training clips")
    kinds = dict.fromkeys(utts, known.supervision)
    timed = data.timed()  # of recordings that people have labelled, some may have the times of their events
    if known.supervision == "frame":
        kinds.update(dict.fromkeys((utt for utt in utts if utt not in timed), "clip"))
    with_times = [utt for utt in utts if utt in timed]
    kinds.update(dict.fromkeys(chosen(with_times, known.frame_share, "frame labels"), "frame"))
    with_sources = [utt for utt in utts if utt in referenced]
    kinds.update(dict.fromkeys(chosen(with_sources, known.strong_share, "strong labels"), "strong"))
    if known.supervision == "frame" and not with_times:
        logger.warning("%s: no clip with the times of its events, so clip labels alone", data_dir)
    elif known.supervision not in kinds.values():
        raise UserError(f"{data_dir}: such large shares leave no clip with {known.supervision} labels; lower them")
    parts: list[tuple[LabelledSet | RemixSet, int]] = []
    for kind in ("clip", "frame", "strong"):
        own = [utt for utt in utts if kinds[utt] == kind]
        if own:
            repeats = known.strong_repeats if kind == "strong" else 1
            parts.append((_part(data_dir, dump_dir, kind, own, known, len(own) < len(utts)), repeats))
    only, _ = parts[0]
    whole = only if len(parts) == 1 else MixedSet([part for part, _ in parts], [repeats for _, repeats in parts])
    return whole if times == 1 else RepeatedSet(whole, times)
