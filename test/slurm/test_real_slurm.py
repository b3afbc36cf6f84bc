"""A real Slurm on this machine: whatever happens to its jobs, nothing is lost. Slow: ``-m recipe``.

Skipped, with the reason, where Slurm cannot be had (start.sh), or unless WEAKSEP_TEST_SLURM=true asks for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from killed import Runs, check_whole, differences, write_tiny_config

from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.jobs.slurm import job_name

# Not by default yet: they depend on how fast Slurm's daemons answer.
asked = os.environ.get("WEAKSEP_TEST_SLURM") == "true"
pytestmark = [pytest.mark.recipe, pytest.mark.skipif(not asked, reason="WEAKSEP_TEST_SLURM=true runs a real Slurm")]

# Shards of a step, named by what becomes of their first try: "done", "error", or anything else, which hangs; with a
# number at its end it hangs as often.
SCRIPT = """
import os, sys, time
from functools import partial
from pathlib import Path
from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio.shards import Shards
from weaksep.jobs import run_shards
from weaksep.jobs.slurm_config import begin_stage

def work(folder, name, claim):
    if name == "error":
        raise UserError("dog.wav: no such file")
    with (folder / f"{name}.begun").open("a+") as file:
        file.seek(0)
        before = len(file.readlines())
        file.write(f"{os.getpid()}\\n")
    hangs = int(name[-1]) if name[-1].isdigit() else 1
    time.sleep(600.0 if before < hangs and name != "done" else 0.0)
    claim([folder / name])
    (folder / name).write_text(name)
    return name

def main(arguments):
    folder, retries, *names = arguments
    begin_stage("mix", int(retries))
    notes = Shards(Path(folder), key="k")
    with notes.unfinished(()):
        done = run_shards(partial(work, Path(folder)), dict(zip(names, names)), notes, nj=4, description="work")
        results = list(done)
    assert results == names
    notes.finish()

if __name__ == "__main__":
    sys.exit(run_command(main, sys.argv[1:], name="test"))
