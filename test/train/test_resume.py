"""A run that was stopped anywhere ends as one that was not: weights, history and best epoch, bit for bit."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
import torch
from runs import history, plan_of, stop

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.yamlfile import read_yaml
from weaksep.jobs.interrupt import Interrupted
from weaksep.losses import strong
from weaksep.train.plan import Plan
from weaksep.train.run import run_training

# With dropout, so that the random generator counts, in nets of two layers (dropout acts between them).
OVERRIDES = ("net.dropout=0.5", "net.layers=2", "optim.max_epochs=2", "optim.weight_decay=0.01")
STEPS = 5  # 40 clips in batches of 8; 2 batches of validation follow
NETWORKS = ("model.safetensors", "model.json", "classifier/model.safetensors", "classifier/model.json")


@pytest.fixture
def parts(recipe: Path) -> Plan:
    return plan_of("strong", *OVERRIDES)


def whole_run(system: str = "strong") -> Path:
    plan = plan_of(system, *OVERRIDES, expdir="whole")
    run_training(plan, "cpu")
    return plan.exp


def same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one if key != "seconds")
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


def assert_equal(one: Path, two: Path) -> None:
    networks = [name for name in NETWORKS if (one / name).exists()]
    assert len(networks) in (2, 4)
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in networks)
    assert history(one) == history(two)
    assert same(load_checkpoint(one / "checkpoint.pt"), load_checkpoint(two / "checkpoint.pt"))


# The first step, mid-epoch, the last step, the first and second batch of validation, the next epoch, the very end.
@pytest.mark.parametrize("call", [1, 3, STEPS, STEPS + 1, STEPS + 2, STEPS + 3, 2 * STEPS + 4])
@pytest.mark.parametrize("system", ["strong", "frame_joint"])
def test_interrupted_runs_end_the_same(recipe: Path, system: str, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = plan_of(system, *OVERRIDES)
    stop(monkeypatch, parts, call, Interrupted(signal.SIGTERM))
    saved = load_checkpoint(parts.exp / "checkpoint.pt")["state"]
    steps_done = saved["epoch"] * STEPS + saved["batch"]
    assert steps_done == min(call, STEPS) if call <= STEPS + 2 else steps_done > STEPS
    run_training(parts, "cpu")
    assert_equal(whole_run(system), parts.exp)


@pytest.mark.parametrize("call", [2, 4, STEPS + 4])
def test_a_run_killed_after_a_checkpoint_within_an_epoch_ends_the_same(
    parts: Plan, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(monkeypatch, parts, call, RuntimeError("killed"), checkpoint_minutes=0.0)  # nothing is saved on the way out
    state = load_checkpoint(parts.exp / "checkpoint.pt")["state"]
    assert (state["epoch"], state["batch"]) == ((0, call - 1) if call <= STEPS else (1, call - STEPS - 3))
    run_training(parts, "cpu")
    assert_equal(whole_run(), parts.exp)


def test_a_bad_checkpoint_costs_no_more_than_the_way_from_the_one_before(parts: Plan, monkeypatch, caplog) -> None:
    stop(monkeypatch, parts, 4, RuntimeError("killed"), checkpoint_minutes=0.0)
    checkpoint = parts.exp / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    caplog.set_level("INFO")
    run_training(parts, "cpu")
    assert "going on from checkpoint.prev.pt" in caplog.text
    assert "resumed after epoch 0 and 2 steps of the next" in caplog.text
    assert_equal(whole_run(), parts.exp)


def test_without_any_whole_checkpoint_the_user_decides(recipe: Path) -> None:
    plan = plan_of("strong")
    run_training(plan, "cpu")
    for name in ("checkpoint.pt", "checkpoint.prev.pt"):
        (plan.exp / name).write_bytes(b"")
    with pytest.raises(UserError, match="begin again with --resume false"):
        run_training(plan, "cpu")
    train.main(["--task", "separator", "--systems", "strong", "--resume", "false"])
    assert len(history(plan.exp)) == 3 and (plan.exp / "earlier/1/checkpoint.pt").exists()


def test_a_checkpoint_of_another_network_is_refused(recipe: Path) -> None:
    plan, other = plan_of("strong"), plan_of("clip", task="classifier")
    run_training(plan, "cpu")
    run_training(other, "cpu")
    shutil.copy(other.exp / "checkpoint.pt", plan.exp / "checkpoint.pt")
    with pytest.raises(UserError, match=r"checkpoint\.pt: does not fit this network .*begin again with --resume false"):
        run_training(plan, "cpu")


def test_the_history_of_a_run_killed_between_two_files_is_restored(parts: Plan) -> None:
    run_training(parts, "cpu")
    rows = history(parts.exp)
    (parts.exp / "history.jsonl").unlink()
    run_training(parts, "cpu")
    assert history(parts.exp) == rows


def test_a_run_goes_on_with_the_threads_it_began_with(parts: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        stop(monkeypatch, parts, 2, Interrupted(signal.SIGINT))
        torch.set_num_threads(2)
        run_training(parts, "cpu")
        assert torch.get_num_threads() == 1
        assert read_yaml(parts.exp / "config.yaml")["train_threads"] == 1
    finally:
        torch.set_num_threads(before)


def test_a_diverged_epoch_takes_no_good_checkpoint_away(parts: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    stop(monkeypatch, parts, 3, Interrupted(signal.SIGINT))
    good = (parts.exp / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(strong, "strong_loss", lambda x, masks, *_: masks.sum() * float("nan"))
    with pytest.raises(UserError, match="not finite in epoch 1"):
        run_training(parts, "cpu", checkpoint_minutes=0.0)
    assert (parts.exp / "checkpoint.pt").read_bytes() == good
