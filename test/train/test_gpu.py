"""The same trainings on a GPU: they run, resume, and separate as the CPU does with the same weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep import load_separator
from weaksep.bin import pack, separate_recordings
from weaksep.fileio.audio import read_audio
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.datadir import DataDir, read_scp
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.dataset import separate_dataset
from weaksep.train.plan import plan_training
from weaksep.train.run import run_training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
GPU = "cuda:0"


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "recipe")
    return tmp_path / "recipe"


def train(recipe: Path, systems: str) -> None:
    places = {"datadir": recipe / "data", "dumpdir": recipe / "dump", "expdir": recipe / "exp"}
    for task in ("classifier", "separator"):
        for plan in plan_training(task, recipe / "conf", systems.split(), **places):
            run_training(plan, GPU, True)


@pytest.mark.parametrize("system", ["strong", "frame", "clip", "frame_joint", "clip_joint"])
def test_training_and_resuming(recipe: Path, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("weaksep.train.loop._out_of_patience", lambda state, *_: state.epoch >= 2)
        train(recipe, system)
    train(recipe, system)  # the optimiser's state goes back to the GPU
    rows = (recipe / f"exp/separator_{system}/history.jsonl").read_text().splitlines()
    assert len(rows) == 3
    assert f'"device": "{GPU}"' in rows[-1]


def test_separating_gives_what_the_cpu_gives(recipe: Path) -> None:
    train(recipe, "strong")
    data = DataDir.load(recipe / "data/valid")
    for device, out in (("cpu", "on_cpu"), (GPU, "on_gpu")):
        separate_dataset(recipe / "exp/separator_strong", data, recipe / out, device=device)
    for label in data.labels:
        one, two = (read_scp(recipe / out / f"{label}.scp") for out in ("on_cpu", "on_gpu"))
        for utt in data.utt_ids:
            np.testing.assert_allclose(read_audio(one[utt], 8000), read_audio(two[utt], 8000), atol=1e-3)


def test_sums_of_clips(recipe: Path) -> None:
    sums = {"loss": {"classification_weight": 0}, "classifier": None, "remix": {"filter_db": 6, "speed": 0.1}}
    write_yaml(recipe / "conf/remix_frame.yaml", {"base": "frame.yaml", "calibrate": True, **sums})
    train(recipe, "remix_frame")
    assert "temperature" in load_checkpoint(recipe / "exp/separator_remix_frame/best.pt")


def test_a_packed_model_gives_on_the_gpu_what_it_gives_on_the_cpu(recipe: Path, tmp_path: Path) -> None:
    train(recipe, "frame")
    packed = tmp_path / "elsewhere/model.zip"
    packed.parent.mkdir()
    pack.main([str(recipe / "exp/separator_frame"), str(packed), "--masker", "true"])
    shutil.rmtree(recipe / "exp")
    waveform = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 44100)).astype(np.float32)
    outputs = {device: load_separator(packed, device)(waveform, 44100) for device in ("cpu", GPU)}
    for name, wanted in outputs["cpu"].items():
        np.testing.assert_allclose(outputs[GPU][name], wanted, atol=1e-3)
    np.testing.assert_allclose(sum(outputs[GPU].values()), waveform, atol=1e-5)
    wav = next(iter(DataDir.load(recipe / "data/valid").wav.values()))
    separate_recordings.main([str(wav), "--model", str(packed), "--out", str(tmp_path / "out"), "--device", GPU])
    assert sorted(path.stem for path in (tmp_path / "out").rglob("*.flac")) == ["high", "low", "middle", "residual"]
