"""DESED, FSD50K and FUSS, on folders made up here in their official layouts: their tables, stage 0, mixtures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from weaksep.bin import data, mix, prepare
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import read_table
from weaksep.fileio.tsv import read_tsv
from weaksep.upkeep.recipe import make_recipe

ROOT = Path(__file__).resolve().parents[2]
RATE = 16_000


def sound(path: Path, seconds: float = 0.3) -> None:
    """Noise that no other file has."""
    rng = np.random.default_rng(abs(hash(path.name)) % 2**32)
    write_audio(path, (2000 * rng.standard_normal(int(seconds * RATE))).astype(np.int16), RATE, durable=False)


@pytest.fixture
def recipe(root: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the recipe whose name the test's begins with; it is the current folder."""
    name = request.node.name.split("_")[1]
    make_recipe(name, tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    return tmp_path / name


def tables(db: Path, *options: str, status: int = 0) -> str:
    """What the recipe's local/data.sh says of a corpus, with the weaksep that runs this test."""
    programs = Path("programs").absolute()
    if not programs.exists():
        programs.mkdir()
        (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (programs / "python").chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    modules = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = ["local/data.sh", "--db", str(db), "--out", "data/local", *options]
    environment = {**os.environ, "PATH": path, "PYTHONPATH": modules}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == status, result.stderr[-3000:]
    return result.stdout + result.stderr


def classes_of(config: str = "conf/data.yaml") -> list[str]:
    """Of a configuration."""
    return list(yaml.safe_load(Path(config).read_text())["classes"])


def converted() -> dict[str, dict[str, str]]:
    """Stage 0 of the table of sounds; {set: {event: class}}."""
    data.main(["--config", "conf/data.yaml", "--db", "data/local", "--out", "data/events"])
    return {name: read_table(f"data/events/{name}/utt2class") for name in ("train", "valid", "test")}


def mixed() -> None:
    """Stage 1, with few mixtures."""
    few = Path("conf/mix.yaml")
    few.write_text(few.read_text().replace("{train: 6000, valid: 300, test: 500}", "{train: 6, valid: 3, test: 3}"))
    mix.main(["--config", "conf/mix.yaml", "--events", "data/events", "--out", "data"])
    train = DataDir.load("data/train")
    assert len(train.wav) == 6 and list(train.classes) == classes_of()


def prepared() -> dict[str, DataDir]:
    """Stage 0 of labelled recordings."""
    prepare.main(["--config", "conf/recordings/prepare.yaml", "--db", "data/local", "--out", "data"])
    sets = {name: DataDir.load(f"data/{name}") for name in ("train", "valid", "test")}
    assert all(list(own.classes) == classes_of("conf/recordings/prepare.yaml") for own in sets.values())
    return sets


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


def test_desed_has_a_soundbank(recipe: Path, tmp_path: Path) -> None:
    soundbank(tmp_path / "DESED", classes_of(), {"train": 3, "validation": 1, "eval": 1})
    assert "data/local/events.tsv: 80 sounds of 10 classes" in tables(tmp_path / "DESED")
    rows = read_tsv("data/local/events.tsv", ["filename", "class", "set", "recording"])
    assert {row["recording"] for row in rows if row["filename"].endswith("/2_1.wav")} == {"freesound2"}
    events = converted()
    assert {name: len(table) for name, table in events.items()} == {"train": 40, "valid": 20, "test": 20}
    assert set(events["train"].values()) == set(classes_of())
    mixed()


def test_desed_without_a_soundbank_to_validate_with(recipe: Path, tmp_path: Path) -> None:
    soundbank(tmp_path / "DESED", ["Cat", "Dog"], {"train": 60, "eval": 1})
    tables(tmp_path / "DESED")
    rows = read_tsv("data/local/events.tsv", ["filename", "set", "recording"])
    sets = {name: {row["recording"] for row in rows if row["set"] == name} for name in ("train", "valid", "test")}
    assert 2 <= len(sets["valid"]) <= 30 and not sets["train"] & sets["valid"] and len(sets["test"]) == 2
    (tmp_path / "empty/audio").mkdir(parents=True)
    assert "no sounds in audio/train/soundbank/foreground/CLASS" in tables(tmp_path / "empty", status=1)
    assert "holds no audio; expected the folder of DESED" in tables(tmp_path, status=2)


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


def test_desed_has_recordings(recipe: Path, tmp_path: Path) -> None:
    db = tmp_path / "DESED"
    desed_recordings(db, classes_of())
    said = tables(db, "--recordings", "true")
    assert "metadata/train/weak.tsv: 39 recordings, and 1 without audio" in said
    assert "metadata/validation/validation.tsv: 11 recordings" in said
    sets = prepared()
    assert len(sets["test"].wav) == 11 and sets["valid"].wav
    assert len(sets["train"].wav) + len(sets["valid"].wav) == 39
    labels = sets["test"].clip_labels()
    (silent,) = [utt for utt in labels if "silent" in utt]
    assert not labels[silent]

    shutil.copytree(db / "audio/validation", db / "audio/eval/public")
    (db / "metadata/eval").mkdir()
    shutil.copy(db / "metadata/validation/validation.tsv", db / "metadata/eval/public.tsv")
    tables(db, "--recordings", "true")
    assert {name: len(own.wav) for name, own in prepared().items()} == {"train": 39, "valid": 11, "test": 11}


BY, NC = "http://creativecommons.org/licenses/by/3.0/", "http://creativecommons.org/licenses/by-nc/3.0/"
PLUS = "http://creativecommons.org/licenses/sampling+/1.0/"


def ground_truth(db: Path) -> dict[str, str]:
    """FSD50K's tables of three clips of each class in each set: one has a kind of Rain too, or is of Dog and no kind of
    it. The set of each clip."""
    lines, about, sets = {"dev": ["fname,labels,mids,split"], "eval": ["fname,labels,mids"]}, {}, {}
    above = {"Bark": ["Dog", "Animal"], "Meow": ["Cat", "Animal"], "Keys_jangling": ["Domestic_sounds"]}
    for place, number in (("train", 1000), ("val", 2000), ("eval", 3000)):
        for index, label in enumerate(classes_of()):
            for copy in range(3):
                name = str(number + 10 * index + copy)
                labels = [label, *above.get(label, [])]
                labels = [*labels, "Raindrop", "Rain"] if copy == 2 and label not in ("Bark", "Rain") else labels
                labels = labels[1:] if copy == 2 and label == "Bark" else labels
                part = "eval" if place == "eval" else "dev"
                row = f'{name},"{",".join(labels)}","{",".join("/m/0" for _ in labels)}"'
                lines[part].append(row if part == "eval" else f"{row},{place}")
                licence = (BY, NC, PLUS)[copy]
                about.setdefault(part, {})[name] = {"title": "a\tb", "license": licence, "uploader": f"me {copy}"}
                sets[name] = place
    for part, rows in lines.items():
        write_lines(db / f"FSD50K.ground_truth/{part}.csv", *rows)
        write_lines(db / f"FSD50K.metadata/{part}_clips_info_FSD50K.json", json.dumps(about[part]))
    return sets


def test_fsd50k_has_clips_of_one_class(recipe: Path, tmp_path: Path) -> None:
    db = tmp_path / "FSD50K"
    for name, place in ground_truth(db).items():
        if name != "1000":
            sound(db / f"FSD50K.{'eval' if place == 'eval' else 'dev'}_audio/{name}.wav")
    said = tables(db)
    assert "89 clips, 1 more without audio; 60 not for commercial use" in said
    rows = read_tsv("data/local/events.tsv", ["filename", "class", "set", "recording", "licence", "uploader"])
    found = {(row["recording"], row["class"]): row for row in rows}
    expected = {str(1000 + 10 * index + copy) for index in range(10) for copy in (0, 1)} - {"1000"} | {"1002", "1022"}
    assert {name for name, _ in found if name < "2"} == expected
    assert {label for name, label in found if name == "2001"} == {"Bark", "Dog", "Animal"}
    assert {label for name, label in found if name == "2002"} == {"Dog", "Animal"}
    assert found["1001", "Bark"]["licence"] == NC and found["2000", "Bark"]["uploader"] == "me 0"
    events = converted()
    assert {name: len(table) for name, table in events.items()} == {"train": 20, "valid": 21, "test": 21}
    mixed()
    shutil.rmtree(db / "FSD50K.metadata")
    assert "so no licence is known; unpack FSD50K.metadata.zip there" in tables(db)


def test_fsd50k_has_labelled_recordings(recipe: Path, tmp_path: Path) -> None:
    db = tmp_path / "FSD50K"
    for name, place in ground_truth(db).items():
        sound(db / f"FSD50K.{'eval' if place == 'eval' else 'dev'}_audio/{name}.wav", 1)
    tables(db, "--recordings", "true")
    assert read_tsv("data/local/clip_labels.tsv", ["licence"])[1]["licence"] == NC
    assert Path("data/local/audio").resolve() == db.resolve()
    sets = prepared()
    assert {name: len(own.wav) for name, own in sets.items()} == {"train": 30, "valid": 30, "test": 30}
    labels = {utt.rpartition("-")[0].rpartition("_")[2]: own for utt, own in sets["test"].clip_labels().items()}
    assert not labels["3002"] and sorted(labels["3012"]) == ["Meow", "Rain"]
    Path("data/local/audio").unlink()
    Path("data/local/audio").mkdir()
    assert "data/local/audio: is there and no link; move it away" in tables(db, "--recordings", "true", status=2)


def test_fuss_has_sources_that_fsd50k_labels(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db, places = tmp_path / "FUSS", {"train": "train", "val": "validation", "eval": "eval"}
    (db / "fsd_data").mkdir(parents=True)
    monkeypatch.delenv("FSD50K", raising=False)
    assert "no folder for FSD50K, whose labels are needed: set FSD50K= in db.sh" in tables(db, status=2)
    monkeypatch.setenv("FSD50K", str(tmp_path / "FSD50K"))
    for name, place in ground_truth(tmp_path / "FSD50K").items():
        sound(db / f"fsd_data/{places[place]}/sound/{name}.wav")
    sound(db / "fsd_data/train/sound/999999.wav")
    said = tables(db)
    assert "66 sources of one class; 24 of several and 1 that FSD50K has not are left out" in said
    events = converted()
    assert {name: len(table) for name, table in events.items()} == {"train": 21, "valid": 21, "test": 21}
    mixed()
