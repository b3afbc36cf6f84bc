"""The commands' common part: option names, exit statuses, error lines, log lines."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weaksep.bin import main as dispatcher
from weaksep.bin.cli import make_parser, run_command, str2bool, with_dashes
from weaksep.errors import UserError, did_you_mean
from weaksep.fileio.logs import set_up_logging

COMMANDS = sorted(dispatcher.command_files())


@pytest.fixture(autouse=True)
def logging_as_before():
    """run_command sets up the root logger; put back what pytest had there."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logging.captureWarnings(False)
    logger.handlers[:], logger.level = handlers, level


def test_str2bool() -> None:
    assert [str2bool(text) for text in ("true", "false", "True")] == [True, False, True]
    for text in ("yes", "1", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            str2bool(text)


def test_only_names_get_dashes() -> None:
    assert with_dashes(["--a_b", "c_d", "--e_f=g_h", "-x_y"]) == ["--a-b", "c_d", "--e-f=g_h", "-x_y"]


def parser() -> argparse.ArgumentParser:
    made = make_parser("mix", "Mix.\n\nMore.")
    made.add_argument("--stop-stage", type=int, default=7)
    made.add_argument("--download", type=str2bool, default=False)
    return made


def test_dash_and_underscore_are_the_same() -> None:
    for arguments in (["--stop_stage", "3"], ["--stop-stage=3"], ["--stop_stage=3"]):
        assert parser().parse_args(arguments).stop_stage == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stop-stgae", "3"], "unknown option --stop-stgae; did you mean --stop-stage?"),
        (["--stop", "3"], "unknown option --stop; did you mean --stop-stage?"),  # no abbreviations
        (["--qqq=3"], "unknown option --qqq ("),
        (["--download", "yes"], "argument --download: 'yes' is neither true nor false"),
    ],
)
def test_a_wrong_command_line_is_one_line(capsys, arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as stop:
        parser().parse_args(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"weaksep mix: error: {message}")
    assert error.count("\n") == 1


def test_a_user_error_is_one_line_and_status_1(capsys) -> None:
    def fail(argv: list[str]) -> None:
        raise UserError(f"data/wav.scp:3: no file a.wav {argv}")

    assert run_command(fail, ["--a_b"], name="mix") == 1
    assert capsys.readouterr().err == "weaksep mix: error: data/wav.scp:3: no file a.wav ['--a-b']\n"


def test_debug_shows_where_it_came_from(capsys) -> None:
    def fail(argv: list[str]) -> None:
        raise UserError("no file")

    assert run_command(fail, ["--debug"], name="mix") == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "in fail" in error
    assert error.endswith("weaksep mix: error: no file\n")


def test_other_ends() -> None:
    def interrupt(argv: list[str]) -> None:
        raise KeyboardInterrupt

    def bug(argv: list[str]) -> None:
        raise ZeroDivisionError

    assert run_command(interrupt, [], name="mix") == 130
    assert run_command(lambda argv: None, []) == 0
    assert run_command(lambda argv: 3, []) == 3
    with pytest.raises(ZeroDivisionError):
        run_command(bug, [])


def test_the_name_is_that_of_the_file(capsys) -> None:
    def fail(argv: list[str]) -> None:
        raise UserError("no")

    assert run_command(fail, []) == 1
    assert capsys.readouterr().err == "weaksep test-cli: error: no\n"


def test_log_lines_look_like_those_of_the_recipes(capsys) -> None:
    def talk(argv: list[str]) -> None:
        logging.getLogger("weaksep.mixtures").info("12 mixtures")
        logging.getLogger("weaksep.mixtures").debug("hidden")

    assert run_command(talk, []) == 0
    stamp, place, text = capsys.readouterr().err.split(" ", 2)
    assert len(stamp) == len("2026-11-22T18:00:00")
    assert place.startswith("(test_cli.py:")
    assert place.endswith(":talk)")
    assert text == "12 mixtures\n"


@pytest.mark.parametrize(("terminal", "first"), [(True, "\r\x1b[J2"), (False, "2")])
def test_a_log_line_takes_the_place_of_a_progress_bar(terminal: bool, first: str) -> None:
    screen = io.StringIO()
    screen.isatty = lambda: terminal  # type: ignore[method-assign]
    set_up_logging()
    (handler,) = logging.getLogger().handlers
    handler.setStream(screen)  # type: ignore[attr-defined]
    screen.write("trainings:  50%|#####     | 1/2")
    logging.getLogger("weaksep.train").info("an epoch\x1b[2J")
    line = screen.getvalue().partition("1/2")[2]
    assert line.startswith(first) and line.endswith("an epoch\\x1b[2J\n")


def test_the_nearest_option_is_one_of_the_command(capsys) -> None:
    cases = ("separate", "modle", "model"), ("score", "modle", ""), ("data", "databse", "db"), ("mix", "num-jobs", "nj")
    for name, slip, meant in cases:
        with pytest.raises(SystemExit):
            importlib.import_module(f"weaksep.bin.{name}").main([f"--{slip}", "x"])
        hint = f"; did you mean --{meant}?" if meant else ""
        assert f"unknown option --{slip}{hint} (weaksep" in capsys.readouterr().err


def test_the_nearest_name_begins_alike() -> None:
    assert did_you_mean("databse", ["datadir", "database"], "") == "did you mean database?"
    assert did_you_mean("trian", ["trim", "train"], "") == "did you mean train?"
    assert did_you_mean("frane", ["crane", "frame"], "") == "did you mean frame?"


def test_unknown_and_missing_commands(capsys) -> None:
    assert dispatcher.main(["scroe"]) == 2
    assert "did you mean score?" in capsys.readouterr().err
    assert dispatcher.main([]) == 2
    assert dispatcher.main(["--help"]) == 0
    assert all(f"\n  {name} " in capsys.readouterr().out for name in ["train"])
    assert dispatcher.main(["--version"]) == 0


def test_every_stage_has_its_command() -> None:
    assert {"data", "mix", "feats", "train", "infer", "score", "report"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_quick_because_it_imports_little(root: Path, name: str) -> None:
    code = (
        "import sys\n"
        "from weaksep.bin.main import main\n"
        "try:\n"
        "    main([sys.argv[1], '--help'])\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "slow = {'torch', 'numpy', 'scipy', 'pydantic', 'tensorboard'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, name],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert f"usage: weaksep {name}" in result.stdout


def test_what_looks_at_stamps_imports_nothing_slow(root: Path) -> None:
    early = "corpora.registry mixtures.stage feats.steps train.plan train.trainings"
    late = "infer.systems score.run report.write"
    code = (
        f"import sys, {', '.join(f'weaksep.{name}' for name in f'{early} {late}'.split())}\n"
        "slow = {'torch', 'scipy.io', 'scipy.signal', 'scipy.stats', 'matplotlib', 'tensorboard'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_can_be_run_by_itself(root: Path, name: str) -> None:
    module = f"weaksep.bin.{name.replace('-', '_')}"
    result = subprocess.run(
        [sys.executable, "-m", module, "--no_such_option"],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith(f"weaksep {name}: error: ")


def test_a_file_where_a_folder_should_be_is_an_error_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    def make_a_folder(_: list[str]) -> None:
        (tmp_path / "file/folder").mkdir(parents=True)

    assert run_command(make_a_folder, [], name="mix") == 1
    error = capsys.readouterr().err
    assert error.startswith("weaksep mix: error: ") and "Not a directory" in error and "Traceback" not in error
