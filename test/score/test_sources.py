"""A classifier that tells classes by their bands hears what was put into the separated files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from weaksep.errors import UserError  # noqa: E402
from weaksep.feats.labels import pool_labels  # noqa: E402
from weaksep.fileio.audio import read_audio, write_audio  # noqa: E402
from weaksep.fileio.datadir import TIMED_NAME, DataDir  # noqa: E402
from weaksep.fileio.network import Description, Features, write_network  # noqa: E402
from weaksep.fileio.tables import write_table  # noqa: E402
from weaksep.infer.model import load_classifier  # noqa: E402
from weaksep.metrics.sed import installed  # noqa: E402
from weaksep.nets.build import build_classifier  # noqa: E402
from weaksep.score.run import scores_step, sources_step, tagging_step  # noqa: E402
from weaksep.score.sources import classify_sources  # noqa: E402

CLASSES = ("bark", "drill", "horn")
BANDS = {"bark": slice(3, 13), "drill": slice(21, 37), "horn": slice(46, 60)}  # bins of 62.5 Hz, see tiny_data.py
CONTRACT = (
    "name classifier frame_f1 clip_f1 map frame_f1_macro clip_f1_macro event_f1 event_f1_macro psds1 psds2 n_clips "
    "own_class other_class first_choice inactive_classes inactive_frames residual unexplained margins".split()
)


FEATURES = Features(sample_rate=8000, window_samples=128, hop_samples=64)


@dataclass
class BandClassifier:
    """Says 0.9 where there is sound in the class's band, else 0.1."""

    classes: tuple[str, ...] = CLASSES
    supervision: str = "frame"
    features: Features = FEATURES
    time_pooling: int = 2
    batches: list[int] = field(default_factory=list)

    def probabilities(self, magnitude):
        magnitude = magnitude.numpy()
        self.batches.append(len(magnitude))
        bands = np.stack([magnitude[:, :, BANDS[name]].mean(axis=2) for name in CLASSES], axis=2)
        heard = 0.1 + 0.8 * (bands > 0.02).astype(np.float32)
        frames = np.stack([pool_labels(clip, self.time_pooling) for clip in heard])
        return frames, frames.max(axis=1)


@pytest.fixture
def separated(tmp_path, test_data):
    """Write the separated files of exp/separator_x; make(class, references by class, mixture) -> samples."""
    data = DataDir.load(test_data)
    references = data.references()

    def write(make):
        folder = tmp_path / "exp/separator_x/separated/test"
        for name in data.classes:
            for utt, wav in data.wav.items():
                known = {c: read_audio(references[c][utt], 8000) for c in CLASSES if utt in references[c]}
                write_audio(folder / f"audio/{name}/{utt}.wav", make(name, known, read_audio(wav, 8000)), 8000)
            write_table(folder / f"{name}.scp", {utt: f"audio/{name}/{utt}.wav" for utt in data.wav})
        return folder.parents[1]

    return write


@pytest.fixture
def classified(tmp_path, test_data):
    """Classify the sources of a folder and read the figures."""

    def run(folder, classifier=None):
        network, classifier = tmp_path / "exp/classifier_band", classifier or BandClassifier()
        path = classify_sources(DataDir.load(test_data), folder, network, lambda _: classifier)
        assert path == folder / "scores/test/sources.json"
        return json.loads(path.read_text())

    return run


def silence_or(name, known, mixture):
    return known.get(name, np.zeros_like(mixture))


def test_perfect_sources(separated, classified):
    figures = classified(separated(silence_or))
    assert list(figures) == CONTRACT
    assert (figures["name"], figures["classifier"], figures["n_clips"]) == ("separator_x", "classifier_band", 5)
    assert figures["clip_f1"] == figures["clip_f1_macro"] == figures["map"] == 1.0
    assert figures["frame_f1"] > 0.9
    if installed():
        assert figures["event_f1"] == figures["event_f1_macro"] == figures["psds1"] == figures["psds2"] == 1.0


def test_perfect_sources_agree_with_their_labels(separated, classified):
    figures = classified(separated(silence_or))
    assert (figures["own_class"], figures["other_class"]) == pytest.approx((0.9, 0.1))
    assert (figures["first_choice"], figures["inactive_classes"]) == (1.0, 0.0)
    assert figures["margins"] == dict.fromkeys(["mix-1", "mix-2", "mix-3", "mix-4", "mix-5"], pytest.approx(0.8))
    assert figures["inactive_frames"] < 0.01
    assert figures["residual"] is None
    assert figures["unexplained"] < 1e-3  # int16


