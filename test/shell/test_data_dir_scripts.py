"""utils/validate_data_dir.sh and utils/fix_data_dir.sh: called as people call them, from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table


def run(script: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(script), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid data/events/train with a blank in its path."""
    path = tmp_path / "my recipe/data/events/train"
    for name in ("a", "b"):
        write_audio(path / f"audio/{name}.wav", np.ones(800), 8000, "FLOAT")
    (path / "labels.txt").write_text("dog\n")
    write_table(path / "utt2class", {"a": "dog", "b": "dog"})
    for table in ("utt2spk", "spk2utt"):
        write_table(path / table, {"a": "a", "b": "b"})
    write_table(path / "utt2dur", {"a": "0.1000000", "b": "0.1000000"})
    write_table(path / "wav.scp", {"a": "audio/a.wav", "b": "audio/b.wav"})
    return path


@pytest.mark.parametrize("utils", ["utils", "egs/mini_urban/utils"])
def test_check_mend_and_check_again(root: Path, folder: Path, utils: str) -> None:
    recipe = folder.parents[2]
    check, mend = root / utils / "validate_data_dir.sh", root / utils / "fix_data_dir.sh"
    result = run(check, "--check-audio", "data/events/train", cwd=recipe)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "data/events/train: valid (2 clips, 1 class, 0.2 s, audio read)\n"
    (folder / "utt2class").write_text("b dog\na dog\n")
    result = run(check, "data/events/train", cwd=recipe)
    assert (result.returncode, result.stdout) == (1, "")
    assert "data/events/train/utt2class:2: a comes after b" in result.stderr
    assert "; utils/fix_data_dir.sh data/events/train\n" in result.stderr
    result = run(mend, "data/events/train", cwd=recipe)
    assert (result.returncode, result.stderr) == (0, "")
    assert "kept 2 of 2 clips; tables changed: utt2class; backup in data/events/train/.backup/" in result.stdout
    assert run(check, str(folder), cwd=Path("/")).returncode == 0


def test_a_failed_mending_is_status_1(root: Path, folder: Path) -> None:
    (folder / "audio/a.wav").unlink()
    result = run(root / "utils/fix_data_dir.sh", str(folder), cwd=Path("/"))
    assert result.returncode == 1
    assert "is not valid yet" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["validate", "fix"])
def test_help_and_a_slip(root: Path, tmp_path: Path, name: str) -> None:
    script = root / f"utils/{name}_data_dir.sh"
    result = run(script, "--help", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout.startswith(f"usage: weaksep {name} ")
    result = run(script, "--bakcup", "x", "--chek-audio", cwd=tmp_path)
    assert result.returncode == 2 and result.stderr.startswith(f"weaksep {name}: error: ")
    assert run(script, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("name", ["validate", "fix"])
def test_without_its_environment_it_takes_the_active_one_or_says_how_to_install(
    root: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(root / "utils", tmp_path / "copy/utils")
    script = tmp_path / f"copy/utils/{name}_data_dir.sh"
    result = run(script, "x", cwd=tmp_path, PATH="/usr/bin:/bin")
    assert result.returncode == 2
    assert result.stderr.startswith(f"{name}_data_dir.sh: error: weaksep is not installed: activate the environment")
    program = tmp_path / "bin/weaksep"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    program.chmod(0o755)
    (program.parent / "python").symlink_to("/bin/true")
    result = run(script, "a b", "$(x)", cwd=tmp_path, PATH=f"{program.parent}:/usr/bin:/bin")
    assert (result.returncode, result.stdout) == (0, f"{name}|a b|$(x)|")
