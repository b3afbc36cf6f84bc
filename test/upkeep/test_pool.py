"""``weaksep pool``: what the pooled tables say against those of their corpora, what is refused, and that it trains."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.bin import feats, pool, train
from weaksep.errors import UserError
from weaksep.fileio.datadir import DataDir, EventLabel
from weaksep.fileio.names import audio_name
from weaksep.fileio.tables import read_table, write_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.recordings.write import Clip, write_clips
from weaksep.upkeep.validate import validate

SETS = ("train", "valid", "test")
HOME = ("dog", "horn")  # classes of the recordings; the mixtures have siren, dog_bark and gun_shot
RENAME = ["--rename", "dog_bark=dog"]


def record(data: Path, classes: Sequence[str] = HOME, rate: int = 8000, same: str = "") -> Path:
    """A corpus of labelled recordings of a second: six in each set, one class each; the first with its event's time,
    the second with its source. Recordings are r-<set>-<n>, or all called ``same``."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(rate)
    for name in SETS:
        clips = []
        for number in range(6):
            own, utt = classes[number % 2], f"r-{name}-{number}"
            events = [(0.25, 0.75, own)] if number == 0 else None
            clips.append(Clip(utt, same or utt, [own], events, [own] if number == 1 else None))
            for folder in ("mix", *([own] if number == 1 else [])):
                path = data / name / audio_name(folder, utt)
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, noise, rate, "FLOAT")
        write_clips(data / name, clips, classes, dict.fromkeys((clip.utt for clip in clips), 1.0), audio_name)
    return data


