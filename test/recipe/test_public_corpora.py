"""DESED, FSD50K and FUSS, on folders made up here in their official layouts: their tables, stage 0, mixtures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import read_table, read_tsv

pytestmark = pytest.mark.recipe

RATE = 16_000
FEW = "hardly-any-steps few-steps"


def sound(path: Path, seconds: float = 0.3) -> None:
    """Noise that no other file has."""
    rng = np.random.default_rng(abs(hash(path.name)) % 2**32)
    write_audio(path, (2000 * rng.standard_normal(int(seconds * RATE))).astype(np.int16), RATE, durable=False)


@pytest.fixture
def egs(root: Path, tmp_path: Path) -> Path:
    """The recipes, with the weaksep that runs this test."""
    made = shutil.ignore_patterns("data", "dump", "exp", "exp_*", "results*", "RESULTS.md")
    for name in ("egs", "utils"):
        shutil.copytree(root / name, tmp_path / name, symlinks=True, ignore=made)
    return tmp_path / "egs"


def run(recipe: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """run.sh; it finds the weaksep that is tested."""
    program = recipe.parents[1] / "bin/weaksep"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m weaksep.bin "$@"\n')
        program.chmod(0o755)
        (program.parent / "python").symlink_to(sys.executable)
    path = f"{program.parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    command = [str(recipe / "run.sh"), "--nj", "1", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def done(recipe: Path, *options: str) -> str:
    """What a run that succeeds says."""
    result = run(recipe, *options)
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout + result.stderr


def classes_of(recipe: Path, config: str = "conf/data.yaml") -> list[str]:
    """Of a configuration."""
    return list(yaml.safe_load((recipe / config).read_text())["classes"])


def mixed(recipe: Path, db: Path) -> dict[str, dict[str, str]]:
    """Stages 0 and 1 with few mixtures; the class of every event of the sets."""
    mix = recipe / "conf/mix.yaml"
    mix.write_text(mix.read_text().replace("{train: 6000, valid: 300, test: 500}", "{train: 6, valid: 3, test: 3}"))
    done(recipe, "--db", str(db), "--stop-stage", "1", "--systems", "clip")
    train = DataDir.load(recipe / "data/train")
    assert len(train.wav) == 6 and list(train.classes) == classes_of(recipe)
    return {name: read_table(recipe / f"data/events/{name}/utt2class") for name in ("train", "valid", "test")}


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def soundbank(db: Path, classes: Sequence[str], sets: Mapping[str, int]) -> None:
    """DESED's soundbank: for each class so many sounds of a set, the last one in two parts."""
    for place, number in sets.items():
        for index, label in enumerate(classes):
            for sound_id in range(number):
                name = f"{1000 * list(sets).index(place) + 100 * index + sound_id}"
                for part in ("_0", "_1") if sound_id == number - 1 else ("",):
                    folder = f"{label}_nOn_nOff" if sound_id == 0 else label
                    sound(db / f"audio/{place}/soundbank/foreground/{folder}/{name}{part}.wav")
        sound(db / f"audio/{place}/soundbank/background/sins/DevNode1_ex87_{place}.wav")


def test_the_soundbank_of_desed(egs: Path, tmp_path: Path) -> None:
    recipe, db = egs / "desed", tmp_path / "DESED"
    soundbank(db, classes_of(recipe), {"train": 3, "validation": 1, "eval": 1})
    events = mixed(recipe, db)
    assert {name: len(table) for name, table in events.items()} == {"train": 40, "valid": 20, "test": 20}
    assert set(events["train"].values()) == set(classes_of(recipe))
    rows = read_tsv(recipe / "data/local/events.tsv", ["filename", "class", "set", "recording"])
    assert {row["recording"] for row in rows if row["filename"].endswith("/2_1.wav")} == {"freesound2"}


