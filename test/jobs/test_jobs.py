"""Jobs: order, errors, one thread a worker, and the choice of a device."""

from __future__ import annotations

import fcntl
import math
import operator
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from weaksep.errors import UserError
from weaksep.fileio.owned import Claims
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import read_table
from weaksep.jobs import bar_off, cut_shards, run_sharded, run_shards, split_evenly
from weaksep.jobs.device import choose_device, named_device

# Worker processes import the function, so these are functions that any process can import.


@pytest.mark.parametrize("nj", [1, 2])
def test_results_come_in_order(nj: int) -> None:
    assert run_sharded(math.factorial, range(7), nj=nj, description="factorials") == [1, 1, 2, 6, 24, 120, 720]


@pytest.mark.parametrize("nj", [1, 2])
def test_an_error_comes_through_as_it_is(nj: int, tmp_path: Path) -> None:
    (tmp_path / "good").write_text("a b\n")
    with pytest.raises(UserError, match="none: no such file"):
        run_sharded(read_table, [tmp_path / "good", tmp_path / "none"], nj=nj, description="tables")


def test_every_failure_is_told_and_what_works_ends_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "good").write_text("a b\n")
    files = [tmp_path / "none", tmp_path / "good", tmp_path / "nothing"]
    with pytest.raises(UserError) as caught:
        run_sharded(read_table, files, nj=3, description="tables")
    told = str(caught.value) + caplog.text
    assert "none: no such file" in told
    assert caplog.text.count("tables: ") == caplog.text.count("no such file") >= 1


def test_workers_compute_with_one_thread_and_the_parent_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert run_sharded(os.getenv, ["OMP_NUM_THREADS"] * 2, nj=2, description="threads") == ["1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(("nj", "off"), [(1, None), (2, True)])
def test_work_side_by_side_has_no_bars_that_share_a_line(nj: int, off: bool | None) -> None:
    call = operator.methodcaller("__call__")
    assert run_sharded(call, [bar_off, bar_off], nj=nj, description="work") == [off, off]


def test_split_evenly() -> None:
    for n_items in range(1, 20):
        for parts in range(1, 8):
            runs = split_evenly(list(range(n_items)), parts)
            assert [item for run in runs for item in run] == list(range(n_items))
            assert len(runs) == min(parts, n_items)
            assert max(map(len, runs)) - min(map(len, runs)) <= 1


@pytest.mark.parametrize("nj", [1, 2])
def test_only_the_missing_shards_of_a_step_are_done(nj: int, tmp_path: Path) -> None:
    notes = Shards(tmp_path, key="k")
    with notes.unfinished(()):
        notes.save("2", "made before")
        # Any function of an item and its claims that a worker can import and JSON can say the result of.
        results = list(run_shards(operator.is_not, {"1": "a", "2": "b", "3": "c"}, notes, nj=nj, description="x"))
    assert results == [True, "made before", True]


def test_a_shard_whose_file_is_gone_is_done_again(tmp_path: Path) -> None:
    def work(name: str, claims: Claims) -> int:
        claims([tmp_path / name])
        (tmp_path / name).write_text(name)
        return len(name)

    notes = Shards(tmp_path, key="k")
    for _ in range(2):
        with notes.unfinished(()):  # the second time it goes on: only run_step forgets notes with a key
            assert list(run_shards(work, {"1": "a", "2": "bb"}, notes, nj=1, description="x")) == [1, 2]
        (tmp_path / "a").unlink()
    assert (tmp_path / "bb").exists() and not (tmp_path / "a").exists()


def test_notes_without_a_key_are_forgotten_at_the_end_and_kept_after_a_failure(tmp_path: Path) -> None:
    notes = Shards(tmp_path)
    with pytest.raises(UserError), notes.unfinished(()):
        raise UserError("no room")
    assert notes.path.exists()
    with notes.unfinished(()):
        assert notes.path.exists()
    assert not notes.path.exists()


def test_shards_of_about_equal_length() -> None:
    assert cut_shards([], 3) == {}
    assert cut_shards(range(7), 3, "x.") == {"x.1": range(3), "x.2": range(3, 5), "x.3": range(5, 7)}


def test_an_unknown_backend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAKSEP_BACKEND", "sge")
    with pytest.raises(UserError, match="unknown job backend 'sge'"):
        run_sharded(abs, [1], nj=1, description="x")


class FakeCuda:
    """Two GPUs of 10 bytes; free says how many are free on each."""

    def __init__(self, free: list[int]) -> None:
        self.free = free

    def is_available(self) -> bool:
        return bool(self.free)

    def device_count(self) -> int:
        return len(self.free)

    def mem_get_info(self, index: int) -> tuple[int, int]:
        return self.free[index], 10

    def get_device_name(self, index: int) -> str:
        return f"fake {index}"

    def get_device_properties(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(uuid=f"gpu-{index}")


@pytest.mark.parametrize(
    ("ngpu", "free", "fallback", "expected"),
    [
        (0, [9, 9], False, "cpu"),
        (1, [], False, "cpu"),  # no GPU at all: the CPU, and the log says so
        (1, [6, 9], False, "cuda:1"),
        (1, [1, 2], True, "cpu"),
    ],
)
def test_device(
    monkeypatch: pytest.MonkeyPatch, ngpu: int, free: list[int], fallback: bool, expected: str, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda", FakeCuda(free))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("weaksep.jobs.device._OURS", {})
    assert choose_device(ngpu, fallback) == expected


def test_of_two_processes_that_start_at_once_each_takes_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find the first one the freest: nothing lies there yet."""
    monkeypatch.setattr("torch.cuda", FakeCuda([9, 8]))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("weaksep.jobs.device._OURS", {})
    other = os.open(tmp_path / "weaksep-gpu-gpu-0.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert choose_device(1) == "cuda:1"
    assert choose_device(1) == "cuda:1", "which is ours now, for the next training of this process too"
    monkeypatch.setattr("torch.cuda", FakeCuda([9, 4]))
    with pytest.raises(UserError, match=r"none of 2 GPU\(s\) has half its memory free and no other weaksep on it"):
        choose_device(1)
    os.close(other)
    assert choose_device(1) == "cuda:0"


def test_a_gpu_that_torch_cannot_use_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda", FakeCuda([]))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'GPU 0: Made Up'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UserError, match="nvidia-smi lists a GPU"):
        choose_device(1)
    assert choose_device(1, True) == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert choose_device(1) == "cpu"


def test_busy_gpus_and_odd_counts_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda", FakeCuda([1, 2]))
    with pytest.raises(UserError, match="none of 2 GPU"):
        choose_device(1)
    with pytest.raises(UserError, match="0 or 1"):
        choose_device(3)


@pytest.mark.parametrize(
    "name", ["hpu", "meta", "privateuseone", "mps", "cuda:", "cuda:-1", "cuda:\N{SUPERSCRIPT TWO}", "CUDA", ""]
)
def test_a_device_that_is_neither_cpu_nor_a_gpu(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("torch.cuda", FakeCuda([90]))
    with pytest.raises(UserError, match=f"^--device {re.escape(name)}: no such device; give auto, cpu, cuda or cuda:N"):
        named_device(name)


def test_a_device_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda", FakeCuda([90, 90]))
    assert [named_device(name) for name in ("cpu", "cuda", "cuda:1")] == ["cpu", "cuda", "cuda:1"]
    with pytest.raises(UserError, match=r"^--device cuda:2: this machine shows 2 GPU\(s\) that PyTorch can use"):
        named_device("cuda:2")
