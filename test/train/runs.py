"""What tests of training share: a recipe's stages and plans in the current folder, and what they leave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from weaksep.bin import train
from weaksep.fileio.network import Weights, read_network
from weaksep.jobs.interrupt import Interrupted
from weaksep.train.plan import Plan, plan_training
from weaksep.train.run import run_training


def stages(*settings: str, systems: str, options: Sequence[str] = ()) -> None:
    """Stages 3 and 4 as run.sh calls them, with other settings of the separators."""
    common = ["--systems", systems, *options]
    train.main(["--task", "classifier", *common])
    train.main(["--task", "separator", *common, *(word for own in settings for word in ("--set", own))])


def plan_of(system: str, *overrides: str, task: str = "separator", expdir: str = "exp") -> Plan:
    """The plan of one training."""
    places = {"datadir": "data", "dumpdir": "dump", "expdir": expdir}
    (plan,) = plan_training(task, "conf", [system], overrides=overrides, **places)  # type: ignore[arg-type]
    return plan


def weights(exp: str | Path) -> Weights:
    """Of the network that a training has left."""
    return read_network(exp)[1]


def same(one: Weights, two: Weights) -> bool:
    """Whether two networks are the same, bit for bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def history(exp: str | Path) -> list[dict[str, Any]]:
    """The epochs of a run, without the time they took."""
    rows = [json.loads(line) for line in (Path(exp) / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@contextmanager
def stopped(monkeypatch: pytest.MonkeyPatch, call: int, error: BaseException) -> Iterator[None]:
    """Trainings whose n-th question, whether they should stop, raises an error: they ask after every step and every
    batch of validation."""
    calls = iter(range(1, 10_000))

    def check() -> None:
        if next(calls) == call:
            raise error

    with monkeypatch.context() as patched, pytest.raises(type(error)):
        patched.setattr("weaksep.train.loop.check", check)
        yield


def stop(monkeypatch: pytest.MonkeyPatch, plan: Plan, call: int, error: BaseException, **options: Any) -> None:
    """Begin a training that is stopped."""
    with stopped(monkeypatch, call, error):
        run_training(plan, "cpu", **options)


def assert_resumes(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """A system, stopped within its second epoch, ends with the weights of a whole run."""
    for expdir in ("whole", "parts"):
        train.main(["--task", "classifier", "--systems", system, "--expdir", expdir])
    whole, parts = (plan_of(system, expdir=expdir) for expdir in ("whole", "parts"))
    run_training(whole, "cpu")
    stop(monkeypatch, parts, 10, Interrupted(15))
    run_training(parts, "cpu")
    assert same(weights(whole.exp), weights(parts.exp)) and history(whole.exp) == history(parts.exp)
