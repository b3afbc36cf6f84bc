"""Scenes go to JSON and back without losing a bit; mix.yaml slips are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.fileio.yamlfile import load_config
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.scene import Event, Scene, read_scenes

EGS = Path(__file__).resolve().parents[2] / "egs"
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
EVENT = st.builds(Event, st.text(), st.text(), st.text(), NUMBER, NUMBER)
SCENE = st.builds(Scene, st.text(), NUMBER, st.integers(1, 10**6), NUMBER, st.lists(EVENT, max_size=4).map(tuple))


@given(SCENE)
def test_json_round_trip_is_exact(scene):
    line = scene.to_json()
    assert "\n" not in line
    assert Scene.from_json(line) == scene
    assert Scene.from_json(line).to_json() == line


def test_derived_values():
    events = tuple(Event(str(i), name, "r", 0.0, -30.0) for i, name in enumerate(["b", "a", "b"]))
    scene = Scene("u", 2.5, 8000, 0.0, events)
    assert scene.n_samples == 20000 and scene.active_classes == ("a", "b")


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"utt_id": "u"}', '{"events": [{"a\\nb": 1}]}', '{"events": [{"id": 1}]}', "3"]
)
def test_lines_that_are_no_scene_are_named(tmp_path, line):
    good = Scene("u", 2.5, 8000, 0.0, (Event("e", "a", "r", 0.5, -30.0),)).to_json()
    path = tmp_path / "scenes.jsonl"
    path.write_text(f"{good}\n{line}\n")
    with pytest.raises(UserError, match=r"^[^\n]*scenes.jsonl:2: [^\n]*$"):
        read_scenes(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"utt_id": "../u"}, "utt_id '../u' cannot be the name of a file"),
        ({"utt_id": "\ud800"}, "cannot be the name of a file"),
        ({"utt_id": 7}, "utt_id 7"),
        ({"duration_s": 1e9}, "duration_s"),
        ({"duration_s": float("nan")}, "duration_s nan"),
        ({"sample_rate": 8000.0}, "sample_rate 8000.0"),
        ({"gain_db": 3.0}, "gain_db 3.0"),
        ({"events": ()}, "no events"),
        ({"event_id": "a/b"}, "'a/b' cannot be the id"),
        ({"recording_id": None}, "None cannot be the id"),
        ({"class_name": "mix"}, "'mix' cannot be the name of a class"),
        ({"onset_s": 2.5}, "e begins at 2.5 s"),
        ({"onset_s": True}, "e begins at True s"),
        ({"level_db": 1.0}, "e has the level 1.0"),
    ],
)
def test_scenes_that_cannot_be_rendered_are_named(tmp_path, changes, message):
    event = {"event_id": "e", "class_name": "a", "recording_id": "r", "onset_s": 0.5, "level_db": -30.0}
    scene = {"utt_id": "u", "duration_s": 2.5, "sample_rate": 8000, "gain_db": 0.0, "events": [event]}
    path = tmp_path / "scenes.jsonl"
    path.write_text(json.dumps(scene) + "\n")
    assert read_scenes(path)[0].events[0].event_id == "e"
    for key, value in changes.items():
        (event if key in event else scene)[key] = value
    path.write_text(json.dumps(scene) + "\n")
    with pytest.raises(UserError) as caught:
        read_scenes(path)
    assert f"{path}:1: " in str(caught.value) and message in str(caught.value)


def test_an_id_that_comes_twice(tmp_path):
    line = Scene("u", 2.5, 8000, 0.0, (Event("e", "a", "r", 0.5, -30.0),)).to_json()
    (tmp_path / "scenes.jsonl").write_text(f"{line}\n{line}\n")
    with pytest.raises(UserError, match="scenes.jsonl:2: u again, first in line 1"):
        read_scenes(tmp_path / "scenes.jsonl")


@pytest.mark.parametrize("name", ["mini_urban/conf", "urbansound_mix/conf/paper", "urbansound_mix/conf/subset"])
def test_shipped_configurations_load(name):
    config = load_config(MixConfig, EGS / name / "mix.yaml")
    assert config.level_db == (-30, -25)


def test_the_paper_configuration_is_the_paper():
    config = load_config(MixConfig, EGS / "urbansound_mix/conf/paper/mix.yaml")
    assert (config.clip_s, config.mean_events, config.min_event_s) == (4.0, 5.0, 0.0)
    assert tuple(config.sets.model_dump().values()) == (20000, 5000, 5000)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("level_db=[-25, -30]", "lowest"),
        ("level_db=[-5, 5]", "at most 0"),
        ("mean_events=0", "mean_events"),
        ("min_event_s=2.5", "below clip_s"),
        ("clip=2", "did you mean clip_s"),
        ("sets.train=0", "sets.train"),
    ],
)
def test_slips_are_named(override, message):
    with pytest.raises(UserError, match=message):
        load_config(MixConfig, EGS / "mini_urban/conf/mix.yaml", [override])
