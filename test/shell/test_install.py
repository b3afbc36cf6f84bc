"""tools/install.sh: what it installs, keeps, mends and refuses, with stand-ins for Python and pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# `python -m venv DIR` makes a folder with this same program in it, and pip writes down what it was asked for.
# All else goes to the real Python, except the check of the imports, which are not there.
STAND_IN = """#!/usr/bin/env bash
here=$(cd "$(dirname "$0")" && pwd)
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"; cp "$0" "$3/bin/python" ;;
    "-m pip")
        shift 2
        echo "$*" >>"${CALLS}"
        case "$*" in
            *"${FAILS:-nothing}"*) exit 1 ;;
            *--editable*) printf '#!/bin/sh\\n' >"${here}/weaksep"; chmod +x "${here}/weaksep" ;;
        esac ;;
    "- "*)
        code=$(cat)
        case "${code}" in
            *"import numpy"*) exit 0 ;;
            *) printf '%s' "${code//sys.prefix/\\"${here}\\"}" | "${REAL_PYTHON}" "$@" ;;
        esac ;;
    *check_env.py*) echo "report" ;;
    *) exec "${REAL_PYTHON}" "$@" ;;
esac
"""


def test_who_installs_by_pip_reads_at_once_where_the_small_torch_is(root: Path) -> None:
    index = re.search(r"PIP_EXTRA_INDEX_URL=(\S+)", (root / "tools/install.sh").read_text())
    first_part = (root / "README.md").read_text().partition("\n## ")[0]
    assert index and f"pip install --extra-index-url {index[1]} torch" in first_part


class Repository:
    """A folder with the scripts and tables that install.sh reads."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        for name in (
            "tools/install.sh",
            "tools/constraints.txt",
            "setup.py",
            "utils/log.sh",
            "utils/parse_options.sh",
        ):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(root / name, folder / name)
        self.python = folder / "stand-in"
        self.python.write_text(STAND_IN)
        self.python.chmod(0o755)

    def install(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            [str(self.folder / "tools/install.sh"), *arguments],
            capture_output=True, text=True, check=False,
            env={**os.environ, "CALLS": str(self.calls), "REAL_PYTHON": sys.executable, **more},
        )  # fmt: skip


@pytest.fixture
def repository(root: Path, tmp_path: Path) -> Repository:
    return Repository(root, tmp_path)


def test_torch_comes_first_and_by_its_tested_version(repository: Repository) -> None:
    result = repository.install("--python", str(repository.python))
    assert result.returncode == 0, result.stderr
    first, second, third = repository.calls.read_text().splitlines()
    constraints = f"--constraint {repository.folder}/tools/constraints.txt"
    assert first.endswith(f"install {constraints} torch==2.13.0")
    assert second.endswith(f"install {constraints} --editable {repository.folder}[test,report,docs,export]")
    assert third.endswith(f"--editable {repository.folder}[sed]")
    assert [f"Step {step}/5" in result.stdout for step in (1, 2, 3, 4, 5)] == [True] * 5


def test_without_a_compiler_all_but_sed_scores_eval_is_there(repository: Repository) -> None:
    result = repository.install("--python", str(repository.python), FAILS="[sed]")
    assert result.returncode == 0, result.stderr
    assert "no sed_scores_eval (it needs a C compiler" in result.stdout
    assert (repository.folder / "tools/venv/.complete").exists()


def test_a_complete_environment_is_kept(repository: Repository) -> None:
    repository.install("--python", str(repository.python))
    result = repository.install()
    assert result.returncode == 0
    assert "nothing to do" in result.stdout
    assert repository.calls.read_text() == ""


def test_new_requirements_are_installed_over_the_old(repository: Repository) -> None:
    repository.install("--python", str(repository.python))
    kept = repository.folder / "tools/venv/kept"
    kept.touch()
    with open(repository.folder / "tools/constraints.txt", "a") as file:
        file.write("six==1.17.0\n")
    result = repository.install()
    assert "not up to date" in result.stdout
    assert len(repository.calls.read_text().splitlines()) == 3
    assert kept.exists()
    assert "nothing to do" in repository.install().stdout


def test_an_update_that_breaks_off_leaves_no_complete_environment(repository: Repository) -> None:
    repository.install("--python", str(repository.python))
    with open(repository.folder / "setup.py", "a") as file:
        file.write("\n")
    assert repository.install(FAILS="--editable").returncode == 1
    assert not (repository.folder / "tools/venv/.complete").exists()


