"""Signals: what is saved, which status, and that no worker outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import sys, time
from pathlib import Path
from weaksep.bin.cli import run_command
from weaksep.jobs import run_sharded
from weaksep.jobs.interrupt import check, deferred

folder, nj = Path(sys.argv[1]), int(sys.argv[2])

def quick(item):
    (folder / f"begun{item}").touch()
    time.sleep(0.5)
    (folder / f"done{item}").touch()

def patient(item):
    with deferred():
        (folder / f"begun{item}").touch()
        try:
            for _ in range(3000):
                time.sleep(0.02)
                check()
        finally:
            (folder / f"saved{item}").touch()

def main(arguments):
    run_sharded({"quick": quick, "patient": patient}[sys.argv[3]], range(int(sys.argv[4])), nj=nj, description="x")

if __name__ == "__main__":
    sys.exit(run_command(main, [], name="test"))
"""


class Job:
    """A process that runs sharded work."""

    def __init__(self, folder: Path, kind: str, nj: int, items: int) -> None:
        self.folder = folder
        (folder / "job.py").write_text(SCRIPT)
        command = [sys.executable, str(folder / "job.py"), str(folder), str(nj), kind, str(items)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def wait_for(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while not (self.folder / name).exists():
            assert time.monotonic() < deadline and self.process.poll() is None, name
            time.sleep(0.01)

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    def members(self) -> list[int]:
        """Processes of the group that are not yet gone."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[2]) == self.process.pid and fields[0] != "Z":
                    found.append(int(entry.name))
        return found


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("nj", [1, 2])
def test_work_that_can_be_saved_is_saved(tmp_path: Path, nj: int, number: int, status: int) -> None:
    job = Job(tmp_path, "patient", nj, 2)
    for item in range(nj):
        job.wait_for(f"begun{item}")
    os.kill(job.process.pid, number)
    returned, errors = job.end()
    assert returned == status, errors
    last = "weaksep test: interrupted; the same command (without --force) goes on from what is done"
    assert errors.splitlines()[-1] == last
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.glob("saved*")) == [f"saved{item}" for item in range(nj)]


def test_a_terminal_sends_the_signal_to_the_workers_as_well(tmp_path: Path) -> None:
    job = Job(tmp_path, "patient", 2, 2)
    job.wait_for("begun0")
    job.wait_for("begun1")
    os.killpg(job.process.pid, signal.SIGINT)
    assert job.end()[0] == 130
    assert len(list(tmp_path.glob("saved*"))) == 2


def test_a_scheduler_ends_all_processes_at_once(tmp_path: Path) -> None:
    job = Job(tmp_path, "patient", 2, 2)
    job.wait_for("begun0")
    job.wait_for("begun1")
    os.killpg(job.process.pid, signal.SIGTERM)
    assert job.end()[0] == 143
    assert len(list(tmp_path.glob("saved*"))) == 2


def test_shards_at_work_come_to_their_end_and_no_new_one_begins(tmp_path: Path) -> None:
    job = Job(tmp_path, "quick", 2, 40)
    job.wait_for("begun0")
    os.kill(job.process.pid, signal.SIGTERM)
    assert job.end()[0] == 143
    begun, done = (len(list(tmp_path.glob(f"{what}*"))) for what in ("begun", "done"))
    assert begun == done < 40


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    job = Job(tmp_path, "quick", 1, 1)
    slow = (tmp_path / "job.py").read_text()
    assert "time.sleep(0.5)" in slow
    job.end()
    (tmp_path / "begun0").unlink()
    (tmp_path / "done0").unlink()
    stubborn = slow.replace("        finally:\n", "        finally:\n            time.sleep(60)\n")
    (tmp_path / "job.py").write_text(stubborn)
    command = [sys.executable, str(tmp_path / "job.py"), str(tmp_path), "1", "patient", "1"]
    job.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    job.wait_for("begun0")
    os.kill(job.process.pid, signal.SIGTERM)
    time.sleep(1.2)
    assert job.process.poll() is None
    os.kill(job.process.pid, signal.SIGINT)
    assert job.end()[0] == 130


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    job = Job(tmp_path, "patient", 2, 2)
    job.wait_for("begun0")
    job.wait_for("begun1")
    assert len(job.members()) >= 3
    os.kill(job.process.pid, signal.SIGKILL)
    job.process.wait()
    deadline = time.monotonic() + 20
    while job.members():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_worker_is_one_line(tmp_path: Path) -> None:
    job = Job(tmp_path, "patient", 2, 2)
    job.wait_for("begun0")
    job.wait_for("begun1")
    children = [pid for pid in job.members() if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(children[0], signal.SIGKILL)
    status, errors = job.end()
    assert status == 1
    assert errors.splitlines()[-1].startswith("weaksep test: error: x: a worker process was killed (out of memory?)")
    assert "Traceback" not in errors
