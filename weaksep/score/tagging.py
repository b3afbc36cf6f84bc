"""Score a trained classifier on the mixtures of a set: frame F, clip F, mean average precision."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from weaksep.errors import UserError
from weaksep.feats.dataset import FeatureSet
from weaksep.feats.labels import clip_vector, frame_labels, pool_labels
from weaksep.fileio.atomic import write_json
from weaksep.fileio.datadir import DataDir
from weaksep.metrics.tagging import TagCounts, mean_average_precision

logger = logging.getLogger(__name__)

BATCH_CLIPS = 32

# Magnitude (B, T, F) -> frame probabilities (B, T', K) and clip probabilities (B, K).
Probabilities = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Classifier(Protocol):
    """What scoring must know of a classifier (see infer/model.py)."""

    @property
    def supervision(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def window_samples(self) -> int: ...
    @property
    def hop_samples(self) -> int: ...
    @property
    def time_pooling(self) -> int: ...
    @property
    def probabilities(self) -> Probabilities: ...


def _check(name: str, classifier: Classifier, features: FeatureSet, data: DataDir) -> None:
    problems = []
    if classifier.classes != data.labels:
        problems.append(
            f"classes {' '.join(classifier.classes)}, but {data.path}/labels.txt has {' '.join(data.labels)}"
        )
    for key in ("sample_rate", "window_samples", "hop_samples"):
        own, found = getattr(classifier, key), getattr(features, key)
        if own != found:
            problems.append(f"{key} {own}, but {features.path} has {found}")
    known = set(features.utt_ids)
    missing = [utt for utt in data.utt_ids if utt not in known]
    if missing:
        problems.append(f"no features in {features.path} for {len(missing)} clips, first {missing[0]}; rerun stage 2")
    if problems:
        raise UserError(f"{name} cannot be scored: " + "; ".join(problems))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def tagging_scores(name: str, classifier: Classifier, features: FeatureSet, data: DataDir) -> dict[str, Any]:
    """Scores of a classifier; a clip-label classifier has frame scores too, from its frame probabilities.

    Args:
        name: of the classifier, for messages and the result.
        classifier: the trained net.
        features: dump/<set>.
        data: data/<set>; frame labels come from its events.tsv, pooled (max) to the classifier's frame rate.

    Returns:
        name, supervision, frame_f1 and clip_f1 (both micro: pooled over classes), their macro forms, map
        (mean average precision of clips over classes), n_clips. A score that is not defined is None.

    Raises:
        UserError: classes, features or clips do not fit the classifier.
    """
    _check(name, classifier, features, data)
    events = data.events()
    labels = data.clip_labels()
    n_classes = len(data.labels)
    frames, clips = TagCounts(n_classes), TagCounts(n_classes)
    clip_truth = np.stack([clip_vector(labels[utt], data.labels) for utt in data.utt_ids])
    clip_probabilities = np.zeros(clip_truth.shape, dtype=np.float32)
    for start in tqdm(range(0, len(data.utt_ids), BATCH_CLIPS), desc=f"tag {name}", disable=None):
        utts = data.utt_ids[start : start + BATCH_CLIPS]
        by_frame, by_clip = classifier.probabilities(features.batch(utts))
        clip_probabilities[start : start + len(utts)] = by_clip
        for utt, found in zip(utts, by_frame, strict=True):
            activity = frame_labels(
                events[utt], data.labels, features.n_frames, features.sample_rate, features.hop_samples
            )
            frames.add(pool_labels(activity, classifier.time_pooling), found)
    clips.add(clip_truth, clip_probabilities)
    return {
        "name": name,
        "supervision": classifier.supervision,
        "frame_f1": _number(frames.micro_f1()),
        "clip_f1": _number(clips.micro_f1()),
        "map": _number(mean_average_precision(clip_truth, clip_probabilities)),
        "frame_f1_macro": _number(frames.macro_f1()),
        "clip_f1_macro": _number(clips.macro_f1()),
        "n_clips": len(data.utt_ids),
    }


def score_classifier(experiment: str | Path, classifier: Classifier, features: FeatureSet, data: DataDir) -> Path:
    """Write EXPERIMENT/scores/<set>/tagging.json; see ``tagging_scores``."""
    experiment = Path(experiment)
    scores = tagging_scores(experiment.name, classifier, features, data)
    path = experiment / "scores" / data.path.resolve().name / "tagging.json"
    write_json(path, scores)
    logger.info("%s: frame F %s, clip F %s, mAP %s", path, scores["frame_f1"], scores["clip_f1"], scores["map"])
    return path
