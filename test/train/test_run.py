"""Whole trainings on a tiny recipe: what they may see, what they leave, when they begin again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import assert_resumes, history, plan_of, same, stages, stop, stopped, weights

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.network import Features, read_description
from weaksep.fileio.tables import read_table, write_table
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.jobs.interrupt import Interrupted
from weaksep.losses import strong
from weaksep.train.config import OptimConfig
from weaksep.train.loop import epoch_batches
from weaksep.train.plan import plan_training
from weaksep.train.run import run_training
from weaksep.train.state import Run, State
from weaksep.train.trainings import Options, missing_inputs, train_all
from weaksep.upkeep.clean import clean

STRONG = Path("exp/separator_strong")
CLIP = Path("exp/separator_clip")


@pytest.mark.parametrize("system", ["frame", "clip"])
def test_weak_training_sees_no_references(recipe: Path, system: str) -> None:
    stages(systems=system, options=["--expdir", "with"])
    hidden = ["src_*.scp"] + (["events.tsv"] if system == "clip" else [])  # src_<class>_feats.scp too
    for pattern in hidden:
        found = list(recipe.glob(f"d*/*/{pattern}"))
        assert found
        for file in found:
            file.unlink()
    shutil.rmtree("data/train/audio")  # nor any audio: features are all that training reads
    stages(systems=system, options=["--expdir", "without"])
    for exp in (f"classifier_{system}", f"separator_{system}"):
        assert same(weights(f"with/{exp}"), weights(f"without/{exp}"))


def test_an_epoch_has_lines_of_its_own_in_the_log(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("weaksep.train.loop.LINE_SECONDS", 0.0)
    stages(systems="strong")
    lines = re.findall(r"epoch (\d)/3, step (\d+) of (\d+), train loss so far (\S+)$",
                       (STRONG / "train.log").read_text(), re.MULTILINE)  # fmt: skip
    steps = int(lines[0][2])
    assert [(int(e), int(s)) for e, s, *_ in lines] == [(e, s) for e in (1, 2, 3) for s in range(1, steps + 1)]
    # At its end the mean of an epoch.
    assert [float(loss) for _, s, _, loss in lines if int(s) == steps] == pytest.approx(
        [row["train"]["loss"] for row in history(STRONG)], abs=5e-5
    )


def test_each_system_learns_and_leaves_its_files(recipe: Path) -> None:
    systems = ("strong", "frame", "clip", "frame_joint", "clip_joint")
    stages(systems=" ".join(systems))
    for system in systems:
        exp = Path(f"exp/separator_{system}")
        for name in ("config.yaml", "checkpoint.pt", "tensorboard", "train.log"):
            assert (exp / name).exists(), name
        rows = history(exp)
        assert [row["epoch"] for row in rows] == [1, 2, 3]
        assert rows[-1]["train"]["loss"] < rows[0]["train"]["loss"]
        saved = read_description(exp, "separator")
        assert saved.classes == ["low", "middle", "high"]
        assert saved.features == Features(sample_rate=8000, window_samples=128, hop_samples=64)
        assert {**saved.config, "train_threads": 1} == read_yaml(exp / "config.yaml")
        if system.endswith("joint"):
            assert read_description(exp / "classifier", "classifier").config == saved.config["classifier_training"]
        assert (exp / "classifier").exists() == system.endswith("joint")


def test_a_training_resumes(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_resumes(monkeypatch, "clip")


def test_raw_features_give_what_the_archives_give(recipe: Path) -> None:
    stages(systems="strong frame", options=["--expdir", "ark"])
    for name in ("train", "valid"):
        settings = FeatsConfig(window_samples=128, hop_samples=64, feats_type="raw")
        extract(Path("data", name), Path("dump", name), settings, nj=1, references=True)
    assert {path.name for path in Path("dump").rglob("*.ark")} == {"cmvn.ark"}
    stages(systems="strong frame", options=["--expdir", "raw"])
    for exp in ("separator_strong", "separator_frame"):
        losses = [[row["valid"]["loss"] for row in history(f"{kind}/{exp}")] for kind in ("ark", "raw")]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_run_with_other_settings_begins_again_and_keeps_the_earlier_one(recipe: Path, caplog) -> None:
    caplog.set_level("INFO")
    stages(systems="strong")
    before = (STRONG / "model.safetensors").read_bytes()
    stages("net.units=13", systems="strong")
    assert "net.units: 12 -> 13" in caplog.text and "begins again; the earlier run is kept in" in caplog.text
    assert read_description(STRONG).config["net"]["units"] == 13
    assert (STRONG / "earlier/1/model.safetensors").read_bytes() == before
    assert len(history(STRONG)) == len(history(STRONG / "earlier/1")) == 3
    places = Path("data"), Path("dump"), Path("exp")
    assert list(clean(*places, ["checkpoints"], remove=True))[0].startswith(f"removed checkpoints in {STRONG}: 2 files")
    assert not (STRONG / "checkpoint.pt").exists() and plan_of("strong", "net.units=13").up_to_date()
    stages("net.units=14", systems="strong")
    assert read_description(STRONG / "earlier/2").config["net"]["units"] == 13
    stages("net.units=14", systems="strong", options=["--resume", "false"])
    assert sorted(path.name for path in (STRONG / "earlier").iterdir()) == ["1", "2", "3"]
    assert len(list(clean(*places, ["earlier"], remove=True))) == 2 and not (STRONG / "earlier").exists()


def test_a_stopped_run_with_other_settings_begins_again(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for units in (12, 13):
        with stopped(monkeypatch, 2, Interrupted(15)):
            stages(f"net.units={units}", systems="strong")
    assert read_yaml(STRONG / "earlier/1/config.yaml")["net"]["units"] == 12
    stages("net.units=13", systems="strong")
    assert len(history(STRONG)) == 3 and not (STRONG / "earlier/2").exists()


def test_a_setting_that_is_written_at_its_default_changes_nothing(recipe: Path, caplog) -> None:
    stages(systems="clip")
    trained = (CLIP / "model.safetensors").stat().st_mtime_ns
    caplog.set_level("INFO")
    for setting in ("seed=0", "remix=null", "joint=false", "optim.patience=5", "about=what it is"):
        stages(setting, systems="clip")
    assert caplog.text.count("separator_clip: up to date") == 5
    assert (CLIP / "model.safetensors").stat().st_mtime_ns == trained


def test_a_run_with_other_data_or_another_classifier_begins_again(recipe: Path, caplog) -> None:
    caplog.set_level("INFO")
    stages(systems="clip")
    path = Path("data/train/utt2labels")
    before = read_table(path)
    write_table(path, {**before, "utt-000": "high" if before["utt-000"] == "low" else "low"})
    stages(systems="clip")
    assert "train utt2labels has changed" in caplog.text and (CLIP / "earlier/1").is_dir()
    write_table(path, before)
    stages(systems="clip")
    caplog.clear()
    stages(systems="clip")
    assert "begins again" not in caplog.text
    write_yaml("conf/classifier_clip.yaml", {**read_yaml("conf/classifier_clip.yaml"), "seed": 1})
    stages(systems="clip")
    assert "classifier_clip/model.safetensors has changed" in caplog.text


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:99])


@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "classifier/model.safetensors"])
def test_a_lost_network_of_a_run_that_was_stopped_is_trained_again(
    recipe: Path, name: str, damage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exp = Path("exp/separator_frame_joint")
    with stopped(monkeypatch, 10, Interrupted(15)):
        stages(systems="frame_joint")
    assert len(history(exp)) == 1
    damage(exp / name)
    stages(systems="frame_joint")
    assert f"{exp / name}: " in caplog.text
    assert "begins again; the earlier run is kept in" in caplog.text
    assert len(history(exp)) == 3 and len(history(exp / "earlier/1")) == 1


def test_a_stopped_run_whose_checkpoints_are_gone_is_kept(recipe: Path, monkeypatch, caplog) -> None:
    with stopped(monkeypatch, 10, Interrupted(15)):
        stages(systems="strong")
    network = (STRONG / "model.safetensors").read_bytes()
    for path in STRONG.glob("checkpoint*"):
        path.unlink()
    stages(systems="strong")
    assert "its checkpoints are gone" in caplog.text and len(history(STRONG)) == 3
    assert (STRONG / "earlier/1/model.safetensors").read_bytes() == network


def test_a_diverged_run_stops_and_keeps_its_last_good_epoch(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("strong")
    stop(monkeypatch, plan, 9, Interrupted(15))
    good = weights(plan.exp)
    monkeypatch.setattr(strong, "strong_loss", lambda x, masks, *_: masks.sum() * float("nan"))
    with pytest.raises(UserError, match=r"separator_strong: loss, strong is not finite in epoch 2"):
        run_training(plan, "cpu")
    assert same(good, weights(plan.exp))


def test_weights_that_are_not_finite_take_no_checkpoint_s_place(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 1)
    run = Run(tmp_path, net, torch.optim.Adam(net.parameters()), torch.device("cpu"))
    run.save(State(epoch=1))
    good = (tmp_path / "checkpoint.pt").read_bytes()
    torch.nn.init.constant_(net.weight, float("inf"))  # after a step whose loss was finite, and its gradient not
    run.save(State(epoch=1, batch=3))
    assert (tmp_path / "checkpoint.pt").read_bytes() == good


def test_a_training_without_its_description_is_done_again(recipe: Path) -> None:
    plan = plan_of("strong")
    assert train_all([plan], Options()) == [] and plan.up_to_date()
    (plan.exp / "model.json").unlink()
    assert plan.step().changes() == [f"{plan.exp / 'model.json'} is missing"]


def test_a_separator_s_slip_is_told_before_its_classifier_is_trained(recipe: Path) -> None:
    settings = read_yaml("conf/frame.yaml")
    settings["loss"] = {"mixture": {"weigth": 1}}
    write_yaml("conf/frame.yaml", settings)
    with pytest.raises(UserError, match=r"frame.yaml: loss.mixture: unknown key weigth"):
        train.main(["--task", "classifier", "--systems", "frame", "--ngpu", "0"])
    assert not Path("exp/classifier_frame").exists()


def test_what_is_missing_is_said_before_anything_starts(recipe: Path) -> None:
    Path("dump/valid/feats.yaml").unlink()
    problems = missing_inputs(plan_of("frame"))
    assert [problem.rpartition("; ")[2] for problem in problems] == ["run stage 2 first", "run stage 3 first"]


def test_a_losss_weight_acts_on_the_trained_weights(recipe: Path) -> None:
    for expdir, weight in (("hundred", 100), ("one", 1)):
        loss = f"loss={{mixture: {{weight: {weight}}}, classification: {{}}}}"
        stages(loss, systems="frame", options=["--expdir", expdir])
    assert not same(weights("hundred/separator_frame"), weights("one/separator_frame"))


def test_half_the_precision_changes_the_weights_a_little(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.train.precision.processor_features", lambda: {"AuthenticAMD", "avx512_bf16"})
    net = "net={kind: tcn, layers: 2, units: 16}"  # of convolutions: not every processor has LSTMs in bfloat16
    for precision in ("float32", "bf16"):
        stages(net, f"optim.precision={precision}", systems="strong", options=["--expdir", precision])
    exact, near = (history(Path(name) / STRONG.name)[-1]["train"]["loss"] for name in ("float32", "bf16"))
    assert exact != near == pytest.approx(exact, rel=0.05)
    with pytest.raises(UserError, match="optim.precision is for separators; classifiers are trained in float32"):
        plan_of("frame", "optim.precision=bf16", task="classifier")


def test_a_processor_without_bfloat16_trains_in_float32_and_says_so(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("weaksep.train.precision.processor_features", lambda: {"GenuineIntel", "avx512_bf16"})
    for precision in ("float32", "bf16", "tf32"):
        stages(f"optim.precision={precision}", systems="strong", options=["--expdir", precision])
    assert "separator_strong: cpu gains nothing by bfloat16: trained in float32 instead" in caplog.text
    assert same(weights("float32/separator_strong"), weights("bf16/separator_strong"))
    assert same(weights("float32/separator_strong"), weights("tf32/separator_strong"))


def test_two_halves_of_a_batch_are_a_step_like_the_whole(recipe: Path) -> None:
    """A net without batch normalisation or dropout; of clips of one length, so that a mean of means is the mean."""
    settings = ["optim.gradient_clip=null", "net.dropout=0"]
    for accumulate, size in ((1, 4), (2, 2)):
        own = [f"optim.accumulate={accumulate}", f"optim.batch_size={size}"]
        stages(*settings, *own, systems="strong", options=["--expdir", f"x{accumulate}"])
    whole, halves = (weights(f"x{n}/separator_strong") for n in (1, 2))
    assert whole.keys() == halves.keys()
    for name, value in whole.items():
        np.testing.assert_allclose(halves[name], value, atol=2e-4, rtol=1e-3)


def test_a_run_of_accumulated_batches_resumes_where_it_was(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_step = ["optim.accumulate=3", "optim.batch_size=2"]
    whole, parts = (plan_of("strong", *of_step, expdir=expdir) for expdir in ("whole", "parts"))
    run_training(whole, "cpu")
    stop(monkeypatch, parts, 10, Interrupted(15))
    run_training(parts, "cpu")
    assert same(weights(whole.exp), weights(parts.exp)) and history(whole.exp) == history(parts.exp)


def test_patience_ends_a_run_that_no_longer_improves(recipe: Path) -> None:
    run_training(plan_of("strong", "optim.learning_rate=1e-12", "optim.max_epochs=9", "optim.patience=2",
                         "optim.schedule=constant"), "cpu")  # fmt: skip
    rows = history(STRONG)
    assert len(rows) < 9 and len(rows) == read_description(STRONG).epoch + 2


def test_slips_are_told(recipe: Path) -> None:
    with pytest.raises(UserError, match=r"conf: no system stong; did you mean strong\? There are: strong, "):
        plan_of("stong")
    with pytest.raises(UserError, match="'../other'"):
        plan_training("separator", "conf", ["strong"], datadir="d", dumpdir="d", expdir="e", tag="../other")
    write_yaml("conf/odd.yaml", {"base": "frame.yaml", "classifier": "clip"})
    with pytest.raises(UserError, match="supervision frame, but classifier clip learns from clip labels"):
        plan_of("odd")
    with pytest.raises(UserError, match="exp/classifier_frame: no such model"):
        run_training(plan_of("frame"), "cpu")
    with pytest.raises(UserError, match="net.residual: expected true or false"):
        plan_of("strong", "net.residual=n")


def test_a_classifier_of_other_classes_is_refused(recipe: Path) -> None:
    run_training(plan_of("frame", task="classifier"), "cpu")
    for name in ("train", "valid"):
        Path(f"data/{name}/labels.txt").write_text("high\nmiddle\nlow\n")
    with pytest.raises(UserError, match="trained for other classes"):
        run_training(plan_of("frame"), "cpu")


def test_a_validation_set_of_other_classes_or_features_is_refused(recipe: Path) -> None:
    labels = Path("data/valid/labels.txt")
    labels.write_text("high\nmiddle\nlow\n")
    with pytest.raises(UserError, match="data/valid: other classes, in another order or with other features than"):
        run_training(plan_of("strong"), "cpu")
    labels.write_text(Path("data/train/labels.txt").read_text())
    extract(labels.parent, Path("dump/valid"), FeatsConfig(window_samples=128, hop_samples=32), nj=1, references=True)
    with pytest.raises(UserError, match="rerun stage 2"):
        run_training(plan_of("strong"), "cpu")


def test_shares_of_nothing_are_refused(recipe: Path) -> None:
    mixed = ("loss={mixture: {}, strong: {}}", "classifier=null")
    for table, share in (("clips_with_references.txt", "strong_share"), ("clips_with_events.txt", "frame_share")):
        Path("data/train", table).touch()
        with pytest.raises(UserError, match=f"data/train: no clip with .*; leave out {share}"):
            run_training(plan_of("clip", f"{share}=0.3", *mixed[share == "frame_share" :]), "cpu")
        Path("data/train", table).unlink()


def test_tables_that_choose_the_clips_are_a_reason_to_train_again(recipe: Path) -> None:
    plan = plan_of("strong", "train_min_classes=2")
    assert train_all([plan], Options()) == []
    assert plan.step().changes() == []
    listed, labels = Path("data/train/clips_with_references.txt"), Path("data/train/utt2labels")
    listed.write_text("".join(f"{utt}\n" for utt in sorted(read_table(labels))[:9]))
    assert plan.step().changes() == ["train clips_with_references.txt is new"]
    listed.unlink()
    write_table(labels, {**read_table(labels), "utt-000": "low,high"})
    assert plan.step().changes() == ["train utt2labels has changed"]


def test_every_clip_once_an_epoch_in_an_order_of_its_own() -> None:
    optim = OptimConfig(batch_size=8)
    first, second = epoch_batches(21, optim, 0, 0), epoch_batches(21, optim, 0, 1)
    assert [len(batch) for batch in first] == [8, 8, 5]
    assert sorted(index for batch in first for index in batch) == list(range(21))
    assert sorted(index for batch in second for index in batch) == list(range(21, 42))
    assert [list(b) for b in first] != [list(b - 21) for b in second]
    assert [list(b) for b in first] == [list(b) for b in epoch_batches(21, optim, 0, 0)]


@pytest.mark.parametrize("n_clips", [5, 21, 300])
def test_epochs_of_so_many_steps_take_every_clip_as_often_as_any_other(n_clips: int) -> None:
    optim = OptimConfig(batch_size=8, epoch_steps=6)
    epochs = [epoch_batches(n_clips, optim, 0, epoch) for epoch in range(5)]
    assert [[len(batch) for batch in epoch] for epoch in epochs] == [[8] * 6] * 5
    taken = np.concatenate([batch for epoch in epochs for batch in epoch])
    assert len(set(taken)) == len(taken)  # no clip twice in a pass
    times = np.bincount(taken % n_clips, minlength=n_clips)
    assert times.max() - times.min() <= 1
    whole = OptimConfig(batch_size=8)
    if n_clips == 300:  # the first pass goes on where the epoch before left it
        assert np.array_equal(taken, np.concatenate(epoch_batches(300, whole, 0, 0))[:240])


def test_joint_systems_need_no_classifier_trained_before(recipe: Path) -> None:
    def classifiers(*systems: str) -> list[str]:
        plans = plan_training("classifier", "conf", systems, datadir="data", dumpdir="dump", expdir="exp")
        return [plan.name for plan in plans]

    assert classifiers("strong", "frame_joint") == []
    assert classifiers("frame", "clip", "frame_joint") == ["clip", "frame"]


@pytest.mark.parametrize("off", [True, None])
def test_a_training_beside_others_shows_no_bar(recipe: Path, monkeypatch: pytest.MonkeyPatch, off: bool | None) -> None:
    bars: list[Any] = []

    def bar(steps: Iterable[Any], **settings: Any) -> Iterable[Any]:
        bars.append(settings["disable"])
        return steps

    monkeypatch.setattr("weaksep.train.loop.tqdm", bar)
    monkeypatch.setattr("weaksep.train.loop.bar_off", lambda: off)
    run_training(plan_of("strong", "optim.max_epochs=1"), "cpu")
    assert bars == [off]
