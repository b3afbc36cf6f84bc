"""Stages that are cut short, by an error or a full disk: only valid files, and the same command goes on.

The full disk is once a small file system of its own (where mounting is allowed), once a limit on the size of a file.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from weaksep.bin.cli import run_command
from weaksep.fileio.audio import read_audio
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.datadir import read_scp
from weaksep.fileio.experiments import DESCRIPTION_NAME, WEIGHTS_NAME
from weaksep.fileio.network import read_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs.interrupt import Interrupted

STAGES = ["data", "mix", "feats", "train", "infer", "score", "report"]
FOLDERS = {"data": "data", "mix": "data", "feats": "dump", **dict.fromkeys(STAGES[3:], "exp")}


def write_configs(conf: Path) -> None:
    """A corpus of two recordings a class, and a small separator."""
    counts = {"train": 2, "valid": 1, "test": 1}
    data = {"corpus": "synthetic", "sample_rate": 8000, "classes": ["siren", "dog_bark"], "events_per_recording": 3}
    write_yaml(conf / "data.yaml", {**data, "recordings_per_class": counts})
    write_yaml(conf / "mix.yaml", {"clip_s": 1.0, "mean_events": 1.5, "sets": {"train": 300, "valid": 20, "test": 100}})
    write_yaml(conf / "feats.yaml", {"window_samples": 128, "hop_samples": 64, "shard_clips": 50})
    optim = {"max_epochs": 1, "batch_size": 64}
    write_yaml(conf / "strong.yaml", {"supervision": "strong", "net": {"layers": 1, "units": 64}, "optim": optim})


def arguments(stage: str, place: Path, conf: Path) -> list[str]:
    """The command line of a stage."""
    data, dump, exp = (str(place / name) for name in ("data", "dump", "exp"))
    systems = ["--systems", "strong"]
    return {
        "data": ["--config", f"{conf}/data.yaml", "--out", f"{data}/events"],
        "mix": ["--config", f"{conf}/mix.yaml", "--events", f"{data}/events", "--out", data],
        "feats": ["--config", f"{conf}/feats.yaml", "--datadir", data, "--dumpdir", dump, *systems],
        "train": ["--task", "separator", "--config-dir", str(conf), *systems]
        + ["--datadir", data, "--dumpdir", dump, "--expdir", exp],
        "infer": [*systems, "--expdir", exp, "--data", f"{data}/test", "--feats", f"{conf}/feats.yaml"],
        "report": ["--recipe", "tiny", "--expdir", exp, "--datadir", data, "--out", f"{place}/RESULTS.md"],
        "score": [*systems, "--expdir", exp, "--data", f"{data}/test", "--dump", f"{dump}/test"],
    }[stage]


def run(stage: str, place: Path, conf: Path) -> int:
    module = importlib.import_module(f"weaksep.bin.{stage}")
    return run_command(module.main, arguments(stage, place, conf))


def check_valid(place: Path) -> None:
    """Nothing temporary, nothing half-written under a final name, no table that names what is not there."""
    assert not list(place.rglob("*.tmp*"))
    for scp in place.rglob("*.scp"):
        if "feats" not in scp.name:
            assert all(read_audio(path, 8000).size for path in read_scp(scp).values()), scp
    for path in place.rglob("*.pt"):
        load_checkpoint(path)
    for path in place.rglob(DESCRIPTION_NAME):
        read_network(path.parent)
    for path in place.rglob("*.json"):
        json.loads(path.read_text())


def results(place: Path) -> dict[str, bytes]:
    """Audio, features, weights and scores."""
    kinds = (".wav", ".ark", ".scp", ".tsv")
    found = [path for path in place.rglob("*") if path.suffix in kinds or path.name == WEIGHTS_NAME]
    return {str(path.relative_to(place)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    write_configs(folder)
    return folder


@pytest.fixture(scope="module")
def whole(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All stages with room enough."""
    place = tmp_path_factory.mktemp("whole")
    for stage in STAGES:
        assert run(stage, place, conf) == 0
    return place


def copy_before(stage: str, whole: Path, place: Path) -> None:
    """What the stages before this one have written."""
    made = {
        "data": [],
        "mix": ["data/events"],
        "feats": ["data"],
        "train": ["data", "dump"],
        "infer": ["data", "dump", "exp/separator_strong"],
    }[stage]
    for name in made:
        later = shutil.ignore_patterns("separated", "scores")
        shutil.copytree(whole / name, place / name, ignore=later, copy_function=shutil.copy2)


