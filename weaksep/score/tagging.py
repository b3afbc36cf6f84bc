"""Score a trained classifier on the mixtures of a set: F of frames, clips and events, mean average precision, PSDS."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from weaksep.errors import UserError
from weaksep.feats.dataset import FeatureSet
from weaksep.fileio.atomic import write_json
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.names import one_line
from weaksep.score.tag_scores import TagScores
from weaksep.signal.units import n_frames

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


def _n_samples(wav: Path, features: FeatureSet) -> int:
    n_samples = audio_info(wav)[0]
    if n_frames(n_samples, features.hop_samples) != features.n_frames:
        raise UserError(
            f"{wav}: {n_samples} samples, but its features in {features.path} are {features.n_frames} frames; "
            "rerun stage 2"
        )
    return n_samples


def tagging_scores(name: str, classifier: Classifier, features: FeatureSet, data: DataDir) -> dict[str, Any]:
    """Scores of a classifier; a clip-label classifier has frame scores too, from its frame probabilities.

    Args:
        name: of the classifier, for messages and the result.
        classifier: the trained net.
        features: dump/<set>.
        data: data/<set>.

    Returns:
        name, supervision, and the figures of ``TagScores``.

    Raises:
        UserError: classes, features or clips do not fit the classifier.
    """
    _check(name, classifier, features, data)
    if not data.wav:
        raise UserError(f"{data.path}/wav.scp is empty; rerun stage 1")
    scores = TagScores(data, features.sample_rate, features.hop_samples, classifier.time_pooling)
    for start in tqdm(range(0, len(data.utt_ids), BATCH_CLIPS), desc=f"tag {one_line(name)}", disable=None):
        utts = data.utt_ids[start : start + BATCH_CLIPS]
        for utt, by_frame, by_clip in zip(utts, *classifier.probabilities(features.batch(utts)), strict=True):
            scores.add(utt, by_frame, by_clip, features.n_frames, _n_samples(data.wav[utt], features))
    return {"name": name, "supervision": classifier.supervision, **scores.result()}


def score_classifier(experiment: str | Path, classifier: Classifier, features: FeatureSet, data: DataDir) -> Path:
    """Write EXPERIMENT/scores/<set>/tagging.json; see ``tagging_scores``."""
    experiment = Path(experiment)
    scores = tagging_scores(experiment.name, classifier, features, data)
    path = experiment / "scores" / data.path.resolve().name / "tagging.json"
    write_json(path, scores)
    logger.info("%s: frame F %s, clip F %s, mAP %s", path, scores["frame_f1"], scores["clip_f1"], scores["map"])
    return path
