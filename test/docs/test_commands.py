"""Every command and every Python block in README and docs/ is run, or says why not; all options that they name exist.

Blocks without a comment before them are run in a folder that has what they name: the recipes, a corpus' table, a
trained model, a recording, and the data of mini_urban. What the comments may say is in ``note_problem``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import CODE, PAGES, ROOT, Block, all_blocks, blocks_in, command_problems, commands_in, note_problem

SHELL, PYTHON = all_blocks("bash", "sh"), all_blocks("python")
CLASSES = ["dog", "siren"]
SMALLER = {
    "data.yaml": ("recordings_per_class", "{train: 3, valid: 2, test: 2}"),
    "mix.yaml": ("sets", "{train: 4, valid: 2, test: 2}"),
}


def place(block: Block) -> str:
    """How a test is called."""
    return block.place.replace("/", ".")


def environment() -> dict[str, str]:
    """With the weaksep that is tested."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the blocks find: see the module."""
    import numpy as np

    from weaksep.fileio.audio import write_audio
    from weaksep.fileio.yamlfile import write_yaml
    from weaksep.infer.model import save_untrained

    folder = tmp_path_factory.mktemp("pages")
    skip = shutil.ignore_patterns("data", "dump", "exp", "exp_*", "results", "RESULTS.md", "__pycache__")
    for name in ("egs", "utils"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=skip)
    for name, (key, value) in SMALLER.items():
        file = folder / "egs/mini_urban/conf" / name
        old = re.compile(rf"^{key}:.*\n(?:[ \t]+.*\n)*", re.MULTILINE)
        file.write_text(old.sub(f"{key}: {value}\n", file.read_text()))
    script = ["egs/mini_urban/run.sh", "--stop-stage", "1", "--nj", "1"]
    done = subprocess.run(script, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "data").symlink_to("egs/mini_urban/data")
    model = save_untrained(folder / "egs/mini_urban/exp/separator_strong", CLASSES, 8000)
    write_yaml(model / "config.yaml", {"supervision": "strong"})
    (folder / "tools/venv/bin").mkdir(parents=True)
    (folder / "tools/venv/bin/activate").touch()
    noise = np.random.default_rng(0).integers(-3000, 3000, 16_000).astype(np.int16)
    write_audio(folder / "recording.wav", noise, 16_000)
    (folder / "table.csv").write_text("filename,category,recording\n1.wav,siren,7\n2.wav,street,8\n")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The same for one page."""
    shutil.copytree(made, tmp_path / "here", symlinks=True)
    return tmp_path / "here"


def test_there_are_blocks_to_run() -> None:
    assert len([block for block in SHELL if not block.note]) >= 5 and len(PYTHON) >= 5


@pytest.mark.parametrize("page", sorted({block.place.partition(":")[0] for block in SHELL if not block.note}))
def test_a_pages_commands_run(page: str, folder: Path) -> None:
    """In the order of the page, each after the ones before it."""
    for block in SHELL:
        if block.place.partition(":")[0] == page and not block.note:
            command = ["bash", "-euo", "pipefail", "-c", block.text]
            done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
            assert done.returncode == 0, f"{block.place}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("block", [block for block in PYTHON if not block.note], ids=place)
def test_a_pages_python_runs(block: Block, folder: Path) -> None:
    packed = ["weaksep", "pack", "egs/mini_urban/exp/separator_strong", "model.zip"]
    subprocess.run(packed, cwd=folder, env=environment(), check=True, capture_output=True)
    code = [sys.executable, "-c", block.text]
    done = subprocess.run(code, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{block.place}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("block", [block for block in [*SHELL, *PYTHON] if block.note], ids=place)
def test_what_is_not_run_says_why(block: Block) -> None:
    assert note_problem(block.note) == "", block.place


@pytest.mark.parametrize("block", [block for block in SHELL if block.note.startswith("not run")], ids=place)
def test_options_exist(block: Block) -> None:
    problems = [problem for words in commands_in(block.text) for problem in command_problems(words)]
    assert problems == [], block.place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)).replace("/", "."))
def test_options_of_commands_in_a_sentence_exist(page: Path) -> None:
    commands = [" ".join(found.split()) for found in CODE.findall(page.read_text("utf-8"))]
    plain = [re.sub(r"[\[\]]|\.\.\.", " ", command) for command in commands]
    assert [problem for text in plain for words in commands_in(text) for problem in command_problems(words)] == []


def test_what_is_wrong_is_found() -> None:
    (block,) = blocks_in("Then\n\n<!-- not run: it takes hours -->\n```bash\negs/x/run.sh\n```\n", "page")
    assert (block.place, block.note) == ("page:4", "not run: it takes hours")
    (block,) = blocks_in("<!-- not run: it takes hours -->\n\n```bash\nls\n```\n", "page")
    assert block.note == ""
    assert note_problem("not run:") and note_problem("later") and note_problem("not run: slow") != ""
    assert note_problem("run by test/docs/nothing.py") == "there is no test/docs/nothing.py"
    assert note_problem("run by test/docs/test_commands.py, in part") == ""
    text = (
        'A=1 egs/mini_urban/run.sh --config conf/remix --systems "remix none" --nope 1  # --no\nls | weaksep mix --x=1'
    )
    problems = [problem for words in commands_in(text) for problem in command_problems(words)]
    assert problems == [
        "egs/mini_urban/run.sh has no option --nope",
        "egs/mini_urban/conf/remix/none.yaml is not there",
        "weaksep has no option --x",
    ]
    assert command_problems(["weaksep", "seperate", "--model"]) == ["no command weaksep seperate"]
    assert command_problems(["egs/urban/run.sh"]) == ["no recipe urban"]
    assert command_problems(["egs/mini_urban/run.sh", "--config", "conf/no"]) == ["egs/mini_urban/conf/no is not there"]
