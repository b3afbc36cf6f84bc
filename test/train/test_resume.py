"""A run that was stopped anywhere ends as one that was not: weights, history and best epoch, bit for bit."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch

from weaksep.errors import UserError
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint
from weaksep.jobs.interrupt import Interrupted
from weaksep.train.plan import Plan, plan_training
from weaksep.train.run import run_training

# With dropout, so that the random generator counts, in nets of two layers (dropout acts between them).
OVERRIDES = ("net.dropout=0.5", "net.layers=2", "optim.max_epochs=2", "optim.weight_decay=0.01")
STEPS = 5  # 40 clips in batches of 8; 2 batches of validation follow


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "recipe")
    return tmp_path / "recipe"


def plan_of(folder: Path, exp: str, system: str = "strong", task: str = "separator") -> Plan:
    overrides = OVERRIDES if task == "separator" else ()
    places = {"datadir": folder / "data", "dumpdir": folder / "dump", "expdir": folder / exp}
    return plan_training(task, folder / "conf", [system], **places, overrides=overrides)[0]


def history(exp: Path) -> list[dict]:
    rows = [json.loads(line) for line in (exp / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one if key != "seconds")
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


def assert_equal(one: Path, two: Path) -> None:
    assert (one / "best.pt").read_bytes() == (two / "best.pt").read_bytes()
    assert history(one) == history(two)
    assert same(load_checkpoint(one / "checkpoint.pt"), load_checkpoint(two / "checkpoint.pt"))
    if (one / "classifier.pt").exists():
        assert (one / "classifier.pt").read_bytes() == (two / "classifier.pt").read_bytes()


def stop_at(monkeypatch: pytest.MonkeyPatch, call: int, error: BaseException) -> None:
    """Let the loop's n-th question, whether it should stop, raise an error: after n steps or validation batches."""
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == call:
            raise error

    monkeypatch.setattr("weaksep.train.loop.check", check)


# The first step, mid-epoch, the last step, the first and second batch of validation, the next epoch, the very end.
@pytest.mark.parametrize("call", [1, 3, STEPS, STEPS + 1, STEPS + 2, STEPS + 3, 2 * STEPS + 4])
@pytest.mark.parametrize("system", ["strong", "frame_joint"])
def test_interrupted_runs_end_the_same(recipe: Path, system: str, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = plan_of(recipe, "whole", system), plan_of(recipe, "parts", system)
    run_training(whole, "cpu", True)
    with monkeypatch.context() as patched:
        stop_at(patched, call, Interrupted(signal.SIGTERM))
        with pytest.raises(Interrupted):
            run_training(parts, "cpu", True)
    saved = load_checkpoint(parts.exp / "checkpoint.pt")["state"]
    steps_done = saved["epoch"] * STEPS + saved["batch"]
    assert steps_done == min(call, STEPS) if call <= STEPS + 2 else steps_done > STEPS
    run_training(parts, "cpu", True)
    assert_equal(whole.exp, parts.exp)


@pytest.mark.parametrize("call", [2, 4, STEPS + 4])
def test_a_run_killed_after_a_checkpoint_within_an_epoch_ends_the_same(
    recipe: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = plan_of(recipe, "whole"), plan_of(recipe, "parts")
    run_training(whole, "cpu", True)
    with monkeypatch.context() as patched:
        stop_at(patched, call, RuntimeError("killed"))  # nothing is saved on the way out
        with pytest.raises(RuntimeError, match="killed"):
            run_training(parts, "cpu", True, checkpoint_minutes=0.0)
    state = load_checkpoint(parts.exp / "checkpoint.pt")["state"]
    assert (state["epoch"], state["batch"]) == ((0, call - 1) if call <= STEPS else (1, call - STEPS - 3))
    run_training(parts, "cpu", True)
    assert_equal(whole.exp, parts.exp)


def test_a_bad_checkpoint_costs_no_more_than_the_way_from_the_one_before(recipe: Path, monkeypatch, caplog) -> None:
    whole, parts = plan_of(recipe, "whole"), plan_of(recipe, "parts")
    run_training(whole, "cpu", True)
    with monkeypatch.context() as patched:
        stop_at(patched, 4, RuntimeError("killed"))
        with pytest.raises(RuntimeError):
            run_training(parts, "cpu", True, checkpoint_minutes=0.0)
    checkpoint = parts.exp / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    caplog.set_level("INFO")
    run_training(parts, "cpu", True)
    assert "going on from checkpoint.prev.pt" in caplog.text
    assert "resumed after epoch 0 and 2 steps of the next" in caplog.text
    assert_equal(whole.exp, parts.exp)


def test_without_any_whole_checkpoint_the_user_decides(recipe: Path) -> None:
    plan = plan_of(recipe, "exp")
    run_training(plan, "cpu", True)
    for name in ("checkpoint.pt", "checkpoint.prev.pt"):
        (plan.exp / name).write_bytes(b"")
    with pytest.raises(UserError, match="begin again with --resume false"):
        run_training(plan, "cpu", True)
    run_training(plan, "cpu", False)


def test_a_checkpoint_of_another_network_is_refused(recipe: Path) -> None:
    plan, other = plan_of(recipe, "exp"), plan_of(recipe, "other", "clip", "classifier")
    run_training(plan, "cpu", True)
    run_training(other, "cpu", True)
    shutil.copy(other.exp / "checkpoint.pt", plan.exp / "checkpoint.pt")
    with pytest.raises(UserError, match=r"checkpoint\.pt: does not fit this network .*begin again with --resume false"):
        run_training(plan, "cpu", True)


@pytest.mark.parametrize("name", ["best.pt", "classifier.pt"])
def test_a_lost_best_network_is_trained_again(recipe: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    plan = plan_of(recipe, "exp", "frame_joint")
    run_training(plan, "cpu", True)
    before = {file: (plan.exp / file).read_bytes() for file in ("best.pt", "classifier.pt")}
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:99])):
        damage(plan.exp / name)
        run_training(plan, "cpu", True)
        assert "begins again (best.pt is missing or damaged); the earlier run is kept in" in caplog.text
        assert before == {file: (plan.exp / file).read_bytes() for file in before}


