"""Names of recordings and options that lead astray: out of --out, onto what is read, into the terminal."""

from __future__ import annotations

import ast
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import weaksep.bin
from weaksep.bin import infer, separate
from weaksep.bin.cli import make_parser, run_command, tell
from weaksep.errors import UserError
from weaksep.fileio.logs import LineFormatter
from weaksep.infer.model import save_untrained


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, below another; with a model, and a recording."""
    folder = tmp_path / "above" / "work"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    save_untrained("model", ["bark", "horn"], 8000)
    soundfile.write("sound.flac", 0.1 * np.random.default_rng(0).standard_normal(800), 8000)
    return folder


def run(*arguments: str) -> None:
    separate.main(["--model", "model", *arguments, "--device", "cpu"])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (b"...flac", "is empty or begins with a dot"),
        (b"..flac", "is empty or begins with a dot"),
        (b".hidden.flac", "is empty or begins with a dot"),
    ],
)
def test_a_recording_with_the_name_of_a_folder_above(work: Path, name: bytes, problem: str) -> None:
    shutil.move("sound.flac", os.fsdecode(name))
    before = tree(work.parent)
    with pytest.raises(UserError, match=f"its name, .*, {problem}; rename it"):
        run(os.fsdecode(name), "--out", "out")
    assert tree(work.parent) == before


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"a\tb.flac", r"a\\tb"), (b"a\nb.flac", r"a\\nb"), (b"a\x1b[2J.flac", r"a\\x1b\[2J"), (b"a\xff.flac", r"a\\xff")],
)
def test_a_name_that_no_table_can_hold_is_refused_before_any_work(
    work: Path, name: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder").mkdir()
    shutil.copy("sound.flac", "folder/whole.flac")
    shutil.move("sound.flac", Path("folder") / os.fsdecode(name))
    before = tree(work)
    with pytest.raises(UserError, match=rf"\(1 problem\):\n  folder/{shown}.flac: its name, .*; rename it$"):
        run("folder", "--events", "true", "--out", "out")
    with pytest.raises(SystemExit):
        run(f"folder/{os.fsdecode(name)}", "--out", "out")
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and "argument IN: the path 'folder/a" in error[0] and error[0].isprintable()
    assert tree(work) == before


def test_hidden_files_of_a_folder_are_left_out(work: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for name in ("folder/.cache/a.flac", "folder/._whole.flac", "folder/whole.flac"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("sound.flac", name)
    run("folder", "--out", "out")
    assert [path.name for path in Path("out").iterdir()] == ["whole"]
    assert "folder: 2 hidden files are left out, first folder/._whole.flac" in caplog.text


@pytest.mark.parametrize("way", ["plain", "link", "linked folder", "another of its folder"])
def test_a_recording_that_would_be_written_over(work: Path, way: str) -> None:
    shutil.copy("sound.flac", "bark.flac")
    run("bark.flac", "--out", "d")  # from now on d/bark is known as ours
    given = {
        "plain": ["d/bark/bark.flac"],
        "link": ["other/bark.flac"],
        "linked folder": ["linked/bark/bark.flac"],
        "another of its folder": ["bark.flac", "d/bark/horn.flac"],
    }[way]
    Path("other").mkdir()
    Path("other/bark.flac").symlink_to("../d/bark/bark.flac")
    Path("linked").symlink_to("d")
    before = tree(work)
    with pytest.raises(UserError, match=r"lies in d/bark, which is written; give another folder to write"):
        run(*given, "--out", "d", "--rate", "input", "--force", "true")
    assert tree(work) == before


def test_mixtures_that_would_be_written_over(test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stage 5 on a data folder whose audio a system has separated: not by that system, into the same folder."""
    monkeypatch.chdir(tmp_path)
    place = Path("exp/unprocessed/separated/test/audio")
    place.parent.mkdir(parents=True)
    shutil.move(test_data / "audio", place)
    (test_data / "audio").symlink_to(place.resolve())
    Path("conf").mkdir()
    Path("conf/feats.yaml").write_text("window_samples: 128\nhop_samples: 64\n")
    before = tree(place)
    with pytest.raises(UserError, match="what is read would be overwritten"):
        infer.main(["--data", str(test_data)])
    assert before and tree(place) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the path '' is empty"),
        ("a\nb", r"the path 'a\\nb' holds a control character"),
        (os.fsdecode(b"a\xff"), r"the path 'a\\xff' is not UTF-8"),
    ],
)
def test_paths_that_are_none(capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    parser = make_parser("mix", "Mix.")
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("more", type=Path, nargs="*")
    for arguments, name in ((["--out", text], "--out"), ([f"--out={text}"], "--out"), (["a", text], "more")):
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(arguments)
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith(f"weaksep mix: error: argument {name}: {said} (")
    assert parser.parse_args(["a b"]).out == Path("data")


def record(text: str, *arguments: object, exc_info=None) -> logging.LogRecord:
    return logging.LogRecord("weaksep", logging.INFO, "some.py", 7, text, arguments, exc_info, "work")


def test_a_log_line_stays_a_line() -> None:
    told = LineFormatter().format(record("%s: done", Path("a\n2026-01-01 forged\x1b[2J")))
    assert told.endswith(r"(some.py:7:work) a\n2026-01-01 forged\x1b[2J: done") and told.isprintable()
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        told = LineFormatter().format(record("failed", exc_info=sys.exc_info()))
    assert "\nTraceback" in told and "\x1b" not in told


def test_results_and_errors_show_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    tell(f"written: {os.fsdecode(bytes([97, 27, 255]))}\nnext")
    assert capsys.readouterr().out == "written: a\\x1b\\xff\nnext\n"

    def missing(_: list[str]) -> None:
        Path("a\nb\x1b").read_text()

    assert run_command(missing, [], name="mix") == 1
    assert capsys.readouterr().err == "weaksep mix: error: a\\nb\\x1b: No such file or directory\n"


def test_a_name_that_is_not_utf8_is_an_error_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def write(_: list[str]) -> None:
        (tmp_path / "x").write_text(f"first\nof {os.fsdecode(bytes([98, 255]))} too\nlast")

    assert run_command(write, [], name="mix") == 1
    error = capsys.readouterr().err
    assert error == "weaksep mix: error: of b\\xff too: holds a name that is not UTF-8; rename that file or folder\n"


def test_commands_print_through_one_place() -> None:
    for file in Path(weaksep.bin.__file__).parent.glob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        prints = [call for call in calls if isinstance(call, ast.Name) and call.id == "print"]
        assert not prints or file.name in ("cli.py", "main.py"), file


def test_commands_on_folders_with_odd_names(tmp_path: Path) -> None:
    """In their own process, where stdout is what it is for users."""
    odd = os.fsencode(tmp_path) + b"/data/a\xff\n\x1b[2J"
    os.makedirs(odd)
    for command in (["clean", "--datadir", "data"], ["validate", "data"], ["fix", "data"], ["infer"]):
        result = subprocess.run(
            [sys.executable, "-m", "weaksep.bin", *command], cwd=tmp_path, capture_output=True, check=False
        )
        output = result.stdout + result.stderr
        assert b"Traceback" not in output and b"\x1b" not in output and b"\xff" not in output
