"""Several processes compute what one does, and go on after whatever has stopped them."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gradients
import pytest
import torch
from runs import history, same, weights
from safetensors.torch import load_file

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.jobs.launch import Nodes, launch
from weaksep.losses.settings import END

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def of_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two ranks make of every case."""
    folder = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(HERE), prepend=":")
        launch("gradients", [str(folder)], Nodes(2))
    return folder


@pytest.mark.parametrize("case", gradients.CASES)
def test_two_ranks_come_to_the_gradients_of_one_process(of_two_ranks: Path, case: str) -> None:
    objective = gradients.objective_of(case)
    kinds = gradients.CASES[case][0]
    parts = objective(gradients.Clips(kinds).batch(range(len(kinds))), END)
    parts["loss"].backward()
    wanted = gradients.left_by(objective, parts)
    found = load_file(of_two_ranks / f"{list(gradients.CASES).index(case)}.safetensors")
    assert found.keys() == wanted.keys() and any(name.startswith("gradient") for name in found)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-12, msg=lambda text, n=name: f"{n}: {text}")


# 50 steps of the tiny recipe, with a last batch of one clip in every other pass.
STEPS = ["--set", "optim.epoch_steps=10", "--set", "optim.max_epochs=5"]


def command(expdir: str, *options: str) -> list[str]:
    common = ["--task", "separator", "--systems", "strong", "--expdir", expdir]
    return [*common, *STEPS, "--num-procs", "2", *options]


def started(expdir: str, *options: str) -> subprocess.Popen[str]:
    """A training of two ranks in a process of its own."""
    arguments = [sys.executable, "-m", "weaksep.bin.train", *command(expdir, "--checkpoint-minutes", "0", *options)]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)


def checkpoints(process: subprocess.Popen[str], exp: Path, number: int) -> None:
    """Wait until a training has written so many, one a step."""
    seen: set[int] = set()
    deadline = time.monotonic() + 300
    while len(seen) < number:
        assert process.poll() is None and time.monotonic() < deadline
        if (exp / "checkpoint.pt").exists():
            seen.add((exp / "checkpoint.pt").stat().st_mtime_ns)
        time.sleep(0.01)


def ranks_of(process: subprocess.Popen[str]) -> dict[int, int]:
    """Process of each rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for pid in children:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        found |= {int(value[5:]): int(pid) for value in variables if value.startswith(b"RANK=")}
    return found


def errors(text: str) -> list[str]:
    """Lines of what a command says that are no log lines."""
    return [line for line in text.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", line)]


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tiny recipe, with a training of two ranks in ``whole``; the current folder."""
    folder = tmp_path_factory.mktemp("distributed") / "recipe"
    shutil.copytree(prepared, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        train.main(command("whole"))
        yield folder


def test_two_ranks_train_as_one_process_does(whole: Path) -> None:
    train.main([*command("alone"), "--num-procs", "1"])
    exp, alone = Path("whole/separator_strong"), Path("alone/separator_strong")
    for one, two in zip(history(exp), history(alone), strict=True):
        for split in ("train", "valid"):
            assert one[split] == pytest.approx(two[split], rel=1e-4)
    assert sorted(path.name for path in exp.iterdir()) == sorted(path.name for path in alone.iterdir())
    assert len(list((exp / "tensorboard").iterdir())) == 1
    assert (exp / "train.log").read_text().count("finished after epoch 5") == 1


def test_a_finished_training_starts_no_ranks(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.jobs.launch.launch", lambda *_: pytest.fail("nothing to do"))
    train.main(command("whole"))


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_is_one_line_and_the_run_goes_on_to_the_same_weights(whole: Path, rank: int) -> None:
    exp, after = Path(f"killed{rank}/separator_strong"), random.randrange(2, 40)
    process = started(exp.parts[0])
    checkpoints(process, exp, after)
    os.kill(ranks_of(process)[rank], signal.SIGKILL)
    _, text = process.communicate()
    assert process.returncode == 1
    (line,) = errors(text)
    assert line.startswith(f"weaksep train: error: rank {rank} was killed (SIGKILL"), line
    train.main(command(exp.parts[0]))
    assert same(weights(exp), weights("whole/separator_strong")), f"killed after {after} steps"
    assert history(exp) == history("whole/separator_strong")


def test_a_run_that_is_asked_to_end_is_saved_and_goes_on_in_one_process(whole: Path, caplog) -> None:
    exp = Path("asked/separator_strong")
    process = started(exp.parts[0], "--checkpoint-minutes", "10")
    checkpoints(process, exp, 1)
    os.kill(process.pid, signal.SIGUSR1)
    _, text = process.communicate()
    assert process.returncode == 138
    assert errors(text) == ["weaksep train: interrupted; the same command (without --force) goes on from what is done"]
    caplog.set_level("INFO")
    train.main([*command(exp.parts[0]), "--num-procs", "1"])
    assert "separator_strong: goes on with 1 process instead of 2" in caplog.text
    assert "separator_strong: resumed after epoch" in caplog.text
    assert [row["epoch"] for row in history(exp)] == [1, 2, 3, 4, 5]
    assert history(exp)[-1]["valid"] == pytest.approx(history("whole/separator_strong")[-1]["valid"], rel=2e-3)


def test_a_rank_that_says_nothing_is_given_up(whole: Path) -> None:
    exp = Path("silent/separator_strong")
    process = started(exp.parts[0], "--dist-timeout", "10")
    checkpoints(process, exp, 2)
    os.kill(ranks_of(process)[1], signal.SIGSTOP)
    _, text = process.communicate()
    assert process.returncode == 1
    (line,) = errors(text)
    assert re.search(r"error: no answer from rank 1 on \S+ \(--dist-timeout 10 s\): ended, or cut off; the same", line)


def test_what_is_wrong_is_said_once(whole: Path, capfd) -> None:
    with pytest.raises(UserError, match=r"conf/strong.yaml: optim.batch_size 1 is that of all 2 processes together"):
        train.main(command("few", "--set", "optim.batch_size=1"))
    assert "batch_size" not in "".join(errors(capfd.readouterr().err))
    Path("strange/separator_strong").mkdir(parents=True)
    Path("strange/separator_strong/config.yaml").mkdir()
    with pytest.raises(UserError, match=r"config.*yaml"):
        train.main(command("strange"))


CONTRADICTIONS = {
    "GPUs and processes": (["--ngpu", "2", "--num-procs", "2"], "--num-procs: of trainings on the CPU; give --ngpu 0"),
    "a node too many": (["--num-nodes", "2", "--node-rank", "2"], r"--node-rank 2: of 2 node\(s\)"),
    "no place to meet": (["--num-nodes", "2"], "--num-nodes: where do the processes meet?"),
    "no port": (["--num-nodes", "2", "--rdzv-endpoint", "here"], "--rdzv-endpoint here: expected HOST:PORT"),
    "no GPUs": (["--ngpu", "64"], r"--ngpu 64: this machine shows \d+ GPU"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_options_that_cannot_be(recipe: Path, case: str) -> None:
    options, message = CONTRADICTIONS[case]
    with pytest.raises(UserError, match=f"^{message}"):
        train.main(["--task", "separator", "--systems", "strong", *options])
    assert not Path("exp").exists()
