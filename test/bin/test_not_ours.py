"""What is not weaksep's own is neither removed nor written over by any command, not through a link either."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.bin import data, infer, mix, pack, prepare, report, separate, train
from weaksep.errors import UserError
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.model import save_untrained
from weaksep.report.write import is_page, is_results

SPLIT = "split={train: 0.34, valid: 0.33, test: 0.33}"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noise(path: str, seconds: float = 0.4) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(int(8000 * seconds)), 8000)
    return Path(path)


def contents(*tops: str) -> dict[str, bytes]:
    paths = (path for top in tops for path in Path(top).rglob("*"))
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


@pytest.fixture
def recordings() -> list[str]:
    """Six recordings, prepared once; the arguments that do it."""
    names = [f"r{number}.wav" for number in range(6)]
    for name in names:
        noise(f"rec/{name}")
    lines = ["filename\tevent_labels", *(f"{name}\t{('dog', 'horn')[n % 2]}" for n, name in enumerate(names))]
    Path("l.tsv").write_text("\n".join(lines) + "\n")
    arguments = ["--clip-labels", "l.tsv", "--out", "o", "--set", "clip_s=0.2", "--set", SPLIT]
    prepare.main(["--audio", "rec", *arguments])
    return arguments


@pytest.mark.parametrize("audio", ["big", "rec"])
def test_prepare_removes_nothing_behind_a_link(recordings: list[str], audio: str) -> None:
    shutil.move("o/train/audio", "big")
    for path in Path("rec").iterdir():
        shutil.copy(path, "big")
    Path("o/train/audio").symlink_to(Path("big").resolve())
    before = contents("big", "rec", "o")
    with pytest.raises(UserError, match="which is read here|o/train/audio: a link or a file"):
        prepare.main(["--audio", audio, *recordings, "--force", "true"])
    after = contents("big", "rec", "o")
    assert {name: after.get(name) for name in before if "stamp" not in name} == {
        name: content for name, content in before.items() if "stamp" not in name
    }
    Path("o/train/audio").unlink()
    prepare.main(["--audio", "rec", *recordings])
    assert len(list(Path("big").glob("r*.wav"))) == 6


def test_prepare_leaves_a_stranger_however_often_it_runs(recordings: list[str]) -> None:
    own = [noise("o/test/audio/mine.wav"), noise("o/test/audio/mix/mine.wav"), Path("o/train/src_mine.scp")]
    own[-1].write_text("a b\n")
    made = contents("o").keys() - {str(path) for path in own}
    for _ in range(2):
        prepare.main(["--audio", "rec", *recordings, "--force", "true"])
        assert contents("o").keys() == made | {str(path) for path in own}
    outputs = json.loads(Path("o/prepare.stamp.json").read_text())["outputs"]
    assert {f"o/{name}" for name in outputs} == made - {"o/prepare.stamp.json"}


def test_what_is_in_the_way_stops_a_stage(recordings: list[str]) -> None:
    clip = min(Path("o/test/audio/mix").glob("*.wav"))
    for path in (clip, Path("o/valid/wav.scp")):
        Path("o/prepare.stamp.json").unlink(missing_ok=True)
        shutil.rmtree("o")
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        Path("o/.unfinished.prepare").mkdir()
        with pytest.raises(UserError, match=f"^{path}: not noted as written by weaksep; move it away"):
            prepare.main(["--audio", "rec", *recordings])
        assert path.read_text() == "mine"


def test_stages_0_and_1_leave_strangers() -> None:
    counts = {"train": 1, "valid": 1, "test": 1}
    corpus = {"corpus": "synthetic", "sample_rate": 8000, "classes": ["siren", "dog_bark"], "events_per_recording": 2}
    write_yaml(Path("data.yaml"), {**corpus, "recordings_per_class": counts})
    write_yaml(Path("mix.yaml"), {"clip_s": 0.5, "mean_events": 2.0, "sets": {"train": 2, "valid": 2, "test": 2}})
    stages = ((data.main, ["--config", "data.yaml"]), (mix.main, ["--config", "mix.yaml"]))
    for stage, arguments in stages:
        stage(arguments)
    own = [noise("data/events/train/audio/mine.wav"), noise("data/test/audio/mine.wav")]
    own.append(noise("data/test/audio/siren/mine.wav"))
    before = contents("data")
    for stage, arguments in stages:
        for _ in range(2):
            stage([*arguments, "--force", "true"])
    now = contents("data")
    assert {name for name in now if now[name] != before.get(name)} <= {name for name in now if name.endswith(".json")}
    assert now.keys() == before.keys() and all(path.exists() for path in own)


@pytest.fixture
def model() -> str:
    return str(save_untrained(Path("exp/separator_x"), ["Dog"], 8000, {"kind": "unet", "channels": [4], "units": 8}))


def test_a_recording_of_ones_own_beside_separated_files(model: str) -> None:
    noise("in.wav")
    command = ["--model", model, "in.wav", "--out", "out", "--device", "cpu", "--force", "true"]
    separate.main(command)
    own = noise("out/in/Dog.wav")
    before = own.read_bytes()
    for _ in range(2):
        separate.main(command)
        assert own.read_bytes() == before and Path("out/in/Dog.flac").exists()
    with pytest.raises(UserError, match="^out/in/Dog.wav: not noted as written by weaksep; move it away"):
        separate.main([*command, "--format", "wav"])
    assert own.read_bytes() == before


def test_a_recording_that_lies_where_its_sources_go(model: str) -> None:
    noise("in/Dog.wav")
    command = ["--model", model, "--device", "cpu", "--force", "true", "--out", "out"]
    separate.main([*command, "in/Dog.wav"])
    recording = Path("out/Dog/Dog.flac")
    with pytest.raises(UserError, match="out/Dog/Dog.flac: lies in out/Dog, which is written"):
        separate.main([*command, str(recording)])
    assert recording.exists()


@pytest.mark.parametrize(
    "name", ["../../victim.wav", "{top}/victim.wav", "link/victim.wav", "thesis.docx", ".hidden.wav"]
)
def test_a_stamp_that_names_what_weaksep_cannot_have_written(model: str, tmp_path: Path, name: str) -> None:
    noise("in.wav")
    command = ["--model", model, "in.wav", "--out", "out", "--device", "cpu"]
    separate.main(command)
    noise("victim.wav")
    for own in ("thesis.docx", ".hidden.wav"):
        Path("out/in", own).write_text("mine")
    Path("out/in/link").symlink_to(tmp_path)
    stamp = Path("out/in/stamp.json")
    made = json.loads(stamp.read_text())
    made["outputs"][name.format(top=tmp_path)] = 1
    stamp.write_text(json.dumps(made))
    before = {path: content for path, content in contents(".").items() if path.endswith((".docx", ".wav"))}
    for force in ("false", "true"):
        with pytest.raises(UserError, match="out/in/Dog.flac: not noted as written by weaksep"):
            separate.main([*command, "--force", force])
    assert before.items() <= contents(".").items()


def test_pages_and_results_of_others(place: Path) -> None:
    for name in ("RESULTS.md", "results.json"):
        for text in ("# Results of my thesis\n", "{}", "[1]"):
            Path(name).write_text(text)
            with pytest.raises(UserError, match=f"^{name}: is there and not .* of weaksep report; give another name"):
                report.main(["--out", "RESULTS.md"])
            assert Path(name).read_text() == text
        Path(name).unlink()


def test_committed_pages_are_known(root: Path) -> None:
    for page in root.glob("egs/*/RESULTS.md"):
        results = page.with_name("results.json")
        assert is_page(page) and (not results.exists() or is_results(results))


def test_archives_of_others(model: str) -> None:
    folder = Path(model)
    write_yaml(folder / "config.yaml", {"supervision": "strong"})
    pack.main([str(folder), "model.zip"])
    pack.main([str(folder), "model.zip"])
    with zipfile.ZipFile("backup.zip", "w") as archive:
        archive.write(folder / "model.json", "model.json")
    Path("text.zip").write_text("mine")
    os.symlink("model.zip", "link.zip")
    before = contents(".")
    for name in ("backup.zip", "text.zip", "link.zip"):
        with pytest.raises(UserError, match=f"^{name}: is there and not a packed model"):
            pack.main([str(folder), name])
    assert contents(".") == before


def test_lists_of_others(model: str) -> None:
    Path("thesis.txt").write_text("strong evidence")
    for command in ([train.main, "--task", "separator"], [infer.main]):
        with pytest.raises(UserError, match="^thesis.txt: is there and not an empty file or such a list"):
            command[0]([*command[1:], "--systems", "strong", "--failed", "thesis.txt"])
    assert Path("thesis.txt").read_text() == "strong evidence"