def test_a_soundbank_of_desed_without_a_validation_set(egs: Path, tmp_path: Path) -> None:
    recipe, db = egs / "desed", tmp_path / "DESED"
    soundbank(db, ["Cat", "Dog"], {"train": 60, "eval": 1})
    data = recipe / "conf/data.yaml"
    data.write_text("corpus: table\nsample_rate: 8000\nclasses: [Cat, Dog]\n")
    done(recipe, "--db", str(db), "--stop-stage", "0")
    rows = read_tsv(recipe / "data/local/events.tsv", ["filename", "set", "recording"])
    sets = {name: {row["recording"] for row in rows if row["set"] == name} for name in ("train", "valid", "test")}
    assert 2 <= len(sets["valid"]) <= 30 and not sets["train"] & sets["valid"] and len(sets["test"]) == 2
    shutil.rmtree(db / "audio/train")
    shutil.rmtree(db / "audio/eval")
    (db / "audio").mkdir(exist_ok=True)
    result = run(recipe, "--db", str(db), "--stop-stage", "0")
    assert result.returncode == 1 and "no sounds in audio/train/soundbank/foreground/CLASS" in result.stderr


def desed_recordings(db: Path, classes: Sequence[str]) -> None:
    """Forty weakly labelled recordings, of which one is gone, and ten with times, one without an event."""
    weak, strong = ["filename\tevent_labels"], ["filename\tonset\toffset\tevent_label"]
    for index in range(40):
        name = f"Yvideo{index:02d}_10.000_20.000.wav"
        weak.append(f"{name}\t{classes[index % 10]},{classes[(index + index // 10 + 1) % 10]}")
        if index:
            sound(db / f"audio/train/weak/{name}", 10)
    for index in range(10):
        name = f"Yother{index:02d}_0.000_10.000.wav"
        sound(db / f"audio/validation/{name}", 10)
        strong += [f"{name}\t{1 + index / 10}\t{3 + index / 10}\t{classes[index]}"]
        strong += [f"{name}\t5\t6\t{classes[(index + 3) % 10]}"]
    sound(db / "audio/validation/Ysilent_0.000_10.000.wav", 10)
    strong.append("Ysilent_0.000_10.000.wav\t\t\t")
    sound(db / "audio/train/unlabel_in_domain/Ynone_0.000_10.000.wav", 10)
    write_lines(db / "metadata/train/weak.tsv", *weak)
    write_lines(db / "metadata/validation/validation.tsv", *strong)


def test_the_recordings_of_desed(egs: Path, tmp_path: Path) -> None:
    recipe, db = egs / "desed", tmp_path / "DESED"
    classes = classes_of(recipe, "conf/recordings/prepare.yaml")
    desed_recordings(db, classes)
    findings = "no-valid-recording no-remix-partner always-together"
    options = ["--config", "conf/recordings", "--systems", "remix clip", "--stop-stage", "0"]
    said = done(recipe, "--db", str(db), *options, "--accept", f"{FEW} {findings}")
    assert "metadata/train/weak.tsv: 39 recordings, and 1 without audio" in said
    assert "metadata/validation/validation.tsv: 11 recordings" in said
    sets = {name: DataDir.load(recipe / "data" / name) for name in ("train", "valid", "test")}
    assert len(sets["test"].wav) == 11 and len(sets["train"].wav) + len(sets["valid"].wav) == 39
    assert all(list(data.classes) == classes for data in sets.values())
    labels = sets["test"].clip_labels()
    (silent,) = [utt for utt in labels if "silent" in utt]
    assert not labels[silent] and (recipe / "data/DATA.md").is_file()

    shutil.copytree(db / "audio/validation", db / "audio/eval/public")
    shutil.copy(db / "metadata/validation/validation.tsv", tmp_path / "strong.tsv")
    write_lines(db / "metadata/eval/public.tsv", *(tmp_path / "strong.tsv").read_text().splitlines())
    done(recipe, "--db", str(db), *options, "--accept", f"{FEW} {findings}")
    sizes = {name: len(DataDir.load(recipe / "data" / name).wav) for name in ("train", "valid", "test")}
    assert sizes == {"train": 39, "valid": 11, "test": 11}
