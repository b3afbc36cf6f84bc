"""Rendering on hand-made events whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from weaksep.mixtures.renderer import MAX_PEAK, finish, render
from weaksep.mixtures.scene import Event, Scene
from weaksep.signal.level import rms

RATE = 1000


def loader(**waves):
    held = {name: (wave.astype(np.float32), rms(wave.astype(np.float32))) for name, wave in waves.items()}
    return held.__getitem__


def scene(*events, duration_s=1.0):
    made = tuple(Event(event_id, name, "r", onset_s, level_db) for event_id, name, onset_s, level_db in events)
    return Scene("u", duration_s, RATE, 0.0, made)


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


def test_level_is_the_rms_of_the_whole_file_even_where_it_is_cut():
    # a file whose second half is silent has the level of its first half less 3.01 dB
    wave = np.concatenate([np.ones(400), np.zeros(400)])
    drawn = scene(("w", "a", 0.5, -20.0))
    _, references = render(drawn, loader(w=wave))
    expected = np.zeros(1000)
    expected[500:900] = 0.1 * np.sqrt(2) * 32768
    np.testing.assert_array_equal(references["a"], np.rint(expected))


def test_cut_at_the_end_of_the_clip():
    _, references = render(scene(("w", "a", 0.999, -20.0)), loader(w=np.ones(50)))
    assert references["a"].tolist() == [0] * 999 + [3277]


def test_a_class_is_the_sum_of_its_events_and_absent_classes_are_absent():
    events = [("v", "a", 0.1, -30.0), ("w", "b", 0.3, -26.0), ("x", "a", 0.2, -25.0)]
    load = loader(v=noise(300, 1), w=noise(300, 2), x=noise(300, 3))
    mixture, references = render(scene(*events), load)
    assert set(references) == {"a", "b"}
    expected = np.zeros(1000)
    for name, start, level in [("v", 100, -30.0), ("x", 200, -25.0)]:
        wave, power = load(name)
        expected[start : start + 300] += wave.astype(np.float64) * (10 ** (level / 20) / power)
    np.testing.assert_allclose(references["a"], expected * 32768, atol=0.5 + 1e-6)
    assert 20 * np.log10(rms(references["b"][300:600] / 32768)) == pytest.approx(-26.0, abs=0.01)
    np.testing.assert_array_equal(mixture, references["a"] + references["b"])


@pytest.mark.parametrize("n_classes", [1, 2, 5])
@pytest.mark.parametrize("level_db", [-60.0, -25.0, 0.0])
def test_stems_sum_to_the_mixture_bit_for_bit_and_nothing_clips(n_classes, level_db):
    events = [(f"w{i}", f"c{i}", 0.1 * i, level_db) for i in range(n_classes)]
    load = loader(**{f"w{i}": noise(900, i) for i in range(n_classes)})
    finished, mixture, references = finish(scene(*events), load)
    assert mixture.dtype == np.int16 and len(references) == n_classes
    total = sum(reference.astype(np.int64) for reference in references.values())
    np.testing.assert_array_equal(mixture, total)
    loudest = max(np.abs(wave.astype(int)).max() for wave in [mixture, *references.values()])
    assert loudest <= MAX_PEAK * 32768 + n_classes
    if level_db == 0.0:
        assert finished.gain_db < 0 and loudest > 0.985 * 32768, "no quieter than needed"
    else:
        assert finished.gain_db == 0.0


def test_the_gain_is_one_for_the_whole_scene_and_rebuilds_the_same_bits():
    load = loader(v=noise(500, 1), w=noise(500, 2))
    events = [("v", "a", 0.0, -6.0), ("w", "b", 0.2, -6.0)]
    drawn = scene(*events)
    finished, mixture, references = finish(drawn, load)
    assert finished == dataclasses.replace(drawn, gain_db=finished.gain_db) and finished.gain_db < 0
    again, parts = render(Scene.from_json(finished.to_json()), load)
    np.testing.assert_array_equal(again, mixture)
    for name in references:
        np.testing.assert_array_equal(parts[name], references[name])
    ratio = references["a"].astype(float) / 32768 / 10 ** (finished.gain_db / 20)
    wave, power = load("v")
    np.testing.assert_allclose(ratio[:500], wave * 10 ** (-6 / 20) / power, atol=1e-3)


def test_loud_classes_that_cancel_in_the_mixture_do_not_clip_either():
    wave = noise(900)
    finished, mixture, references = finish(scene(("v", "a", 0.0, -3.0), ("w", "b", 0.0, -3.0)), loader(v=wave, w=-wave))
    assert np.abs(mixture).max() <= 1
    assert np.abs(references["a"].astype(int)).max() <= MAX_PEAK * 32768 + 1 and finished.gain_db < 0


def test_an_event_of_which_nothing_is_heard_is_refused():
    late = np.concatenate([np.zeros(200), np.ones(200)])
    faint = np.concatenate([np.full(200, 1e-5), np.ones(200)])
    heard = ("v", "a", 0.0, -25.0)
    for wave in (late, faint):
        assert finish(scene(heard, ("w", "a", 0.8, -25.0)), loader(v=noise(99), w=wave)) is None
        assert finish(scene(heard, ("w", "a", 0.7, -25.0)), loader(v=noise(99), w=wave)) is not None
    assert finish(scene(heard, ("w", "a", 1.0, -25.0)), loader(v=noise(99), w=np.ones(9))) is None
