"""sdist and wheel, built, installed into an environment of its own, and recipes made and run in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from weaksep.infer.model import save_untrained

PARTS = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "weaksep", "egs", "utils")
MADE = ("data/train/wav.scp", "exp/train.log", "results/a/RESULTS.md", "RESULTS.md", "results.json")
BUILD = "from setuptools import build_meta; build_meta.build_{}('..')"


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**clean, **environment}, capture_output=True, text=True
    )


def done(*command: str | Path, cwd: Path, **environment: str) -> str:
    result = run(*command, cwd=cwd, **environment)
    assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sdist of a checkout in which recipes have run."""
    source = tmp_path_factory.mktemp("build") / "checkout"
    source.mkdir()
    for name in PARTS:
        if (root / name).is_dir():
            skip = shutil.ignore_patterns("__pycache__", "data", "dump", "exp", "exp_*", "results*", "RESULTS.md")
            shutil.copytree(root / name, source / name, symlinks=True, ignore=skip)
        else:
            shutil.copy(root / name, source / name)
    for name in MADE:
        path = source / "egs/mini_urban" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made")
    (save_untrained(source / "weaksep/models/stand_in", ["bark", "horn"], 8000) / "README.md").write_text("a card")
    done(sys.executable, "-c", BUILD.format("sdist"), cwd=source)
    (sdist,) = source.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert not any(name.endswith(part) for name in archive.getnames() for part in MADE)
        archive.extractall(source.parent)
    done(sys.executable, "-c", BUILD.format("wheel"), cwd=source.parent / sdist.name.removesuffix(".tar.gz"))
    return next(source.parent.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin of an environment with the wheel; what weaksep requires is this environment's, torch being so large."""
    folder = tmp_path_factory.mktemp("environment")
    done(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin/python"
    (site,) = folder.glob("lib/python3*/site-packages")
    # The .pth files there, one of which leads to this checkout, are not followed from here.
    (site / "required.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("-packages")))
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--ignore-installed")
    done(python, "-m", "pip", "install", *options, wheel, cwd=folder)
    assert done(python, "-c", "import weaksep; print(weaksep.__file__)", cwd=folder).startswith(str(site))
    return folder / "bin"


def test_each_file_is_in_the_wheel_once(root: Path, wheel: Path) -> None:
    names = [name.partition("weaksep/recipes/")[2] for name in zipfile.ZipFile(wheel).namelist()]
    held = {name for name in names if name}
    assert {name for name in held if name.endswith("run.sh")} == {"egs/urbansound_mix/run.sh"}
    for pattern in ("egs/*/conf/**/*.yaml", "egs/*/local/*.*", "egs/*/db.sh", "utils/**/*.sh"):
        assert {str(path.relative_to(root)) for path in root.glob(pattern)} <= held
    assert not any("utils" in name and not name.startswith("utils/") for name in held)
    assert not any(part in name for name in held for part in ("/data/", "/exp/", "results", "RESULTS", ".pyc"))


def test_models_are_in_the_wheel_and_known_by_name(root: Path, wheel: Path, programs: Path, tmp_path: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("weaksep/models/")}
    own = {str(path.relative_to(root)) for path in root.glob("weaksep/models/*/*")}
    files = ("README.md", "model.json", "model.safetensors")
    assert held == own | {f"weaksep/models/stand_in/{name}" for name in files}
    path = f"{programs}:/usr/bin:/bin"
    assert "stand_in" in done("weaksep", "separate", "--help", cwd=tmp_path, PATH=path)
    done("weaksep", "recipe", "mini_urban", "mine", cwd=tmp_path, PATH=path)
    result = run("mine/run.sh", "--init", "stan_in", cwd=tmp_path, PATH=path)
    assert result.returncode == 2
    assert result.stderr.startswith("weaksep systems: error: stan_in: no such model; did you mean stand_in?\n")
    load = "import weaksep; print(*weaksep.load_separator('stand_in').classes)"
    assert done(programs / "python", "-c", load, cwd=tmp_path) == "bark horn\n"


def test_from_the_wheel_to_a_recipe_that_runs(root: Path, programs: Path, tmp_path: Path) -> None:
    path = f"{programs}:/usr/bin:/bin"
    listed = done("weaksep", "recipe", cwd=tmp_path, PATH=path)
    names = sorted(folder.parent.name for folder in (root / "egs").glob("*/conf"))
    assert [line.split()[0] for line in listed.splitlines()] == names
    assert all(len(line.split()) > 5 for line in listed.splitlines())
    done("weaksep", "recipe", "mini_urban", "my urban", cwd=tmp_path, PATH=path)
    folder = tmp_path / "my urban"
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert "--stop-stage" in done(folder / "run.sh", "--help", cwd=Path("/"), PATH=path)
    data = folder / "conf/data.yaml"
    few = re.sub("recordings_per_class:.*", "recordings_per_class: {train: 2, valid: 1, test: 1}", data.read_text())
    data.write_text(few)
    told = done(folder / "run.sh", "--stop-stage", "0", cwd=Path("/"), PATH=path)
    assert "Successfully finished" in told and len(list(folder.glob("data/events/train/audio/*.wav"))) == 40
    assert "valid (" in done("utils/validate_data_dir.sh", "data/events/train", cwd=folder, PATH=path)


def test_a_new_corpus_has_systems_for_real_recordings(programs: Path, tmp_path: Path) -> None:
    path = f"{programs}:/usr/bin:/bin"
    done("weaksep", "recipe", "--from", "esc50_mix", "deep/my_city", cwd=tmp_path, PATH=path)
    folder = tmp_path / "deep/my_city"
    listed = done("./run.sh", "--help", cwd=folder, PATH=path)
    assert re.search(r"\[strong frame clip strong_remix remix remix_classified\]", listed)
    assert "ESC" not in "".join((folder / f"conf/{name}").read_text() for name in ("data.yaml", "defaults.sh"))
    result = run("./run.sh", "--stop-stage", "0", cwd=folder, PATH=path)
    assert result.returncode == 2 and "no folder of the corpus: name it in db.sh" in result.stderr


def test_how_to_install_without_kaldiio(root: Path) -> None:
    """The list of docs/installation.md is that of setup.py, but for the one."""
    table = (root / "setup.py").read_text().partition("REQUIREMENTS = [")[2].partition("]")[0]
    required = re.findall(r'"(\w+)>=', table)
    line = re.search(r"pip install kaldi_native_io (.*)", (root / "docs/installation.md").read_text())
    assert line and {*line[1].split(), "kaldiio"} == set(required)
