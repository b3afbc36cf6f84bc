"""What a classifier says of clips against their labels: F of frames, clips and events, mean average precision, PSDS.

On the mixtures of a set these are the scores of the classifier itself (tagging.json), on separated sources those of the
system that made them (score/sources.py).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from tqdm import tqdm

from weaksep.errors import UserError
from weaksep.feats.labels import clip_vector, frame_labels, pool_labels
from weaksep.fileio.atomic import write_json
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.names import one_line
from weaksep.fileio.network import Features
from weaksep.metrics.sed import EventScores, frame_times
from weaksep.metrics.tagging import TagCounts, mean_average_precision
from weaksep.signal.units import n_frames

if TYPE_CHECKING:  # it imports torch
    from weaksep.feats.features import FeatureSet

logger = logging.getLogger(__name__)

BATCH_CLIPS = 32

# Magnitude (B, T, F) and where it is no padding (B, T) -> probabilities of frames (B, T', K) and of clips (B, K).
Probabilities = Callable[..., tuple[np.ndarray, np.ndarray]]
# Clip id, probabilities of its frames (T', K) and of the clip (K,), its length in samples.
Tagged = tuple[str, np.ndarray, np.ndarray, int]


class Classifier(Protocol):
    """What scoring must know of a classifier, and reads only (infer/model.py has it)."""

    supervision: str
    classes: tuple[str, ...]
    features: Features
    time_pooling: int
    probabilities: Probabilities


def tag_scores(data: DataDir, classifier: Classifier, clips: Iterable[Tagged]) -> dict[str, Any]:
    """Scores of what a classifier says of the clips of a set.

    Args:
        data: data/<set>; frame labels come from its events.tsv, pooled (max) to the classifier's frame rate.
        classifier: whose frames they are.
        clips: what it says, one or more.

    Returns:
        frame_f1 and clip_f1 (both micro: pooled over classes), map (mean average precision of clips over classes), the
        macro forms, event_f1, event_f1_macro, psds1 and psds2 (see metrics/sed.py), n_clips. A score that is not
        defined is None.
    """
    names, events, timed = data.clip_labels(), data.events(), data.timed()
    frame = (classifier.features.sample_rate, classifier.features.hop_samples)
    by_frame, by_clip = TagCounts(len(data.classes)), TagCounts(len(data.classes))
    by_event = EventScores(len(data.classes))
    truth, found = [], []
    for utt, frames, clip, n_samples in clips:
        truth.append(clip_vector(names[utt], data.classes))
        found.append(clip)
        if utt in timed:
            activity = frame_labels(events[utt], data.classes, n_frames(n_samples, frame[1]), *frame)
            by_frame.add(pool_labels(activity, classifier.time_pooling), frames)
            times = frame_times(len(frames), n_samples, *frame, classifier.time_pooling)
            by_event.add(frames, times, [(e.onset_s, e.offset_s, data.classes.index(e.label)) for e in events[utt]])
    by_clip.add(np.stack(truth), np.stack(found))
    scores = {
        "frame_f1": by_frame.micro_f1(),
        "clip_f1": by_clip.micro_f1(),
        "map": mean_average_precision(np.stack(truth), np.stack(found)),
        "frame_f1_macro": by_frame.macro_f1(),
        "clip_f1_macro": by_clip.macro_f1(),
        **by_event.result(),
    }
    return {**rounded(scores), "n_clips": len(truth)}


def rounded(scores: dict[str, float | None]) -> dict[str, float | None]:
    """Scores to six places; None for NaN, for which JSON has no word."""
    return {name: None if x is None or math.isnan(x) else round(x, 6) for name, x in scores.items()}


def _check(name: str, classifier: Classifier, features: FeatureSet, data: DataDir) -> None:
    problems = [
        f"{key} {getattr(classifier.features, key)}, but {features.path} has {value}"
        for key, value in features.settings
        if getattr(classifier.features, key) != value
    ]
    if classifier.classes != data.classes:
        labels = f"{data.path}/labels.txt has {' '.join(data.classes)}"
        problems.insert(0, f"classes {' '.join(classifier.classes)}, but {labels}")
    if problems:
        raise UserError(f"{name} cannot be scored: " + "; ".join(problems))
    if not data.wav:
        raise UserError(f"{data.path}/wav.scp is empty; rerun stage 1")
    features.require(list(data.wav))


def _tagged(name: str, classifier: Classifier, features: FeatureSet, data: DataDir) -> Iterator[Tagged]:
    from weaksep.feats.batch import frame_mask

    for start in tqdm(range(0, len(data.wav), BATCH_CLIPS), desc=f"tag {one_line(name)}", disable=None):
        utts = list(data.wav)[start : start + BATCH_CLIPS]
        frames = frame_mask([features.n_frames[utt] for utt in utts])
        found = classifier.probabilities(features.batch(utts), frames)
        for utt, by_frame, by_clip in zip(utts, *found, strict=True):
            n_samples, frames_of_clip = audio_info(data.wav[utt])[0], features.n_frames[utt]
            if n_frames(n_samples, features.settings.hop_samples) != frames_of_clip:
                raise UserError(
                    f"{data.wav[utt]}: {n_samples} samples, but its features in {features.path} are "
                    f"{frames_of_clip} frames; rerun stage 2"
                )
            yield utt, by_frame[: -(-frames_of_clip // classifier.time_pooling)], by_clip, n_samples


def score_classifier(experiment: str | Path, classifier: Classifier, features: FeatureSet, data: DataDir) -> Path:
    """Write EXPERIMENT/scores/<set>/tagging.json: name, supervision, and the figures of ``tag_scores``.

    A clip-label classifier has frame scores too, from its frame probabilities.

    Args:
        experiment: the folder of its training.
        classifier: the trained net.
        features: dump/<set>.
        data: data/<set>.

    Returns:
        the path of the JSON.

    Raises:
        UserError: classes, features or clips do not fit the classifier.
    """
    experiment, name = Path(experiment), Path(experiment).name
    _check(name, classifier, features, data)
    scores = tag_scores(data, classifier, _tagged(name, classifier, features, data))
    path = experiment / "scores" / data.path.resolve().name / "tagging.json"
    write_json(path, {"name": name, "supervision": classifier.supervision, **scores})
    logger.info("%s: frame F %s, clip F %s, mAP %s", path, scores["frame_f1"], scores["clip_f1"], scores["map"])
    return path
