"""The temperature of the masks: its measure in closed form, how it is chosen, that it goes wherever the net goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep import load_separator as load_for_waveforms
from weaksep.bin import pack, train
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.infer.model import load_separator
from weaksep.train.calibrate import LIMIT_DB, TEMPERATURES, mean_scores, side_scores, validation_sums
from weaksep.train.objectives import TensorBatch
from weaksep.train.plan import plan_training

CPU = torch.device("cpu")
BEST = Path("exp/separator_clip/best.pt")


def batch_of(sides: list[list[float]], labels: list[list[float]]) -> TensorBatch:
    """One sum of two clips, in one frame."""
    wanted = torch.tensor(sides)[None, None, :, None]
    asked = torch.tensor(labels, dtype=torch.float32)[None, None]
    return TensorBatch(wanted.sum(dim=2)[:, 0], torch.ones(1, 3), None, wanted, asked, torch.ones(1, 1))


def test_the_measure_by_hand() -> None:
    batch = batch_of([[3.0, 0.0], [0.0, 4.0]], [[1, 0, 0], [0, 1, 0]])
    masks = torch.tensor([[0.6, 0.4], [0.4, 0.6], [0.0, 0.0]])[None, :, None]
    # The first side is given (1.8, 1.6) of (3, 0), the second (1.2, 2.4) of (0, 4).
    wanted = [10 * np.log10(1.8**2 / 1.6**2), 10 * np.log10(2.4**2 / 1.2**2)]
    np.testing.assert_allclose(side_scores(batch.magnitude, masks, batch)[0], wanted, rtol=1e-5)


def test_the_measure_is_held_and_asks_nothing_of_a_clip_alone() -> None:
    batch = batch_of([[3.0, 0.0], [0.0, 4.0]], [[1, 0, 0], [0, 1, 0]])
    perfect = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])[None, :, None]
    assert side_scores(batch.magnitude, perfect, batch)[0].tolist() == [LIMIT_DB, LIMIT_DB]
    swapped = perfect[:, [1, 0, 2]]
    assert side_scores(batch.magnitude, swapped, batch)[0].tolist() == [-LIMIT_DB, -LIMIT_DB]
    alone = batch_of([[3.0, 4.0], [0.0, 0.0]], [[1, 0, 0], [0, 0, 0]])
    assert side_scores(alone.magnitude, perfect, alone).isnan().all()


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(prepared, tmp_path / "recipe")
    monkeypatch.chdir(tmp_path / "recipe")
    return tmp_path / "recipe"


def run(*options: str, systems: str = "clip") -> None:
    for task in ("classifier", "separator"):
        train.main(["--task", task, "--systems", systems, *(options if task == "separator" else ())])


@pytest.mark.parametrize("system", ["strong", "frame", "clip"])
def test_a_net_that_is_twice_as_sure_gets_twice_the_temperature(recipe: Path, system: str) -> None:
    run(systems=system)
    plan = plan_training("separator", "conf", [system], datadir="data", dumpdir="dump", expdir="exp")[0]
    net, clips = load_separator(plan.exp).net, validation_sums(plan)
    as_it_is = mean_scores(net, clips, CPU)
    assert list(as_it_is) == list(TEMPERATURES) and net.temperature == 1.0
    with torch.no_grad():
        net.output.weight.mul_(2.0)
        net.output.bias.mul_(2.0)
    surer = mean_scores(net, clips, CPU)
    for low, high in ((0.7, 1.4), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)):
        assert surer[high] == pytest.approx(as_it_is[low], abs=1e-3)


def test_it_is_chosen_after_the_training_which_need_not_begin_again(recipe: Path) -> None:
    run()
    trained = load_checkpoint(BEST)
    assert "temperature" not in trained
    run("--set", "calibrate=true")
    saved = load_checkpoint(BEST)
    plan = plan_training("separator", "conf", ["clip"], datadir="data", dumpdir="dump", expdir="exp")[0]
    means = mean_scores(load_separator(plan.exp).net, validation_sums(plan), CPU)
    assert saved["temperature"] == max(means, key=lambda temperature: means[temperature]) != 1.0
    assert all(torch.equal(saved["model"][name], weights) for name, weights in trained["model"].items())
    assert not Path("exp/separator_clip/earlier").exists()
    assert read_yaml(Path("exp/separator_clip/config.yaml"))["calibrate"] is saved["config"]["calibrate"] is True
    magnitude = torch.rand(2, 20, 65)
    soft, hard = load_separator(BEST).net, load_separator(BEST).net
    hard.temperature = 1.0
    with torch.inference_mode():
        logits = hard.logits(hard.frontend(magnitude))
        torch.testing.assert_close(soft(magnitude), (logits / saved["temperature"]).softmax(dim=1))
        assert not torch.allclose(soft(magnitude), hard(magnitude))
    run()
    assert load_checkpoint(BEST)["temperature"] == 1.0


def test_it_travels_with_a_packed_model_and_its_masker(recipe: Path, tmp_path: Path) -> None:
    run()
    save_checkpoint(BEST, {**load_checkpoint(BEST), "temperature": 4.0})
    pack.main([str(BEST.parent), str(tmp_path / "model.zip"), "--masker", "true"])
    packed = load_separator(tmp_path / "model.zip")
    assert packed.net.temperature == 4.0 == load_for_waveforms(tmp_path / "model.zip").separator.net.temperature
    assert b"temperature of 4" in (tmp_path / "model.zip").read_bytes()


def test_without_sums_it_stays_as_it_is(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = Path("data/valid/utt2labels")
    names.write_text("".join(f"{line.split()[0]} low,middle,high\n" for line in names.read_text().splitlines()))
    run("--set", "calibrate=true")
    assert load_separator(BEST).net.temperature == 1.0
    assert "no two validation clips can be summed" in caplog.text


def test_dictionaries_have_none(recipe: Path) -> None:
    write_yaml("conf/nmf.yaml", {"supervision": "strong", "calibrate": True, "net": {"kind": "nmf", "units": 4}})
    with pytest.raises(Exception, match="net.kind nmf has no logits"):
        run(systems="nmf")