"""


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What a condition says when it holds at last."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


class Cluster:
    """A Slurm of two nodes, and the environment in which a recipe uses it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.script, self.folder = root / "test/slurm/start.sh", folder
        self.processes: list[subprocess.Popen[str]] = []
        slurm = {"SLURM_CONF": str(folder / "cluster/slurm.conf"), "WEAKSEP_BACKEND": "slurm"}
        self.environment = {**slurm, "WEAKSEP_SLURM_DIR": str(folder / "logs"), "PYTHONPATH": str(root)}

    def start(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Start what is not running."""
        command = [str(self.script), "--dir", str(self.folder / "cluster"), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def __call__(self, *command: str) -> str:
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def running(self, name: str = "") -> list[str]:
        """Ids of the jobs that run, of those with this in their names."""
        jobs = self("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i %j").splitlines()
        return [job.split()[0] for job in jobs if name in job.split()[1]]

    def resume(self, node: str) -> None:
        """Take a node that was drained, or that is down, back into use, which it may be by itself."""
        command = ["scontrol", "update", f"nodename={node}", "state=resume"]
        subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, check=False)
        usable = ("sinfo", "--noheader", "--states=idle,mixed,alloc", "--responding", "--format=%N", f"--nodes={node}")
        until(lambda: self(*usable).strip())

    def restart(self) -> None:
        """End all three daemons, and start them again after a moment."""
        for name in ("slurmctld", "slurmd.node1", "slurmd.node2"):
            os.kill(int((self.folder / f"cluster/{name}.pid").read_text()), signal.SIGTERM)
        time.sleep(2.0)
        result = self.start()
        assert result.returncode == 0, result.stderr

    def work(self, folder: Path, *shards: str, retries: int = 2, **asked: Any) -> subprocess.Popen[str]:
        """A process that has the shards of SCRIPT done; ``asked`` of Slurm."""
        folder.mkdir(exist_ok=True)
        script, config = folder.parent / "job.py", folder.parent / "slurm.yaml"
        script.write_text(SCRIPT)
        write_yaml(config, {"default": asked})
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder), str(retries), *shards],
            env={**os.environ, **self.environment, "WEAKSEP_SLURM_CONFIG": str(config)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def jobs(self, folder: Path) -> list[str]:
        """Ids of the jobs that have not ended, of those that ``work`` with the same folder submits."""
        name = job_name("work", str((folder / ".unfinished").absolute()))
        return self("squeue", "--noheader", "--array", f"--name={name}", "--format=%i").split()


@pytest.fixture(scope="module")
def cluster(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    slurm = Cluster(root, tmp_path_factory.mktemp("slurm"))
    result = slurm.start("--cpus", "4")
    if result.returncode == 3:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    assert result.returncode == 0, result.stderr
    assert slurm.start().stdout == result.stdout, "twice is no more than once"
    yield slurm
    for process in slurm.processes:
        process.kill()
        process.wait()
    assert slurm.start("--stop", "true").returncode == 0


@pytest.fixture(scope="module")
def overdue(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> subprocess.Popen[str]:
    """Work with a job that hangs. A time limit is a minute or more, in which other tests run."""
    folder = tmp_path_factory.mktemp("overdue") / "shards"
    return cluster.work(folder, "done", "hangs", time_minutes=1, options={"nodelist": "node1"})


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and log of a process when it has ended."""
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def tries(folder: Path) -> dict[str, int]:
    """How often each shard has been begun."""
    return {path.stem: len(path.read_text().splitlines()) for path in sorted(folder.glob("*.begun"))}


def disturbed(runs: Runs, place: Path, stages: str, disturb: Callable[[], None]) -> str:
    """The output of some stages, during which something happens."""
    problems: list[BaseException] = []

    def guarded() -> None:
        try:
            disturb()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    first, last = stages.split("-")
    process = runs.start(place, "--systems", "clip", "--stage", first, "--stop-stage", last)
    output, _ = process.communicate()
    thread.join()
    assert not problems, problems
    assert process.returncode == 0, output[-4000:]
    return output


def test_a_recipe_on_slurm_ends_as_a_local_one_whatever_happens(
    root: Path, cluster: Cluster, overdue: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = write_tiny_config(root / "egs/mini_urban", tmp_path / "conf")
    for name, change in {"mix": {"sets": {"train": 60, "valid": 8, "test": 24}}, "feats": {"shard_clips": 20}}.items():
        write_yaml(conf / f"{name}.yaml", {**read_yaml(conf / f"{name}.yaml"), **change})
    runs, local, place = Runs(root, conf), tmp_path / "local", tmp_path / "slurm"
    disturbed(runs, local, "0-7", lambda: None)
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)

    def drain() -> None:
        until(lambda: cluster.running("data"))
        cluster("scontrol", "update", "nodename=node1", "state=drain", "reason=test")

    assert "3 job(s)" in disturbed(runs, place, "0-0", drain)
    cluster.resume("node1")

    def restart() -> None:
        until(lambda: cluster.running("mix"))
        cluster.restart()

    disturbed(runs, place, "1-1", restart)
    cancelled: list[str] = []

    def cancel() -> None:
        cancelled.append(until(lambda: cluster.running("features_train"))[0])
        cluster("scancel", cancelled[0])

    output = disturbed(runs, place, "2-2", cancel)
    assert f"job {cancelled[0]}: weaksep.feats.extract.extract_shard" in output
    assert "was cancelled; trying it again" in output
    assert "trainings: 1 job(s)" in disturbed(runs, place, "3-3", lambda: None)
    trained: list[str] = []

    def requeue() -> None:
        """Slurm ends a job by a signal and runs it again, as where a better paid one takes its place."""
        until(lambda: list(place.glob("exp/separator_clip/checkpoint.pt")))
        trained.append(until(lambda: cluster.running("trainings"))[0])
        cluster("scontrol", "requeue", trained[0])

    disturbed(runs, place, "4-4", requeue)
    output = disturbed(runs, place, "5-7", lambda: None)
    assert "separate separator_clip: 1 job(s)" in output and "score separator_clip: 1 job(s)" in output
    check_whole(place)
    assert differences(local, place) == []


def test_lost_jobs_are_tried_again(cluster: Cluster, overdue: object, tmp_path: Path) -> None:
    folder, shards = tmp_path / "shards", ("cancelled", "killed", "requeued", "down")
    process = cluster.work(folder, *shards, options={"nodelist": "node2"})
    for name in shards:
        until((folder / f"{name}.begun").exists)
    array = cluster.jobs(folder)[0].partition("_")[0]
    cluster("scancel", f"{array}_0")
    os.kill(int((folder / "killed.begun").read_text().split()[0]), signal.SIGKILL)
    until(lambda: f"{array}_1" not in cluster.jobs(folder))  # else it would be lost with its node
    cluster("scontrol", "requeue", f"{array}_2")
    cluster("scontrol", "update", "nodename=node2", "state=down", "reason=test")
    cluster.resume("node2")
    status, errors = end(process)
    assert status == 0, errors
    assert "shard cancelled: was cancelled; trying it again" in errors
    assert "shard killed: ended without a result; trying it again" in errors
    assert errors.count("trying it again") == 2, "Slurm itself has begun the other two again"
    assert tries(folder) == dict.fromkeys(sorted(shards), 2)


def test_what_is_interrupted_is_cancelled_and_gone_on_with(cluster: Cluster, tmp_path: Path) -> None:
    folder, shards = tmp_path / "shards", ("done", "hangs2")
    for number in (signal.SIGINT, signal.SIGKILL):
        process = cluster.work(folder, *shards)
        begun = tries(folder).get("hangs2", 0)
        until(lambda begun=begun: tries(folder).get("hangs2", 0) > begun)
        until((folder / ".unfinished/done.json").exists)
        os.kill(process.pid, number)
        status, errors = end(process)
        if number == signal.SIGINT:
            assert status == 130 and cluster.jobs(folder) == [], errors
    assert len(cluster.jobs(folder)) == 1, "which nobody has cancelled"
    status, errors = end(cluster.work(folder, *shards))
    assert status == 0 and "work: 1 job(s)" in errors
    assert tries(folder) == {"done": 1, "hangs2": 3}


def test_an_error_in_a_job_is_its_own_line(cluster: Cluster, tmp_path: Path) -> None:
    status, errors = end(cluster.work(tmp_path / "shards", "done", "error", retries=1))
    assert status == 1 and errors.splitlines()[-1] == "weaksep test: error: dog.wav: no such file"
    assert "Traceback" not in errors and errors.count("dog.wav") == 3


def test_a_job_over_its_time_limit_is_tried_again(cluster: Cluster, overdue: subprocess.Popen[str]) -> None:
    status, errors = end(overdue)
    assert status == 0, errors
    assert "was ended at its time limit (1 min; time_minutes in " in errors and "trying it again" in errors
