"""The tutorials of a loss and of a net, followed word for word: each is one module and one YAML."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WRITE = re.compile(r"Put this into\s+`([^`]+)`:\n\n(?:<!-- .*? -->\n)?```\w+\n(.*?)```", re.DOTALL)
RUN = re.compile(r"```bash\n(.*?)```", re.DOTALL)
SMALLER = {
    "egs/mini_urban/conf/data.yaml": "recordings_per_class: {train: 6, valid: 2, test: 2}\n",
    "egs/mini_urban/conf/mix.yaml": "sets: {train: 24, valid: 8, test: 4}\n",
}


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """The whole project, so that its own modules are the ones that are added to."""
    made = shutil.ignore_patterns("data", "dump", "exp", "exp_*", "results*", "RESULTS.md", "__pycache__")
    for name in ("egs", "utils", "weaksep"):
        shutil.copytree(root / name, tmp_path / name, symlinks=True, ignore=made)
    for name, line in SMALLER.items():
        path, key = tmp_path / name, line.partition(":")[0]
        text = re.sub(rf"^{key}:.*\n(?:[ \t]+.*\n)*", line, path.read_text(), flags=re.MULTILINE)
        assert line in text
        path.write_text(text)
    return tmp_path


@pytest.mark.recipe
@pytest.mark.parametrize("name", ["loss", "net"])
def test_the_page_word_for_word(root: Path, project: Path, name: str) -> None:
    page = (root / f"docs/tutorials/{name}.md").read_text(encoding="utf-8")
    files, commands = WRITE.findall(page), RUN.findall(page)
    assert len(files) == 2 and len(commands) == 1
    for path, content in files:
        assert not (project / path).exists()
        (project / path).write_text(content)
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(project)}
    environment |= {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(["bash", "-ec", commands[0]], cwd=project, env=environment, capture_output=True, text=True)
    told = result.stdout + result.stderr
    assert result.returncode == 0, told[-4000:]
    system = re.search(r"--systems (\w+)", commands[0])
    assert system and f"separator_{system[1]}: " in told and "Successfully finished the dry run" in told
    module = project / files[0][0]
    check = subprocess.run([tools / "ruff", "check", "--config", root / "pyproject.toml", module], capture_output=True)
    assert check.returncode == 0, check.stdout