@pytest.mark.parametrize("step", ["torch==", "--editable"])
def test_a_half_made_environment_is_made_anew(repository: Repository, step: str) -> None:
    result = repository.install("--python", str(repository.python), FAILS=step)
    assert result.returncode == 1
    left = repository.folder / "tools/venv/left"
    left.touch()
    assert not (repository.folder / "tools/venv/.complete").exists()
    result = repository.install("--python", str(repository.python))
    assert result.returncode == 0
    assert "removing it" in result.stdout
    assert not left.exists()


def test_a_moved_environment_is_made_anew(repository: Repository) -> None:
    repository.install("--python", str(repository.python), "--venv", str(repository.folder / "a"))
    (repository.folder / "a").rename(repository.folder / "b")
    result = repository.install("--python", str(repository.python), "--venv", str(repository.folder / "b"))
    assert "removing it" in result.stdout
    assert result.returncode == 0


def test_a_folder_that_is_no_environment_is_left_alone(repository: Repository) -> None:
    folder = repository.folder / "mine"
    folder.mkdir()
    (folder / "thesis.tex").touch()
    result = repository.install("--python", str(repository.python), "--venv", str(folder))
    assert result.returncode == 2
    assert "is no Python environment" in result.stderr
    assert (folder / "thesis.tex").exists()


def test_an_environment_of_somebody_else_is_left_alone(repository: Repository) -> None:
    theirs = repository.folder / "theirs"
    theirs.mkdir()
    for name in ("pyvenv.cfg", "thesis.tex"):
        (theirs / name).touch()
    result = repository.install("--python", str(repository.python), "--venv", str(theirs))
    assert result.returncode == 2 and "is an environment that this script has not made" in result.stderr
    assert (theirs / "thesis.tex").exists()
    half = ["--python", str(repository.python), "--venv", str(repository.folder / "half")]
    assert repository.install(*half, FAILS="torch==").returncode == 1
    assert "removing it" in repository.install(*half).stdout, "one that it has begun is its own"


def test_an_environment_that_was_hardly_begun_is_made_anew(repository: Repository) -> None:
    begun = repository.folder / "begun"
    begun.mkdir()
    (begun / ".begun").touch()  # killed before Python had written a file
    result = repository.install("--python", str(repository.python), "--venv", str(begun))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "script",
    [
        "tools/install.sh",
        "tools/test.sh",
        "egs/mini_urban/run.sh",
        "utils/fix_data_dir.sh",
        "utils/validate_data_dir.sh",
    ],
)
def test_cdpath_leads_no_script_elsewhere(root: Path, tmp_path: Path, script: str) -> None:
    (tmp_path / Path(script).parent).mkdir(parents=True)
    result = subprocess.run(
        ["bash", script, "--help"],
        cwd=root,
        env={**os.environ, "CDPATH": f"{tmp_path}:."},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert str(tmp_path) not in result.stdout


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "no program"),
        ("exit 3", "does not run"),
        (
            'case "$2" in *print*) echo 3.8 ;; *exit*) exit 1 ;; esac',
            "is Python 3.8; weaksep needs 3.10 or newer",
        ),
        ('case "$2" in *print*) echo 3.12 ;; *venv*) exit 1 ;; esac', "sudo apt-get install python3.12-venv"),
    ],
)
def test_a_python_that_will_not_do(repository: Repository, script: str | None, message: str) -> None:
    python = repository.folder / "python-x"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    result = repository.install("--python", str(python))
    assert result.returncode == 2
    assert message in result.stderr
    assert not (repository.folder / "tools/venv").exists()


def test_constraints_hold_for_every_machine(root: Path) -> None:
    lines = [line for line in (root / "tools/constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = [line.partition(";")[0] for line in lines]
    assert all(pin.count("==") == 1 and not set("+@/") & set(pin) for pin in pins)
    names = {pin.partition("==")[0].replace("_", "-").lower() for pin in pins}
    source = (root / "setup.py").read_text()
    requirements = source[source.index("REQUIREMENTS") : source.index("setup(")].split('"')[1::2]
    packages = {text.partition(">=")[0].replace("_", "-").lower() for text in requirements} - {
        "test",
        "report",
        "sed",
        "nmf",
        "slurm",
        "hub",
        "export",
        "docs",
    }
    assert len(packages) > 15
    assert packages <= names
