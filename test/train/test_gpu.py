"""The same trainings on a GPU: they run, resume, and separate as the CPU does with the same weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import history, plan_of, stopped

from weaksep.feats.config import Knowledge
from weaksep.feats.dataset import TrainingSet
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import DataDir, read_scp
from weaksep.fileio.network import read_description, read_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs.interrupt import Interrupted
from weaksep.nets.build import build_separator
from weaksep.train.calibrate import calibrate
from weaksep.train.run import run_training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
GPU = "cuda:0"


def train(system: str) -> None:
    plan = plan_of(system)
    if plan.frozen_classifier is not None:
        run_training(plan.classifier, GPU)  # type: ignore[arg-type]
    run_training(plan, GPU)


@pytest.mark.parametrize("system", ["strong", "frame", "clip", "frame_joint", "clip_joint"])
def test_training_and_resuming(recipe: Path, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(system)
    if plan.frozen_classifier is not None:
        run_training(plan.classifier, GPU)  # type: ignore[arg-type]
    with stopped(monkeypatch, 10, Interrupted(15)):
        run_training(plan, GPU)
    run_training(plan, GPU)  # the optimiser's state goes back to the GPU
    rows = history(plan.exp)
    assert [row["epoch"] for row in rows] == [1, 2, 3] and rows[-1]["device"] == GPU


def test_a_net_masks_as_on_the_cpu(recipe: Path) -> None:
    train("strong")
    description, weights = read_network("exp/separator_strong")
    net = build_separator(description.config["net"], 3, 65).eval()
    net.load_state_dict(weights)
    (batch,) = TrainingSet(Path("data/valid"), Path("dump/valid"), Knowledge(supervision="strong")).batch(range(10))
    with torch.inference_mode():
        masks = net(batch.magnitude)
        torch.testing.assert_close(net.to(GPU)(batch.magnitude.to(GPU)).cpu(), masks, atol=1e-3, rtol=0)


def test_remixes_and_calibration(recipe: Path) -> None:
    remixed = {"classifier": None, "remix": {}, "augment": {"filter_db": 6, "speed": 0.1}, "calibrate": True}
    write_yaml("conf/remix_frame.yaml", {"base": "frame.yaml", **remixed})
    train("remix_frame")
    calibrate(plan_of("remix_frame"), GPU)
    assert read_description("exp/separator_remix_frame").temperature != 1.0


def test_separating_gives_what_the_cpu_gives(recipe: Path) -> None:
    from weaksep.infer.dataset import separate_dataset

    train("strong")
    data = DataDir.load("data/valid")
    for device, out in (("cpu", "on_cpu"), (GPU, "on_gpu")):
        separate_dataset(Path("exp/separator_strong"), data, Path(out), device=device)
    for label in data.classes:
        one, two = (read_scp(f"{out}/{label}.scp") for out in ("on_cpu", "on_gpu"))
        for utt in data.wav:
            np.testing.assert_allclose(read_audio(one[utt], 8000), read_audio(two[utt], 8000), atol=1e-3)


def test_a_packed_model_gives_on_the_gpu_what_it_gives_on_the_cpu(recipe: Path, tmp_path: Path) -> None:
    from weaksep import load_separator
    from weaksep.bin import pack, separate

    train("frame")
    packed = tmp_path / "elsewhere/model.zip"
    packed.parent.mkdir()
    pack.main(["exp/separator_frame", str(packed)])
    shutil.rmtree("exp")
    waveform = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 44100)).astype(np.float32)
    outputs = {device: load_separator(packed, device)(waveform, 44100) for device in ("cpu", GPU)}
    for name, wanted in outputs["cpu"].items():
        np.testing.assert_allclose(outputs[GPU][name], wanted, atol=1e-3)
    np.testing.assert_allclose(sum(outputs[GPU].values()), waveform, atol=1e-5)
    wav = next(iter(DataDir.load("data/valid").wav.values()))
    separate.main([str(wav), "--model", str(packed), "--out", str(tmp_path / "out"), "--device", GPU])
    assert sorted(path.stem for path in (tmp_path / "out").rglob("*.flac")) == ["high", "low", "middle", "residual"]