@pytest.fixture
def corpora(stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Mixtures and recordings, and the current folder, a recipe's."""
    (tmp_path / "city").mkdir()
    (tmp_path / "city/path.sh").touch()
    monkeypatch.chdir(tmp_path / "city")
    record(tmp_path / "home")
    return [str(stages / "data"), "../home"]


def test_the_tables_say_what_those_of_the_corpora_say(corpora: list[str]) -> None:
    pool.main(["data", *corpora, *RENAME])
    assert [report.problems for report in validate([Path("data")])] == [[]] * 3
    for name in SETS:
        made, mixtures, home = (DataDir.load(Path(folder, name)) for folder in ("data", *corpora))
        assert set(made.classes) == {"siren", "dog", "gun_shot", "horn"}
        assert made.classes[:3] == tuple(label.replace("dog_bark", "dog") for label in mixtures.classes)
        wav, labels, events, recordings = {}, {}, {}, {}
        sources: dict[str, dict[str, Path]] = {label: {} for label in made.classes}
        for prefix, data in (("recipe", mixtures), ("home", home)):
            for utt, path in data.wav.items():
                new = f"{prefix}-{utt}"
                wav[new] = path.resolve()
                labels[new] = tuple(label.replace("dog_bark", "dog") for label in data.clip_labels()[utt])
                events[new] = [EventLabel(e.onset_s, e.offset_s, e.label.replace("dog_bark", "dog"))
                               for e in data.events()[utt]]  # fmt: skip
                recordings[new] = utt if prefix == "home" else new
            for label, table in data.references().items():
                own = {f"{prefix}-{utt}": path.resolve() for utt, path in table.items()}
                sources[label.replace("dog_bark", "dog")].update(own)
        assert {utt: path.resolve() for utt, path in made.wav.items()} == wav
        assert (made.clip_labels(), made.events(), made.recordings()) == (labels, events, recordings)
        found = {label: {u: p.resolve() for u, p in table.items()} for label, table in made.references().items()}
        assert found == sources and all(path.is_file() for table in found.values() for path in table.values())
        whole = {utt for utt in wav if utt.startswith("recipe-")}
        assert made.timed() == {*whole, f"home-r-{name}-0"} and made.referenced() == {*whole, f"home-r-{name}-1"}
        lengths = read_table(made.path / "utt2dur")
        assert {float(lengths[utt]) for utt in whole} == {0.5} and float(lengths[f"home-r-{name}-0"]) == 1.0
        assert not list(made.path.rglob("*.wav"))


def test_events_are_sorted_by_their_new_names(corpora: list[str]) -> None:
    path = Path("../home/train")
    lines = (path / "events.tsv").read_text().splitlines(keepends=True)
    dog = next(line for line in lines if "dog" in line)
    lines.insert(lines.index(dog) + 1, dog.replace("dog", "horn"))
    (path / "events.tsv").write_text("".join(lines))
    utt = dog.split("\t")[0].removesuffix(".wav")
    write_table(path / "utt2labels", {**read_table(path / "utt2labels"), utt: "dog,horn"})
    pool.main(["data", *corpora, "--rename", "dog=zebra"])
    assert [report.problems for report in validate([Path("data")])] == [[]] * 3


def test_only_what_has_changed_is_done_again(corpora: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        pool.main(["data", *corpora, *RENAME])
    assert all(f"data/{name}: up to date" in caplog.text for name in SETS)
    path = Path("../home/valid/utt2labels")
    write_table(path, {**read_table(path), "r-valid-3": "-"})
    caplog.clear()
    pool.main(["data", *corpora, *RENAME])
    assert "home valid/utt2labels has changed" in caplog.text and "data/train: up to date" in caplog.text
    assert DataDir.load("data/valid").clip_labels()["home-r-valid-3"] == ()


@pytest.mark.parametrize(
    ("recordings", "arguments", "said"),
    [
        ({}, ["--rename", "dog_brak=dog"], "dog_brak; did you mean dog_bark. There are: dog_bark"),
        ({}, ["--rename", "dog_bark"], "^--rename dog_bark: expected OLD=NEW$"),
        (
            {},
            ["--rename", "dog_bark=", "--rename", "=dog"],
            "--rename dog_bark=: .*\n  --rename =dog: expected OLD=NEW",
        ),
        (
            {},
            [*RENAME, "--rename", "dog_bark=wolf"],
            "^--rename dog_bark=dog dog_bark=wolf: a class has two new names$",
        ),
        ({}, ["--rename", "dog_bark=mix"], "'mix' is taken"),
        ({}, ["--rename", "siren=dog_bark"], "recipe/data/train: dog_bark would be two of its classes"),
        ({"classes": ("Siren", "horn")}, [], "Siren is there in another spelling"),
        ({"rate": 16000}, [], r"sample rates differ; .*\n  .*recipe.*: 8000 Hz\n  .*home.*: 16000 Hz"),
        ({"same": "dog_bark-test0001"}, [], r"same set in all of them(.|\n)*recording dog_bark-test0001 is also in"),
    ],
)
def test_what_cannot_be_pooled(corpora: list[str], recordings: dict, arguments: list[str], said: str) -> None:
    shutil.rmtree("../home")
    record(Path("../home"), **recordings)
    with pytest.raises(UserError, match=said):
        pool.main(["data", *corpora, *arguments])
    assert not Path("data").exists()


def test_corpora_need_names_and_a_place_of_their_own(corpora: list[str]) -> None:
    record(Path("../other/home"), same="elsewhere-0")
    with pytest.raises(UserError, match=r"two corpora of one name(.|\n)*home"):
        pool.main(["data", corpora[1], "../other/home"])
    before = {path: path.read_bytes() for path in Path("../home").rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="which is read here; give another folder"):
        pool.main(["../home", *corpora, *RENAME])
    with pytest.raises(UserError, match="no such data folder"):
        pool.main(["data", corpora[0], "../nowhere"])
    assert {path: path.read_bytes() for path in Path("../home").rglob("*") if path.is_file()} == before


def test_a_pooled_folder_trains_as_it_is(corpora: list[str]) -> None:
    pool.main(["data", *corpora, *RENAME])
    optim = {"batch_size": 4, "max_epochs": 1, "epoch_steps": 2}
    light = {"kind": "light", "units": 4, "channels": [4], "mel_bands": 8}
    weak = {"supervision": "clip", "remix": {}, "optim": optim}
    write_yaml("conf/feats.yaml", {"window_samples": 128, "hop_samples": 64})
    write_yaml("conf/classifier_clip.yaml", {**weak, "net": light})
    net = {"kind": "unet", "channels": [4, 4], "layers": 1, "units": 4, "residual": True}
    loss: dict[str, dict] = {"remix": {}, "classification": {}}
    write_yaml("conf/remix.yaml", {**weak, "net": net, "classifier": "clip", "loss": loss})
    write_yaml("conf/strong.yaml", {"supervision": "strong", "net": net, "optim": optim})
    systems = ["--systems", "remix strong"]
    feats.main(["--config", "conf/feats.yaml", "--system-configs", "conf", *systems])
    for task in ("classifier", "separator"):
        train.main(["--task", task, *systems])
    for name in ("classifier_clip", "separator_remix", "separator_strong"):
        assert os.path.getsize(f"exp/{name}/model.safetensors")
