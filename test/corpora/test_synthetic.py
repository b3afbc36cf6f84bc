"""The built-in corpus: the same seed, the same bytes; recordings differ; nothing is silent or out of band."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from weaksep.corpora.config import SyntheticConfig
from weaksep.corpora.sound_models import MODELS
from weaksep.corpora.sound_parts import TRIM_DB, minimum_phase, trim
from weaksep.corpora.synthetic import open_synthetic
from weaksep.errors import UserError

CLASSES = ["car_horn", "dog_bark", "gun_shot", "jackhammer", "siren"]
DURATION_S = {  # what the models promise, with room for the reverberation and the trimming
    "car_horn": (0.15, 2.15),
    "dog_bark": (0.12, 1.3),
    "gun_shot": (0.05, 1.2),
    "jackhammer": (0.4, 2.15),
    "siren": (0.75, 2.65),
}


def corpus(seed=0, sample_rate=8000, classes=CLASSES, events=2):
    counts = {"train": 3, "valid": 1, "test": 1}
    config = SyntheticConfig(
        corpus="synthetic",
        seed=seed,
        sample_rate=sample_rate,
        classes=classes,
        recordings_per_class=counts,
        events_per_recording=events,
    )
    return open_synthetic(config, None)


def test_sets_have_the_asked_sizes_and_share_no_recording():
    sets = corpus().sets
    assert {name: len(events) for name, events in sets.items()} == {"train": 30, "valid": 10, "test": 10}
    recordings = [{event.recording_id for event in events} for events in sets.values()]
    assert len(set.union(*recordings)) == sum(map(len, recordings)) == 25
    for events in sets.values():
        ids = [event.event_id for event in events]
        assert ids == sorted(ids, key=str.encode) and len(set(ids)) == len(ids)
        assert all(event.event_id.startswith(event.recording_id) for event in events)


def test_same_seed_same_bytes_in_any_order():
    events = corpus().sets["train"]
    forwards = [corpus().load(event, 8000).tobytes() for event in events]
    one = corpus()
    backwards = [one.load(event, 8000).tobytes() for event in reversed(events)]
    assert forwards == backwards[::-1]


def test_another_seed_recording_or_index_is_another_sound():
    events = corpus().sets["train"]
    sounds = [corpus().load(event, 8000).tobytes() for event in events]
    sounds += [corpus(seed=1).load(event, 8000).tobytes() for event in events]
    assert len(set(sounds)) == len(sounds)


@pytest.mark.parametrize("class_name", CLASSES)
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_events_are_sound_from_onset_to_offset_and_in_band(class_name, sample_rate):
    made = corpus(sample_rate=sample_rate, events=3)
    low, high = DURATION_S[class_name]
    for event in made.sets["train"]:
        if event.class_name != class_name:
            continue
        wave = made.load(event, sample_rate)
        assert wave.dtype == np.float32 and wave.ndim == 1 and np.isfinite(wave).all()
        assert np.abs(wave).max() == pytest.approx(0.5, rel=1e-6)
        assert low < len(wave) / sample_rate < high
        hop = sample_rate // 100
        blocks = np.sum(np.square(wave[: len(wave) // hop * hop].reshape(-1, hop), dtype=np.float64), axis=1)
        audible = 10 * np.log10(blocks / blocks.max() + 1e-12) > -TRIM_DB - 6.0  # the fade takes some dB
        assert audible[0] and audible[-1]
        silent_run = max(len(run) for run in "".join("x" if a else "." for a in audible).split("x"))
        assert silent_run <= 6, "no more than 60 ms of silence inside an event"
        power = np.abs(np.fft.rfft(wave)) ** 2
        edge = int(0.47 * len(wave))
        assert power[edge:].sum() < 2e-3 * power.sum(), "close to no energy at the band's edge"


def test_events_of_a_recording_are_alike_and_recordings_differ():
    made = corpus(events=4)
    horns = [event for event in made.sets["train"] if event.class_name == "car_horn"]
    shapes = []
    for event in horns:
        power = np.abs(np.fft.rfft(made.load(event, 8000), 32768))[:16000] ** 2
        shapes.append(np.log(power.reshape(-1, 160).mean(axis=1)))  # 40 Hz wide
    alike = np.corrcoef(shapes)
    same = np.array([[a.recording_id == b.recording_id for b in horns] for a in horns])
    within = alike[same & ~np.eye(len(horns), dtype=bool)]
    assert within.min() > alike[~same].max()


def spectrum_shape(wave):
    """Ways in which a plain classifier could tell sounds apart: length, tonality, envelope's modulation."""
    blocks = np.sqrt(np.mean(np.square(wave[: len(wave) // 80 * 80].reshape(-1, 80)), axis=1))
    power = np.abs(np.fft.rfft(wave, 32768)) ** 2 + 1e-9
    flatness = np.mean(np.log(power)) - np.log(np.mean(power))
    decay = np.log10(blocks[: len(blocks) // 3].mean() / blocks[-len(blocks) // 3 :].mean())
    return np.array([np.log(len(wave)), flatness / 3, 3 * decay, 2 * np.std(blocks) / np.mean(blocks)])


def test_classes_differ_and_share_the_same_band():
    made = corpus(events=4)
    shapes, centroids = {}, {}
    for name in CLASSES:
        waves = [made.load(event, 8000) for event in made.sets["train"] if event.class_name == name]
        shapes[name] = np.array([spectrum_shape(wave) for wave in waves])
        power = [np.abs(np.fft.rfft(wave, 32768)) ** 2 for wave in waves]
        centroids[name] = np.mean([np.sum(p * np.linspace(0, 4000, len(p))) / p.sum() for p in power])
    means = {name: shape.mean(axis=0) for name, shape in shapes.items()}
    guesses = [
        min(means, key=lambda other: np.linalg.norm(row - means[other])) == name
        for name, rows in shapes.items()
        for row in rows
    ]
    assert np.mean(guesses) > 0.6, "even four rough numbers tell most sounds apart; chance is 0.2"
    assert max(centroids.values()) < 3 * min(centroids.values()), "but no class has a band of its own"


def test_trim_finds_the_sound():
    rng = np.random.default_rng(0)
    wave = np.zeros(8000)
    wave[2000:5000] = rng.standard_normal(3000)
    kept = trim(wave, 8000)
    assert 3000 <= len(kept) <= 3160
    np.testing.assert_array_equal(kept[:2900], wave[2000:4900])


def test_unknown_class_is_named():
    with pytest.raises(UserError, match="no class cow_bell"):
        corpus(classes=["siren", "cow_bell"])


def test_every_model_is_offered():
    assert sorted(MODELS) == CLASSES


def test_minimum_phase_keeps_the_magnitude_and_is_causal():
    b, a = (
        np.array([1.0, 0.5]),
        np.array([1.0, -0.7]),
    )  # zero and pole inside the circle: minimum phase already

    def magnitude(frequency_hz):
        z = np.exp(-2j * np.pi * frequency_hz / 8000)
        return np.abs((b[0] + b[1] * z) / (a[0] + a[1] * z))

    expected = lfilter(b, a, np.eye(1, 240)[0])
    np.testing.assert_allclose(minimum_phase(magnitude, 8000), expected, atol=1e-9)