def test_the_mixture_for_every_source_agrees_with_nothing(separated, classified, test_data):
    figures = classified(separated(lambda name, known, mixture: mixture))
    absent = [3 - len(names) for names in DataDir.load(test_data).clip_labels().values()]
    # A clip in which every class occurs has no inactive one, and says nothing of them.
    assert figures["inactive_classes"] == pytest.approx(np.mean([n for n in absent if n]), rel=1e-3)
    assert figures["unexplained"] == pytest.approx(4.0, rel=1e-3)  # (1 - 3) ** 2 times the mixture
    assert figures["first_choice"] < 1.0


def test_a_residual_counts_for_itself(separated, classified, test_data):
    folder = separated(lambda name, known, mixture: np.zeros_like(mixture))
    data, place = DataDir.load(test_data), folder / "separated/test"
    for utt, wav in data.wav.items():
        write_audio(place / f"audio/residual/{utt}.wav", read_audio(wav, 8000), 8000)
    write_table(place / "residual.scp", {utt: f"audio/residual/{utt}.wav" for utt in data.wav})
    figures = classified(folder)
    assert (figures["residual"], figures["unexplained"]) == pytest.approx((1.0, 0.0), abs=1e-6)


def test_clips_without_times_have_no_figures_of_frames(separated, classified, test_data):
    folder = separated(silence_or)
    (test_data / "clips_with_events.txt").write_text("")
    figures = classified(folder)
    assert figures["frame_f1"] is None and figures["inactive_frames"] is None
    assert figures["clip_f1"] == 1.0


def test_the_mixture_for_every_source_is_no_worse_than_its_own_classes(separated, classified):
    """The classifier of a class hears nothing but its band, so all the mixture is as good as the source alone."""
    figures = classified(separated(lambda name, known, mixture: mixture))
    assert figures["clip_f1"] == 1.0


def test_sources_of_other_classes_are_not_heard(separated, classified):
    """Each output holds the sound of the next class: in its own source no class is heard."""
    following = dict(zip(CLASSES, CLASSES[1:] + CLASSES[:1], strict=True))
    figures = classified(separated(lambda name, known, mixture: silence_or(following[name], known, mixture)))
    assert figures["frame_f1"] == figures["clip_f1"] == 0.0
    if installed():
        assert figures["event_f1"] == 0.0


def test_silence(separated, classified):
    figures = classified(separated(lambda name, known, mixture: np.zeros_like(mixture)))
    assert figures["frame_f1"] == figures["clip_f1"] == 0.0


def test_batches(separated, classified, monkeypatch):
    monkeypatch.setattr("weaksep.score.sources.BATCH_CLIPS", 2)
    classifier = BandClassifier()
    figures = classified(separated(silence_or), classifier)
    assert classifier.batches == [6, 6, 3]
    assert figures == classified(separated(silence_or))


def test_workers_make_no_difference(separated, test_data, tmp_path, monkeypatch):
    monkeypatch.setattr("weaksep.score.sources.SHARD_CLIPS", 3)
    torch.manual_seed(0)
    config = {"supervision": "frame", "net": {"kind": "light", "units": 4, "channels": [4]}}
    network = tmp_path / "classifier_light"
    description = Description(task="classifier", classes=list(CLASSES), features=FEATURES, config=config)
    write_network(network, description, build_classifier(config["net"], 3, 65, 8000).state_dict())
    folder, data = separated(silence_or), DataDir.load(test_data)
    one = classify_sources(data, folder, network, load_classifier).read_text()
    assert classify_sources(data, folder, network, load_classifier, nj=2).read_text() == one


def test_a_classifier_of_other_classes(separated, classified):
    with pytest.raises(UserError, match="classifier_band cannot assess .*: classes horn bark drill, .*--evaluation"):
        classified(separated(silence_or), BandClassifier(classes=("horn", "bark", "drill")))


def test_sources_of_two_lengths(separated, classified):
    folder = separated(silence_or)
    write_audio(folder / "separated/test/audio/horn/mix-4.wav", np.zeros(3999), 8000)
    with pytest.raises(UserError, match="horn/mix-4.wav: 3999 samples, .*bark/mix-4.wav has 4000; rerun stage 5"):
        classified(folder)


def test_which_clips_were_listened_to_is_an_input(tmp_path, test_data):
    """A clip in whose recording nothing was heard is listed there and in no other table."""
    exp, network, listed = tmp_path / "exp/separator_x", tmp_path / "exp/classifier_band", test_data / TIMED_NAME
    description = Description(task="classifier", classes=list(CLASSES), features=FEATURES, config={})
    write_network(network, description, {})
    origins = []
    for text in ("", "a\n"):
        listed.write_text(text)
        data = DataDir.load(test_data)
        tagging = tagging_step(network, data, tmp_path)
        steps = sources_step(exp, data, network), tagging, scores_step(exp, data, tmp_path)
        origins.append([step.origin() for step in steps])
    listed.unlink()
    assert all(before != after for before, after in zip(*origins, strict=True))
