"""Classifiers scored from features on disk, with a classifier that knows or does not know the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("torch")

from weaksep.errors import UserError  # noqa: E402
from weaksep.feats.config import FeatsConfig  # noqa: E402
from weaksep.feats.extract import extract  # noqa: E402
from weaksep.feats.features import FeatureSet  # noqa: E402
from weaksep.feats.labels import frame_labels, pool_labels  # noqa: E402
from weaksep.fileio.datadir import DataDir  # noqa: E402
from weaksep.fileio.network import Features  # noqa: E402
from weaksep.score.tagging import score_classifier  # noqa: E402

# Bins of 62.5 Hz that lie well inside each class's band (see tiny_data.py).
BANDS = {"bark": slice(3, 13), "drill": slice(21, 37), "horn": slice(46, 60)}


@dataclass
class BandClassifier:
    """Tells the three classes by their bands."""

    classes: tuple[str, ...] = ("bark", "drill", "horn")
    supervision: str = "clip"
    features: Features = Features(sample_rate=8000, window_samples=128, hop_samples=64)
    time_pooling: int = 4

    def probabilities(self, magnitude, frames=None):
        magnitude = magnitude.numpy()
        bands = np.stack([magnitude[:, :, BANDS[name]].mean(axis=2) for name in ("bark", "drill", "horn")], axis=2)
        frames = np.stack([pool_labels(clip, self.time_pooling) for clip in (bands > 0.02).astype(np.float32)])
        return frames, frames.mean(axis=1) ** 0.1


@pytest.fixture
def features(tmp_path, test_data):
    extract(test_data, tmp_path / "dump/test", FeatsConfig(window_samples=128, hop_samples=64), nj=1, references=False)
    return FeatureSet(tmp_path / "dump/test", DataDir.load(test_data))


def test_a_classifier_that_knows(tmp_path, test_data, features):
    data = DataDir.load(test_data)
    path = score_classifier(tmp_path / "exp/classifier_band", BandClassifier(), features, data)
    assert path == tmp_path / "exp/classifier_band/scores/test/tagging.json"
    scores = json.loads(path.read_text())
    assert scores["name"] == "classifier_band" and scores["n_clips"] == 5 and scores["supervision"] == "clip"
    assert scores["frame_f1"] > 0.9
    assert scores["clip_f1"] == scores["map"] == scores["clip_f1_macro"] == 1.0


def test_one_that_says_all_classes_always(tmp_path, test_data, features):
    class Always(BandClassifier):
        def probabilities(self, magnitude, frames=None):
            return np.ones((len(magnitude), 16, 3)), np.ones((len(magnitude), 3))

    scores = json.loads(score_classifier(tmp_path / "always", Always(), features, DataDir.load(test_data)).read_text())
    # 9 of 15 (clip, class) pairs are active: precision 0.6, recall 1.
    assert scores["clip_f1"] == pytest.approx(2 * 0.6 / 1.6)
    events = DataDir.load(test_data).events()
    labels = [pool_labels(frame_labels(events[u], ("bark", "drill", "horn"), 63, 8000, 64), 4) for u in events]
    share = np.mean(labels)
    assert scores["frame_f1"] == pytest.approx(2 * share / (1 + share), abs=1e-6)


def test_one_that_says_nothing_scores_zero(tmp_path, test_data, features):
    class Never(BandClassifier):
        def probabilities(self, magnitude, frames=None):
            return np.zeros((len(magnitude), 16, 3)), np.zeros((len(magnitude), 3))

    scores = json.loads(score_classifier(tmp_path / "never", Never(), features, DataDir.load(test_data)).read_text())
    assert scores["frame_f1"] == scores["clip_f1"] == 0.0


def test_features_or_classes_that_do_not_fit(tmp_path, test_data, features):
    data = DataDir.load(test_data)
    window = Features(sample_rate=8000, window_samples=128, hop_samples=32)
    wrong = BandClassifier(classes=("horn", "drill", "bark"), features=window)
    with pytest.raises(UserError, match="classes horn drill bark.*hop_samples 32") as caught:
        score_classifier(tmp_path / "wrong", wrong, features, data)
    assert "\n" not in str(caught.value)


def test_clips_without_features(tmp_path, test_data, features, tiny):
    more = {**tiny.ACTIVITY, "mix-6": {"bark": (0, 100)}, "mix-7": {}}
    data = DataDir.load(tiny.make_data(tmp_path / "more/test", more))
    with pytest.raises(UserError, match="no features for 2 clips .first: mix-6."):
        score_classifier(tmp_path / "band", BandClassifier(), features, data)
