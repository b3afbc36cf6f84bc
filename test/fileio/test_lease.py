"""One process at a time on a file system without locks: what NFS may be, made here by a flock that always fails."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio import lease
from weaksep.fileio.lock import folder_lock, worker_in

NONE = """
import errno, fcntl, sys, time
def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
from weaksep.errors import UserError
from weaksep.fileio.lock import folder_lock
try:
    with folder_lock(sys.argv[1], 0.0):
        print("works", flush=True)
        time.sleep(float(sys.argv[2]))
except UserError as error:
    print("refused", error)
"""


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


def process(folder: Path, seconds: float) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", NONE, folder, str(seconds)], stdout=subprocess.PIPE, text=True)


def wait_until_works(worker: subprocess.Popen) -> None:
    assert worker.stdout is not None and worker.stdout.readline() == "works\n"


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.usefixtures("without_locks")
def test_a_second_process_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        assert process(tmp_path, 0).communicate()[0].startswith(f"refused {tmp_path}: process {os.getpid()} on ")
        assert str(worker_in(tmp_path)).startswith(f"process {os.getpid()} on ")
    assert list(tmp_path.iterdir()) == []
    assert process(tmp_path, 0).communicate()[0] == "works\n"


@pytest.mark.usefixtures("without_locks")
def test_a_killed_process_s_lease_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = process(tmp_path, 60)
    wait_until_works(worker)
    worker.kill()
    worker.communicate()
    with pytest.raises(UserError, match=f"process {worker.pid} on .* works here"), folder_lock(tmp_path, 0.0):
        pass
    age(tmp_path / ".lease", lease.STALE_S - 0.5)  # whoever has patience at all waits for the rest
    with folder_lock(tmp_path, 0.1):
        assert f"process {os.getpid()} on" in (tmp_path / ".lease").read_text()
    assert list(tmp_path.iterdir()) == []


def test_of_many_who_find_a_stale_lease_one_takes_it(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("process 1 on elsewhere\n")
    (tmp_path / ".lease").write_text("process 1 on elsewhere, 0123")
    age(tmp_path / ".lease", 2 * lease.STALE_S)
    workers = [process(tmp_path, 5.0) for _ in range(6)]
    told = [worker.communicate()[0] for worker in workers]
    assert sum(text == "works\n" for text in told) == 1, told


def test_a_lease_is_touched_until_it_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.02)
    mine = lease.take(tmp_path / ".lease", "mine")
    assert isinstance(mine, lease.Lease)
    age(tmp_path / ".lease", 1000)
    deadline = time.monotonic() + 20
    while lease.held(tmp_path / ".lease") is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lease.held(tmp_path / ".lease") is not None
    mine.give_back()
    assert list(tmp_path.iterdir()) == []


def test_who_slept_too_long_ends_and_leaves_the_other_s_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.2)
    got: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    try:
        mine = lease.take(tmp_path / ".lease", "mine")
        (tmp_path / ".lease").write_text("another's")
        deadline = time.monotonic() + 20
        while not got and time.monotonic() < deadline:
            time.sleep(0.02)
        assert got == [signal.SIGTERM]
        assert isinstance(mine, lease.Lease)
        mine.give_back()
        assert (tmp_path / ".lease").read_text() == "another's"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_server_that_is_away_for_a_moment_ends_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.02)
    got: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    asked = []

    def away(path: Path, **how: str) -> str:
        asked.append(path)
        raise OSError(errno.EIO, "Input/output error")

    try:
        mine = lease.take(tmp_path / ".lease", "mine")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_text", away)
            deadline = time.monotonic() + 20
            while len(asked) < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
        assert len(asked) >= 3 and got == []
        assert isinstance(mine, lease.Lease)
        mine.give_back()
        assert list(tmp_path.iterdir()) == []
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("precious")
    (tmp_path / ".lease").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="symbolic links"):
        lease.take(tmp_path / ".lease", "mine")
    assert (tmp_path / "theirs").read_text() == "precious"
