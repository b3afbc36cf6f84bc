"""Stage 5 when one of several systems cannot be used: the others are separated, and the failure is told."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from weaksep.bin import infer
from weaksep.errors import UserError
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer import systems
from weaksep.infer.model import save_untrained


@pytest.fixture
def exp(test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two systems, one of them about denser mixtures, on the tiny set and a copy of it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(test_data, tmp_path / "data/test_dense")
    for name, mixtures in (("strong", ""), ("strong_dense", "dense")):
        folder = save_untrained(tmp_path / f"exp/separator_{name}", ["bark", "drill", "horn"], 8000)
        write_yaml(folder / "config.yaml", {"supervision": "strong", "mixtures": mixtures})
    return tmp_path / "exp"


def run(names: str, *more: str) -> None:
    infer.main(["--systems", names, "--oracles", "false", *more])


def test_each_separates_its_own_set(exp: Path) -> None:
    run("strong strong_dense")
    assert (exp / "separator_strong/separated/test/horn.scp").exists()
    assert (exp / "separator_strong_dense/separated/test_dense/horn.scp").exists()
    assert not (exp / "separator_strong_dense/separated/test").exists()


@pytest.mark.parametrize(("gpus", "device"), [(1, "cuda"), (0, "cpu")])
def test_on_slurm_a_gpu_is_that_of_each_job(exp: Path, monkeypatch: pytest.MonkeyPatch, gpus: int, device: str) -> None:
    asked = {}

    def note(function: partial, *shards: object, **options: object) -> list:
        asked.update(options, device=function.args[0].device)
        raise UserError("enough")

    monkeypatch.setenv("WEAKSEP_BACKEND", "slurm")
    write_yaml("conf/slurm.yaml", {"separate": {"gpus": gpus}})
    monkeypatch.setattr("weaksep.jobs.device._free_gpu", lambda allow_cpu: ("cpu", "none here"))
    monkeypatch.setattr("weaksep.infer.dataset.run_shards", note)
    with pytest.raises(UserError, match="enough"):
        run("strong", "--ngpu", "1", "--nj", "3")
    assert (asked["device"], asked["nj"], asked["backend"]) == (device, 3, None)


@pytest.mark.parametrize("file", ["model.safetensors", "model.json", "config.yaml"])
@pytest.mark.parametrize("broken", ["strong", "strong_dense"])
def test_one_that_fails_stops_no_other(exp: Path, broken: str, file: str) -> None:
    (exp / f"separator_{broken}" / file).write_bytes(b"[no network")
    other = ({"strong", "strong_dense"} - {broken}).pop()
    with pytest.raises(UserError, match=rf"not all could be separated \(1 problem\):\n  exp/separator_{broken}: "):
        run("strong_dense strong")
    assert list(exp.glob(f"separator_{other}/separated/*/horn.scp"))
    run("strong_dense strong", "--failed", "failed")
    assert Path("failed").read_text() == f"{broken}\n"
    with pytest.raises(UserError, match=file):  # none is left
        run(broken, "--failed", "failed")


def test_a_bug_is_told_like_any_failure(exp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = systems._separate

    def fails(out: Path, system: Path, *more: object) -> None:
        if system.name == "separator_strong":
            raise RuntimeError("out of memory\nmore of it")
        real(out, system, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(systems, "_separate", fails)
    with pytest.raises(UserError, match="separator_strong: RuntimeError: out of memory; the traceback is in the log"):
        run("strong strong_dense")
    assert (exp / "separator_strong_dense/separated/test_dense/horn.scp").exists()
