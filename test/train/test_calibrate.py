"""The temperature of the masks: its measure in closed form, how it is chosen, that it goes wherever the net goes."""

from __future__ import annotations

import dataclasses
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep import load_separator as load_for_waveforms
from weaksep.bin import pack, train
from weaksep.errors import UserError
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.infer.export import MASKER_NAME
from weaksep.infer.model import load_separator, save_untrained
from weaksep.infer.recordings import chunk_plan
from weaksep.signal.units import n_frames
from weaksep.train.calibrate import LIMIT_DB, TEMPERATURES, calibrate, mean_scores, side_scores, validation_sums
from weaksep.train.dry_run import dry_run
from weaksep.train.objectives import TensorBatch
from weaksep.train.plan import Plan, plan_training
from weaksep.train.run import run_training, training_sets

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
    si_sdr = 10 * np.log10([1.8**2 / 1.6**2, 2.4**2 / 1.2**2])
    snr = 10 * np.log10([9 / (1.2**2 + 1.6**2), 16 / (1.2**2 + 1.6**2)])
    np.testing.assert_allclose(side_scores(batch.magnitude, masks, batch)[0], (si_sdr + snr) / 2, rtol=1e-5)


def test_the_measure_is_held_and_asks_nothing_of_a_clip_alone() -> None:
    batch = batch_of([[3.0, 0.0], [0.0, 4.0]], [[1, 0, 0], [0, 1, 0]])
    perfect = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])[None, :, None]
    assert side_scores(batch.magnitude, perfect, batch)[0].tolist() == [LIMIT_DB, LIMIT_DB]
    swapped = perfect[:, [1, 0, 2]]  # SI-SDR at its floor; what is left of the target is all of it, and as much again
    snr = 10 * np.log10([9 / 25, 16 / 25])
    np.testing.assert_allclose(side_scores(batch.magnitude, swapped, batch)[0], (snr - LIMIT_DB) / 2, rtol=1e-5)
    alone = batch_of([[3.0, 4.0], [0.0, 0.0]], [[1, 0, 0], [0, 0, 0]])
    assert side_scores(alone.magnitude, perfect, alone).isnan().all()


def test_frame_labels_count_over_the_whole_clip() -> None:
    sides, clip = [[3.0, 0.0], [0.0, 4.0]], [[1.0, 0, 0], [0, 1.0, 0]]
    batch = batch_of(sides, clip)
    frames = dataclasses.replace(batch, side_labels=torch.tensor(clip)[None, None, :, None])
    masks = torch.rand(1, 3, 1, 2)
    assert torch.equal(side_scores(batch.magnitude, masks, frames), side_scores(batch.magnitude, masks, batch))


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
    plan = plan_of(system)
    net, clips = load_separator(plan.exp).net, validation_sums(plan)
    as_it_is = mean_scores(net, clips, CPU)
    assert list(as_it_is) == list(TEMPERATURES) and net.temperature == 1.0
    with torch.no_grad():
        net.output.weight.mul_(2.0)
        net.output.bias.mul_(2.0)
    surer = mean_scores(net, clips, CPU)
    for low, high in ((0.7, 1.4), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)):
        assert surer[high] == pytest.approx(as_it_is[low], abs=1e-3)


def test_where_nothing_is_won_the_masks_stay_as_they_are(recipe: Path) -> None:
    run(systems="strong")
    saved = load_checkpoint("exp/separator_strong/best.pt")
    for name in ("output.weight", "output.bias"):
        saved["model"][name].zero_()  # equal masks at every temperature
    save_checkpoint("even.pt", saved)
    sums = validation_sums(plan_of("strong"))
    assert calibrate(Path("even.pt"), load_separator("even.pt").net, sums, CPU, "even") == 1.0


def plan_of(system: str, *overrides: str) -> Plan:
    places = {"datadir": "data", "dumpdir": "dump", "expdir": "exp"}
    return plan_training("separator", "conf", [system], overrides=overrides, **places)[0]


def test_it_knows_no_better_labels_than_the_training(recipe: Path) -> None:
    poor, clean = (validation_sums(plan_of("clip", *more)) for more in (["wrong_tags=0.5"], []))
    activities = [np.stack([sums.clips.activity(row) for row in range(10)]) for sums in (poor, clean)]
    _, valid = training_sets(plan_of("clip", "wrong_tags=0.5"))
    assert np.array_equal(activities[0], np.stack([valid.activity(row) for row in range(10)]))
    assert not np.array_equal(*activities)


@pytest.mark.parametrize("lost", ["data/valid/utt2labels", "data/valid/wav.scp"])
def test_what_it_needs_is_looked_for_before_the_training(recipe: Path, lost: str) -> None:
    if lost.endswith("wav.scp"):
        for path in sorted(Path("data/valid/audio").glob("mix-*.wav"))[1:]:  # the first one is looked at anyway
            path.unlink()
    else:
        Path(lost).unlink()
    plan = plan_of("strong", "calibrate=true")
    for begin in (lambda: run_training(plan, "cpu", True), lambda: dry_run(plan, "cpu")):
        with pytest.raises(UserError, match="no such file|cannot be opened|utt2labels"):
            begin()
    assert not plan.exp.exists()


@pytest.mark.parametrize("cleaned", [False, True])
def test_it_is_chosen_after_the_training_which_need_not_begin_again(recipe: Path, cleaned: bool) -> None:
    run()
    trained = load_checkpoint(BEST)
    for name in ("checkpoint.pt", "checkpoint.prev.pt") if cleaned else ():  # as weaksep clean removes them
        (BEST.parent / name).unlink()
    assert "temperature" not in trained
    run("--set", "calibrate=true")
    saved = load_checkpoint(BEST)
    means = mean_scores(load_separator(BEST).net, validation_sums(plan_of("clip")), CPU)
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
    assert load_checkpoint(BEST).keys() == trained.keys() and load_checkpoint(BEST)["config"] == trained["config"]


def test_it_travels_with_a_packed_model_and_its_masker(recipe: Path, tmp_path: Path) -> None:
    run()
    save_checkpoint(BEST, {**load_checkpoint(BEST), "temperature": 4.0})
    pack.main([str(BEST.parent), str(tmp_path / "model.zip"), "--masker", "true"])
    packed = load_separator(tmp_path / "model.zip")
    assert packed.net.temperature == 4.0 == load_for_waveforms(tmp_path / "model.zip").separator.net.temperature
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        content, card = archive.read(MASKER_NAME), archive.read("README.md").decode()
    assert "temperature of the masks: 4" in card
    masker = torch.export.load(io.BytesIO(content)).module()
    magnitude = torch.rand(1, n_frames(chunk_plan(packed).chunk, packed.stft.hop_samples), 65)
    with torch.no_grad():
        soft = packed.net(magnitude)
        torch.testing.assert_close(masker(magnitude), soft)
        packed.net.temperature = 1.0
        assert not torch.allclose(packed.net(magnitude), soft, atol=0.01)


@pytest.mark.parametrize("temperature", ["2", 2, float("nan"), 0.0, None])
def test_a_checkpoint_with_another_thing_in_its_place(recipe: Path, tmp_path: Path, temperature: object) -> None:
    save_untrained(tmp_path, ["a", "b"], 8000)
    save_checkpoint(tmp_path / "best.pt", {**load_checkpoint(tmp_path / "best.pt"), "temperature": temperature})
    with pytest.raises(UserError, match="best.pt: not a weaksep checkpoint .temperature is no number from 0.01 to 100"):
        load_separator(tmp_path)


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
