"""Scenes go to JSON and back without losing a bit; mix.yaml slips are named."""

from __future__ import annotations

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


@pytest.mark.parametrize("line", ["", "{", "[]", '{"utt_id": "u"}', '{"events": [{"id": 1}]}', "3"])
def test_lines_that_are_no_scene_are_named(tmp_path, line):
    good = Scene("u", 2.5, 8000, 0.0, ()).to_json()
    path = tmp_path / "scenes.jsonl"
    path.write_text(f"{good}\n{line}\n")
    with pytest.raises(UserError, match="scenes.jsonl:2: "):
        list(read_scenes(path))


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