# Where a stage writes, the function that is to fail, after how many calls, and the files of the shards done by then.
CUTS = {
    "data": ("weaksep.corpora.convert", "is_silent", 14, "data/events/train/audio/*.wav"),
    "mix": ("weaksep.mixtures.write", "event_rows", 260, "data/train/audio/*/train-0000*.wav"),
    "feats": ("weaksep.feats.extract", "read_audio", 190, "dump/train/ark/feats.[12].ark"),
    "infer": ("weaksep.fileio.clipwriter", "write_audio", 150, "exp/separator_strong/separated/*/audio/*/*-00000?.wav"),
}


@pytest.mark.parametrize("stage", CUTS)
def test_finished_shards_are_not_made_again(whole: Path, conf: Path, tmp_path: Path, stage: str, monkeypatch) -> None:
    place = tmp_path / "place"
    copy_before(stage, whole, place)
    module, name, calls, finished = CUTS[stage]
    real, count = getattr(importlib.import_module(module), name), []

    def fails(*arguments: object, **options: object) -> object:
        count.append(1)
        if len(count) > calls:
            raise Interrupted(signal.SIGTERM)
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(f"{module}.{name}", fails)
        assert run(stage, place, conf) == 143
    times = {path: path.stat().st_mtime_ns for path in place.glob(finished)}
    assert times
    assert run(stage, place, conf) == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    made = results(place)
    assert made == {name: text for name, text in results(whole).items() if name in made}


def bytes_of(place: Path) -> int:
    return sum(path.stat().st_size for path in [place, *place.rglob("*")] if path.is_file())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system whose size can be set: ``resize(disk, n_bytes)``."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no program 'mount'")
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here ({made.stderr.strip()})")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def resize(disk: Path, n_bytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={n_bytes}", str(disk)], check=True)


@pytest.mark.parametrize("share", [0.02, 0.6])
def test_a_full_disk_is_told_and_more_room_is_all_it_takes(
    whole: Path, conf: Path, small_disk: Path, share: float, monkeypatch, capfd
) -> None:
    """Every stage of a run meets a full disk once."""
    for name in ("weaksep.mixtures.write", "weaksep.feats.extract", "weaksep.infer.dataset"):
        # As if others filled the disk meanwhile.
        monkeypatch.setattr(f"{name}.require_space", lambda *_: None, raising=False)
    for stage in STAGES:
        kept = results(small_disk)
        made = {"data": "data/events", "train": "exp/separator_strong/checkpoint.pt"}.get(stage, FOLDERS[stage])
        needed = bytes_of(whole / made) - bytes_of(small_disk / FOLDERS[stage])
        state = os.statvfs(small_disk)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        resize(small_disk, used + (4096 if stage in ("score", "report") else max(8192, int(share * needed))))
        capfd.readouterr()
        assert run(stage, small_disk, conf) == 1
        error = capfd.readouterr().err
        last = [line for line in error.splitlines() if line.startswith("weaksep ")]
        assert len(last) == 1 and "No space left on device" in last[0], error
        assert "run the same command again" in last[0]
        assert "Traceback" not in error
        check_valid(small_disk)
        assert {name: text for name, text in results(small_disk).items() if name in kept} == kept
        resize(small_disk, 64 * 2**20)
        assert run(stage, small_disk, conf) == 0
    assert results(small_disk) == results(whole)


@pytest.mark.parametrize(("stage", "option"), [("mix", "--datadir"), ("feats", "--dumpdir"), ("infer", "--expdir")])
def test_too_little_room_is_seen_before_the_stage_begins(
    whole: Path, conf: Path, small_disk: Path, stage: str, option: str, capfd
) -> None:
    copy_before(stage, whole, small_disk)
    resize(small_disk, bytes_of(small_disk) + 600 * 4096)
    before_files = results(small_disk)
    capfd.readouterr()
    assert run(stage, small_disk, conf) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert " needs about " in error and " free; free some (weaksep clean" in error and error.endswith(option)
    assert results(small_disk) == before_files


# A limit under which the outputs before fit and those of the stage do not.
@pytest.mark.parametrize(("stage", "limit"), [("mix", 10_000), ("feats", 100_000), ("train", 150_000)])
def test_under_a_limit_on_files_it_is_the_same(whole: Path, conf: Path, tmp_path: Path, stage: str, limit: int) -> None:
    place = tmp_path / "place"
    copy_before(stage, whole, place)
    command = [sys.executable, "-m", "weaksep.bin", stage, *arguments(stage, place, conf)]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, check=False)
    assert result.returncode == 1, result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"weaksep {stage}: error: {place}")
    assert "cannot be written (File too large)" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    check_valid(place)
    assert run(stage, place, conf) == 0
    made = results(place)
    assert made == {name: text for name, text in results(whole).items() if name in made}
    assert any(name.startswith(FOLDERS[stage]) for name in made)
