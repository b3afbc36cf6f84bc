"""Whole trainings on a tiny recipe: what they may see, what they leave, what resuming changes (nothing)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from weaksep.errors import UserError
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.tables import read_table, write_table
from weaksep.train.loop import epoch_batches
from weaksep.train.plan import Plan, missing_inputs, plan_training
from weaksep.train.run import run_training


def plans(folder: Path, task: str, systems: str, exp: str = "exp", overrides: tuple[str, ...] = ()) -> list[Plan]:
    return plan_training(
        task,
        folder / "conf",
        systems.split(),
        datadir=folder / "data",
        dumpdir=folder / "dump",
        expdir=folder / exp,
        overrides=overrides,
    )


def train(folder: Path, systems: str, exp: str = "exp", overrides: tuple[str, ...] = (), resume: bool = True) -> None:
    """Stages 3 and 4."""
    for plan in plans(folder, "classifier", systems, exp) + plans(folder, "separator", systems, exp, overrides):
        run_training(plan, "cpu", resume)


def weights(exp: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(exp / "best.pt")["model"]


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "recipe")
    return tmp_path / "recipe"


@pytest.mark.parametrize("system", ["frame", "clip"])
def test_weak_training_sees_no_references(recipe: Path, system: str) -> None:
    train(recipe, system, "with")
    hidden = ["src_*.scp"] + (["events.tsv"] if system == "clip" else [])  # src_<class>_feats.scp too
    for pattern in hidden:
        found = list(recipe.glob(f"d*/*/{pattern}"))
        assert found
        for file in found:
            file.unlink()
    shutil.rmtree(recipe / "data/train/audio")  # nor any audio: features are all that training reads
    train(recipe, system, "without")
    for exp in (f"classifier_{system}", f"separator_{system}"):
        assert same(weights(recipe / "with" / exp), weights(recipe / "without" / exp))


def test_each_system_learns_and_leaves_its_files(recipe: Path) -> None:
    train(recipe, "strong frame clip frame_joint clip_joint")
    for system in ("strong", "frame", "clip", "frame_joint", "clip_joint"):
        exp = recipe / "exp" / f"separator_{system}"
        for name in ("config.yaml", "history.jsonl", "checkpoint.pt", "best.pt", "tensorboard"):
            assert (exp / name).exists(), name
        rows = [json.loads(line) for line in (exp / "history.jsonl").read_text().splitlines()]
        assert [row["epoch"] for row in rows] == [1, 2, 3]
        assert rows[-1]["train"]["loss"] < rows[0]["train"]["loss"]
        best = load_checkpoint(exp / "best.pt")
        assert best["classes"] == ["low", "middle", "high"]
        assert best["feats"] == {"sample_rate": 8000, "window_samples": 128, "hop_samples": 64}
        assert (exp / "classifier.pt").exists() == system.endswith("joint")


@pytest.mark.parametrize(("task", "system"), [("classifier", "frame"), ("separator", "strong"), ("separator", "clip")])
def test_a_resumed_run_ends_with_the_same_weights(
    recipe: Path, task: str, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exp in ("whole", "parts"):
        for plan in plans(recipe, "classifier", system, exp) if task == "separator" else []:
            run_training(plan, "cpu", True)
    whole, parts = (plans(recipe, task, system, exp)[0] for exp in ("whole", "parts"))
    run_training(whole, "cpu", True)
    with monkeypatch.context() as patched:
        patched.setattr("weaksep.train.loop._out_of_patience", lambda state, *_: state.epoch >= 1)
        run_training(parts, "cpu", True)
    assert len((parts.exp / "history.jsonl").read_text().splitlines()) == 1
    run_training(parts, "cpu", True)
    assert same(weights(whole.exp), weights(parts.exp))
    for plan in (whole, parts):
        assert len((plan.exp / "history.jsonl").read_text().splitlines()) == 3


def test_a_run_with_other_settings_begins_again_and_keeps_the_earlier_one(recipe: Path, caplog) -> None:
    train(recipe, "strong")
    exp = recipe / "exp/separator_strong"
    before = (exp / "best.pt").read_bytes()
    train(recipe, "strong", overrides=("net.units=13",))
    assert "begins again (net.units: 12 -> 13); the earlier run is kept in" in caplog.text
    assert load_checkpoint(exp / "best.pt")["config"]["net"]["units"] == 13
    assert (exp / "earlier/1/best.pt").read_bytes() == before
    assert len((exp / "history.jsonl").read_text().splitlines()) == 3
    train(recipe, "strong", overrides=("net.units=14",))
    assert sorted(path.name for path in (exp / "earlier").iterdir()) == ["1", "2"]
    assert load_checkpoint(exp / "earlier/2/best.pt")["config"]["net"]["units"] == 13
    for name in ("checkpoint.pt", "checkpoint.prev.pt"):  # as after weaksep clean --what checkpoints
        (exp / name).unlink()
    train(recipe, "strong", overrides=("net.units=12",))
    assert load_checkpoint(exp / "earlier/3/best.pt")["config"]["net"]["units"] == 14
    train(recipe, "strong", overrides=("net.units=12",), resume=False)
    assert "begins again (--force, or --resume false)" in caplog.text
    assert sorted(path.name for path in (exp / "earlier").iterdir()) == ["1", "2", "3", "4"]


def test_a_run_with_other_data_or_another_classifier_begins_again(recipe: Path, caplog) -> None:
    train(recipe, "clip")
    exp = recipe / "exp/separator_clip"
    path = recipe / "data/train/utt2labels"
    before = read_table(path)
    write_table(path, {**before, "utt-000": "high" if before["utt-000"] == "low" else "low"})
    run_training(plans(recipe, "separator", "clip")[0], "cpu", True)
    assert "begins again (inputs.train: " in caplog.text
    write_table(path, before)
    shutil.rmtree(exp / "earlier")
    run_training(plans(recipe, "separator", "clip")[0], "cpu", True)
    caplog.clear()
    run_training(plans(recipe, "separator", "clip")[0], "cpu", True)
    assert "begins again" not in caplog.text
    run_training(plans(recipe, "classifier", "clip", overrides=("optim.max_epochs=1",))[0], "cpu", False)
    run_training(plans(recipe, "separator", "clip")[0], "cpu", True)
    assert "begins again (classifier_training.optim.max_epochs: 3 -> 1; inputs.classifier: " in caplog.text


def test_a_diverged_run_stops_and_keeps_its_last_good_epoch(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plans(recipe, "separator", "strong")[0]
    with monkeypatch.context() as patched:
        patched.setattr("weaksep.train.loop._out_of_patience", lambda state, *_: state.epoch >= 1)
        run_training(plan, "cpu", True)
    good = weights(plan.exp)
    monkeypatch.setattr("weaksep.train.objectives.strong_loss", lambda x, masks, s: masks.sum() * float("nan"))
    with pytest.raises(UserError, match=r"separator_strong: loss, strong is not finite in epoch 2"):
        run_training(plan, "cpu", True)
    assert same(good, weights(plan.exp))


def test_what_is_missing_is_said_before_anything_starts(recipe: Path) -> None:
    (recipe / "dump/valid/feats.scp").unlink()
    problems = missing_inputs(plans(recipe, "separator", "frame")[0])
    assert [problem.rpartition("; ")[2] for problem in problems] == ["run stage 2 first", "run stage 3 first"]


def test_the_mixture_weight_acts_on_the_trained_weights(recipe: Path) -> None:
    train(recipe, "frame", "hundred")
    train(recipe, "frame", "one", overrides=("loss.mixture_weight=1",))
    assert not same(weights(recipe / "hundred/separator_frame"), weights(recipe / "one/separator_frame"))


def test_patience_ends_a_run_that_no_longer_improves(recipe: Path) -> None:
    stuck = ("optim.learning_rate=1e-12", "optim.max_epochs=9", "optim.patience=2", "optim.schedule=constant")
    train(recipe, "strong", overrides=stuck)
    rows = (recipe / "exp/separator_strong/history.jsonl").read_text().splitlines()
    best = load_checkpoint(recipe / "exp/separator_strong/best.pt")["epoch"]
    assert len(rows) < 9 and len(rows) == best + 2


def test_slips_are_told(recipe: Path) -> None:
    with pytest.raises(UserError, match=r"'stong' has no .*stong.yaml \(there are: strong, frame, clip, clip_joint"):
        plans(recipe, "separator", "stong")
    with pytest.raises(UserError, match="'../other': a system's name or a tag is part of a folder's name"):
        plan_training("separator", recipe / "conf", ["strong"], datadir="d", dumpdir="d", expdir="e", tag="../other")
    with pytest.raises(UserError, match="unknown key net.unit .did you mean units"):
        plans(recipe, "separator", "strong", overrides=("net.unit=3",))
    (recipe / "conf/odd.yaml").write_text("base: frame.yaml\nclassifier: clip\n")
    with pytest.raises(UserError, match="supervision frame, but classifier clip learns from clip labels"):
        plans(recipe, "separator", "odd")
    with pytest.raises(UserError, match="no such checkpoint"):
        run_training(plans(recipe, "separator", "frame", "fresh")[0], "cpu", True)


def test_a_classifier_of_other_classes_is_refused(recipe: Path) -> None:
    run_training(plans(recipe, "classifier", "frame")[0], "cpu", True)
    for name in ("train", "valid"):
        (recipe / "data" / name / "labels.txt").write_text("high\nmiddle\nlow\n")
    with pytest.raises(UserError, match="trained for other classes"):
        run_training(plans(recipe, "separator", "frame")[0], "cpu", True)


def test_every_clip_once_an_epoch_in_an_order_of_its_own() -> None:
    first, second = epoch_batches(21, 8, 0, 0), epoch_batches(21, 8, 0, 1)
    assert [len(batch) for batch in first] == [8, 8, 5]
    assert sorted(index for batch in first for index in batch) == list(range(21))
    assert [list(b) for b in first] != [list(b) for b in second]
    assert [list(b) for b in first] == [list(b) for b in epoch_batches(21, 8, 0, 0)]


def test_joint_systems_need_no_classifier_trained_before(recipe: Path) -> None:
    assert plans(recipe, "classifier", "strong frame_joint") == []
    assert [plan.name for plan in plans(recipe, "classifier", "frame clip frame_joint")] == ["clip", "frame"]