def test_a_network_without_checkpoints_is_kept(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    plan = plan_of(recipe, "exp")
    run_training(plan, "cpu", True)
    best, history = (plan.exp / "best.pt").read_bytes(), (plan.exp / "history.jsonl").read_text()
    for name in ("checkpoint.pt", "checkpoint.prev.pt"):  # as after weaksep clean --what checkpoints
        (plan.exp / name).unlink()
    run_training(plan, "cpu", True)  # it has ended, so there is nothing to go on with
    assert (plan.exp / "best.pt").read_bytes() == best and not (plan.exp / "earlier").exists()
    (plan.exp / "history.jsonl").write_text("".join(history.splitlines(keepends=True)[:-1]))
    run_training(plan, "cpu", True)
    assert "begins again (its checkpoints are gone)" in caplog.text
    assert (plan.exp / "earlier/1/best.pt").read_bytes() == best


def test_a_checkpoint_of_the_first_version_can_be_gone_on_with(recipe: Path) -> None:
    whole, parts = plan_of(recipe, "whole"), plan_of(recipe, "parts")
    run_training(whole, "cpu", True)
    run_training(parts, "cpu", True)
    old = load_checkpoint(parts.exp / "checkpoint.pt")
    del old["generators"]
    for key in ("batch", "seconds", "sums", "threads"):
        del old["state"][key]
    save_checkpoint(parts.exp / "checkpoint.pt", old)
    run_training(parts, "cpu", True)
    assert history(whole.exp) == history(parts.exp)


def test_the_history_of_a_run_killed_between_two_files_is_mended(recipe: Path) -> None:
    plan = plan_of(recipe, "exp")
    run_training(plan, "cpu", True)
    rows = history(plan.exp)
    (plan.exp / "history.jsonl").unlink()
    run_training(plan, "cpu", True)
    assert history(plan.exp) == rows


def test_a_run_goes_on_with_the_threads_it_began_with(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(recipe, "exp")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with monkeypatch.context() as patched:
            stop_at(patched, 2, Interrupted(signal.SIGINT))
            with pytest.raises(Interrupted):
                run_training(plan, "cpu", True)
        torch.set_num_threads(2)
        run_training(plan, "cpu", True)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_diverged_epoch_takes_no_good_checkpoint_away(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(recipe, "exp")
    with monkeypatch.context() as patched:
        stop_at(patched, 3, Interrupted(signal.SIGINT))
        with pytest.raises(Interrupted):
            run_training(plan, "cpu", True)
    good = (plan.exp / "checkpoint.pt").read_bytes()
    monkeypatch.setattr("weaksep.train.objectives.strong_loss", lambda x, masks, s: masks.sum() * float("nan"))
    with pytest.raises(UserError, match="not finite in epoch 1"):
        run_training(plan, "cpu", True, checkpoint_minutes=0.0)
    assert (plan.exp / "checkpoint.pt").read_bytes() == good
