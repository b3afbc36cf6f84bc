"""Stages 0 to 6 with audio in archives and in FLAC: the same samples, and the same scores, as with a file each."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from weaksep.bin.cli import run_command
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import read_scp
from weaksep.fileio.yamlfile import write_yaml

FORMATS = ("wav", "flac", "wav.ark", "flac.ark")


def run(command: str, *arguments: object) -> None:
    module = importlib.import_module(f"weaksep.bin.{command}")
    assert run_command(module.main, [str(word) for word in arguments]) == 0


def write_configs(conf: Path) -> None:
    counts = {"train": 2, "valid": 1, "test": 1}
    data = {"corpus": "synthetic", "sample_rate": 8000, "classes": ["siren", "dog_bark"], "events_per_recording": 3}
    write_yaml(conf / "data.yaml", {**data, "recordings_per_class": counts})
    write_yaml(conf / "mix.yaml", {"clip_s": 0.5, "mean_events": 1.5, "sets": {"train": 12, "valid": 4, "test": 6}})
    write_yaml(conf / "feats.yaml", {"window_samples": 128, "hop_samples": 64, "feats_type": "raw"})
    optim = {"max_epochs": 1, "batch_size": 6}
    write_yaml(conf / "strong.yaml", {"supervision": "strong", "net": {"layers": 1, "units": 8}, "optim": optim})


def stages(place: Path, audio_format: str) -> None:
    """All stages, from the current folder's configuration to scores below ``place``."""
    data, dump, exp = (place / name for name in ("data", "dump", "exp"))
    form = ("--audio-format", audio_format)
    run("data", "--config", "conf/data.yaml", "--out", data / "events", *form)
    run("mix", "--config", "conf/mix.yaml", "--events", data / "events", "--out", data, *form)
    configs = ("--systems", "strong")
    run("feats", "--config", "conf/feats.yaml", "--datadir", data, "--dumpdir", dump, *configs)
    places = ("--datadir", data, "--dumpdir", dump, "--expdir", exp)
    run("train", "--task", "separator", "--config-dir", "conf", *configs, *places)
    run("infer", *configs, "--expdir", exp, "--data", data / "test", *form)
    run("score", *configs, "--expdir", exp, "--data", data / "test", "--dump", dump / "test")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    write_configs(folder / "conf")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for audio_format in FORMATS:
            stages(folder / audio_format, audio_format)
    return folder


def audio_of(folder: Path) -> dict[tuple[str, str], bytes]:
    """Table and clip -> samples."""
    tables = [path for path in sorted(folder.glob("**/*.scp")) if "feats" not in path.name]
    return {
        (str(table.relative_to(folder)), utt): read_audio(path, 8000).tobytes()
        for table in tables
        for utt, path in read_scp(table).items()
    }


@pytest.mark.parametrize("audio_format", FORMATS[1:])
def test_audio_weights_and_scores_are_the_same(made: Path, audio_format: str) -> None:
    ours, plain = made / audio_format, made / "wav"
    assert audio_of(ours) == audio_of(plain)
    for name in ("model.safetensors", "scores/test/scores.tsv"):
        name = f"exp/separator_strong/{name}"
        assert (ours / name).read_bytes() == (plain / name).read_bytes()


def test_archives_are_few_files(made: Path) -> None:
    kinds = {path.suffix for path in (made / "flac.ark").rglob("audio/**/*") if path.is_file()}
    assert kinds == {".ark"}
    assert {path.suffix for path in (made / "flac/data/test").rglob("audio/**/*") if path.is_file()} == {".flac"}


def test_the_folders_are_valid_to_the_last_sample(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    for audio_format in FORMATS:
        run("validate", f"{audio_format}/data", "--check-audio", "true")
        run("validate", f"{audio_format}/data/events", "--check-audio", "true")


def test_what_is_up_to_date_is_left_alone_and_what_is_not_is_made_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(made)
    place = tmp_path / "copy"
    shutil.copytree(made / "wav.ark", place, copy_function=shutil.copy2)
    mix = ("mix", "--config", "conf/mix.yaml", "--events", place / "data/events", "--out", place / "data")
    before = audio_of(place / "data/test")
    archive = next((place / "data/test/audio/mix").glob("*.ark"))
    archive.write_bytes(archive.read_bytes()[:-2])
    run(*mix, "--audio-format", "wav.ark")
    assert audio_of(place / "data/test") == before
    run(*mix, "--audio-format", "wav")  # the archives go with it
    assert {path.suffix for path in (place / "data").glob("t*/audio/*/*")} == {".wav"}
    assert audio_of(place / "data/test") == before
