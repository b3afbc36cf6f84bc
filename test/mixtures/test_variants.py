"""Variants of the mixtures: their settings, their ids, and that they are made when a system asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from weaksep.bin import feats, mix
from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import write_table
from weaksep.fileio.yamlfile import load_config, write_yaml
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.scene import read_scenes

RATE = 8000
SETS = {"train": 12, "valid": 12, "test": 2}
MIX = {
    "clip_s": 0.5,
    "mean_events": 0.8,
    "sets": SETS,
    "variants": {
        "dense": {"mean_events": 4.0, "sets": {"train": 3, "valid": 2, "test": 1}},
        "alone": {"events": "alone", "alone": {"min_s": 0.01}, "sets": {"train": 4, "valid": 3}},
        "seen": {"recordings": "train", "sets": {"test": 5}},
    },
}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe's folder with events and configurations."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in SETS:
        folder = tmp_path / "data/events" / name
        events = {f"{name}-{label}-{n}": label for label in ("cat", "dog") for n in range(8)}
        for event in events:
            write_audio(folder / f"{event}.wav", 0.1 * rng.standard_normal(800).astype(np.float32), RATE)
        (folder / "labels.txt").write_text("cat\ndog\n")
        write_table(folder / "wav.scp", {event: f"{event}.wav" for event in events})
        write_table(folder / "utt2class", events)
        write_table(folder / "utt2spk", {event: event for event in events})
    (tmp_path / "conf").mkdir()
    write_yaml("conf/mix.yaml", MIX)
    write_yaml("conf/feats.yaml", {"window_samples": 128, "hop_samples": 64})
    for name, mixtures in (("strong", ""), ("strong_dense", "dense"), ("frame_remix", "alone")):
        write_yaml(f"conf/{name}.yaml", {"supervision": "strong", "mixtures": mixtures})
    return tmp_path


def test_a_variant_differs_where_it_says_so() -> None:
    config = MixConfig.model_validate(MIX)
    dense = config.variant("dense")
    assert (dense.mean_events, dense.clip_s, dense.sizes()) == (4.0, 0.5, {"train": 3, "valid": 2, "test": 1})
    alone = config.variant("alone")
    assert (alone.mean_events, alone.sizes()) == (0.8, {"train": 4, "valid": 3})
    with pytest.raises(UserError, match="no variant 'dence' of the mixtures in mix.yaml .did you mean dense"):
        config.variant("dence")


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"min_event_s": 0.5, "sets": SETS}, "min_event_s must be below clip_s"),
        ({"level_db": [-10, -20], "sets": SETS}, "level_db: expected .lowest, highest."),
    ],
)
def test_settings_that_do_not_go_together(variant: dict, message: str) -> None:
    config = MixConfig.model_validate({**MIX, "variants": {"odd": variant}})
    with pytest.raises(UserError, match=f"variants.odd: (?s:.*){message}"):
        config.variant("odd")


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({"alone": {"events": "alone", "sets": SETS}}, "leave test out"),
        ({"seen": {"recordings": "train", "sets": SETS}}, "leave sets.train and sets.valid out"),
        ({"half": {"sets": {"train": 3}}}, "train and valid go together"),
        ({"none": {"sets": {}}}, "give train and valid, or test"),
        ({"Up/../x": {"sets": SETS}}, "variants"),
        ({"dense": {"sets": SETS, "mean_event": 3}}, "unknown key variants.*mean_event"),
    ],
)
def test_variants_that_are_none(recipe: Path, variants: dict, message: str) -> None:
    write_yaml("conf/mix.yaml", {**MIX, "variants": variants})
    with pytest.raises(UserError, match=message):
        load_config(MixConfig, "conf/mix.yaml")


def run(systems: str) -> None:
    mix.main(["--config", "conf/mix.yaml", "--systems", systems])
    feats.main(["--config", "conf/feats.yaml", "--systems", systems])


def test_only_what_the_systems_ask_for_is_made(recipe: Path) -> None:
    run("strong")
    assert sorted(path.name for path in (recipe / "data").iterdir()) == ["events", "test", "train", "valid"]
    before = (recipe / "data/train/scenes.jsonl").read_bytes()
    run("strong strong_dense")
    assert list(DataDir.load("data/train_dense").wav) == [f"train_dense-{n:06d}" for n in (1, 2, 3)]
    assert len(DataDir.load("data/test_dense").wav) == 1
    assert not Path("data/events_alone").exists()
    assert (recipe / "data/train/scenes.jsonl").read_bytes() == before
    assert Path("dump/valid_dense/references.sha256").exists()
    assert not Path("dump/test_dense/references.sha256").exists()


def test_mixtures_of_pieces_come_from_the_same_side_of_the_split(recipe: Path) -> None:
    run("frame_remix")
    for name in ("train", "valid"):
        scenes = read_scenes(f"data/{name}_alone/scenes.jsonl")
        assert all(event.recording_id.startswith(f"{name}-0") for scene in scenes for event in scene.events)
    assert not Path("data/test_alone").exists() and Path("dump/train_alone/references.sha256").exists()


def test_a_system_that_asks_for_a_variant_that_there_is_not(recipe: Path) -> None:
    write_yaml("conf/lost.yaml", {"supervision": "strong", "mixtures": "dens"})
    with pytest.raises(UserError, match="no variant 'dens'"):
        run("strong lost")
    assert not Path("data/train").exists()


def test_a_set_to_test_on_made_of_recordings_that_were_trained_on(recipe: Path) -> None:
    mix.main(["--config", "conf/mix.yaml", "--systems", "strong", "--variants", "seen"])
    feats.main(["--config", "conf/feats.yaml", "--systems", "strong", "--variants", "seen"])
    scenes = read_scenes("data/test_seen/scenes.jsonl")
    assert [scene.utt_id for scene in scenes] == [f"test_seen-{n:06d}" for n in range(1, 6)]
    assert all(event.recording_id.startswith("train-") for scene in scenes for event in scene.events)
    assert not Path("data/train_seen").exists() and Path("dump/test_seen/feats.scp").is_file()
    write_yaml("conf/lost.yaml", {"supervision": "strong", "mixtures": "seen"})
    with pytest.raises(UserError, match="variants.seen has no training set; a system asks for it"):
        run("lost")
