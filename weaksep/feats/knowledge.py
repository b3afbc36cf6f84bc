"""What a training may know of each clip: clip labels, frame labels or isolated sources.

Which clips are the better known ones is drawn once for a set, whatever the training's seed: what has been labelled is
a property of the data.
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.config import Knowledge
from weaksep.feats.features import FeatureSet
from weaksep.feats.labels import clip_vector, frame_labels, noisy_labels
from weaksep.fileio.datadir import DataDir
from weaksep.seeding import generator

logger = logging.getLogger(__name__)

KINDS = ("clip", "frame", "strong")  # in the order of an epoch that is not shuffled


def chosen(utts: Sequence[str], share: float, what: str) -> list[str]:
    """A share of the clips (at least one when the share is above 0), the same for any order of the list.

    A larger share holds every clip of a smaller one.
    """
    count = min(len(utts), max(1, round(share * len(utts)))) if share > 0 else 0
    drawn = sorted(utts, key=lambda utt: (generator(0, what, utt).random(), utt))
    return sorted(drawn[:count])


def _usable(data: DataDir, known: Knowledge) -> list[str]:
    """Clips that a training may take.

    Raises:
        UserError: there are none.
    """
    utts, referenced = list(data.wav), data.referenced()
    if known.supervision == "strong" and len(referenced) < len(utts):
        if not referenced:
            raise UserError(f"{data.path}: no clip with isolated sources; train from weak labels")
        logger.info("%s: %d of %d clips have isolated sources; the others are not used", data.path,
                    len(referenced), len(utts))  # fmt: skip
        utts = [utt for utt in utts if utt in referenced]
    if known.train_min_classes > 1:
        names = data.clip_labels()
        utts = [utt for utt in utts if len(names[utt]) >= known.train_min_classes]
        if not utts:
            raise UserError(f"{data.path}: no clip with {known.train_min_classes} classes; lower train_min_classes")
    return utts


def supervision_of(data: DataDir, known: Knowledge) -> dict[str, str]:
    """The supervision of each clip that a training takes.

    Raises:
        UserError: the shares leave no other clip, or there are no or too few clips of those asked for.
    """
    utts = _usable(data, known)
    if known.train_clips is not None:
        if known.train_clips > len(utts):
            raise UserError(f"{data.path}: {len(utts)} clips; train_clips asks for {known.train_clips}")
        utts = chosen(utts, known.train_clips / len(utts), "training clips")
    kinds: dict[str, str] = dict.fromkeys(utts, known.supervision)
    timed, referenced = data.timed(), data.referenced()  # of recordings that people have labelled, some may be
    if known.supervision == "frame":
        kinds.update(dict.fromkeys((utt for utt in utts if utt not in timed), "clip"))
    with_times = [utt for utt in utts if utt in timed]
    kinds.update(dict.fromkeys(chosen(with_times, known.frame_share, "frame labels"), "frame"))
    with_sources = [utt for utt in utts if utt in referenced]
    kinds.update(dict.fromkeys(chosen(with_sources, known.strong_share, "strong labels"), "strong"))
    if known.supervision == "frame" and not with_times:
        logger.warning("%s: no clip with the times of its events, so clip labels alone", data.path)
    elif known.supervision not in kinds.values():
        raise UserError(f"{data.path}: such large shares leave no clip with {known.supervision} labels; lower them")
    return kinds


def weak_labels(
    data: DataDir, known: Knowledge, utts: Mapping[str, Sequence[str]], features: FeatureSet
) -> dict[str, np.ndarray]:
    """What weak labels say of each clip, uint8 (K,) or (T, K).

    Args:
        data, known: the set, and what may be known of it.
        utts: clips of each kind of supervision; of those with isolated sources nothing is read.
        features: of the clips.
    """
    labels = {}
    if "clip" in utts:
        names = data.clip_labels()
        for utt in utts["clip"]:
            own: Sequence[str] = names[utt]
            if known.missing_labels or known.wrong_labels:
                rng = generator(0, "tags", utt)
                own = noisy_labels(own, data.classes, known.missing_labels, known.wrong_labels, rng)
            labels[utt] = clip_vector(own, data.classes)
    if "frame" in utts:
        events, settings = data.events(), features.settings
        for utt in utts["frame"]:
            sizes = (features.n_frames[utt], settings.sample_rate, settings.hop_samples)
            labels[utt] = frame_labels(events[utt], data.classes, *sizes)
    return labels
