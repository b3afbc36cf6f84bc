"""Locks that die with their process, and room on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio import space
from weaksep.fileio.lock import LOCK_NAME, folder_lock

HOLD = "import sys, time; from weaksep.fileio.lock import folder_lock\nwith folder_lock(sys.argv[1]):\n"
HOLD += "    print('held', flush=True)\n    time.sleep(60)\n"


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds tmp_path."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_folder_is_refused_and_its_holder_named(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(UserError, match=rf"{tmp_path}: process {holder.pid} on \S+ \(since .*\) works here; wait"):
        with folder_lock(tmp_path, patience_s=0.2):
            pytest.fail("two processes in one folder")


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path, holder, caplog) -> None:
    caplog.set_level("INFO")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with folder_lock(tmp_path, patience_s=5):
        pass
    assert f"took over the lock of process {holder.pid}" in caplog.text
    assert not (tmp_path / LOCK_NAME).exists()


def test_a_lock_that_is_let_go_meanwhile_is_waited_for(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    os.kill(holder.pid, signal.SIGTERM)
    with folder_lock(tmp_path, patience_s=20):
        assert str(os.getpid()) in (tmp_path / LOCK_NAME).read_text()


def test_a_lock_is_let_go_by_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), folder_lock(tmp_path):
        raise RuntimeError
    with folder_lock(tmp_path, patience_s=0):
        pass


class Disk:
    """What statvfs says."""

    f_frsize, f_files = 4096, 1000

    def __init__(self, free_bytes: int, free_files: int = 1000) -> None:
        self.f_bavail, self.f_favail = free_bytes // 4096, free_files


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(space.os, "statvfs", lambda path: Disk(10_000_000))
    space.require_space(tmp_path / "not/yet/there", 9_000_000, 10, "--datadir")
    with pytest.raises(UserError, match=r"data: needs about 10\.5 MB and its disk has 10 MB free; .* with --datadir"):
        space.require_space(tmp_path / "data", 10_000_000, 10, "--datadir")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/old.wav").write_bytes(bytes(2_000_000))  # will be replaced, or is done already
    space.require_space(tmp_path / "data", 10_000_000, 10, "--datadir")


def test_too_few_files_left_are_said(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(space.os, "statvfs", lambda path: Disk(10_000_000, free_files=9))
    with pytest.raises(UserError, match="needs 10 files and its disk takes 9 more"):
        space.require_space(tmp_path, 10, 10, "--expdir")


def test_files_take_whole_blocks(tmp_path: Path) -> None:
    assert [space.on_disk(n) for n in (0, 1, 4096, 4097)] == [0, 4096, 4096, 8192]
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_bytes(bytes(5000))
    assert space.tree_bytes(tmp_path) == 4096 + 8192
    assert [space.readable(n) for n in (999, 12_345, 3.2e12, 5e15)] == ["999 B", "12.3 kB", "3.2 TB", "5e+03 TB"]
