"""utils/parse_options.sh: what is accepted, how it is refused, and that values are never evaluated."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = """
set -euo pipefail
. {utils}/log.sh
stop_stage=7
tag=
skip_train=false
train_args=
undocumented=1
help_message="Usage: script
    --stop-stage N [${{stop_stage}}]
    --tag NAME
    --skip-train BOOL
    --train-args ARGS, e.g. --set a=b"
. {utils}/parse_options.sh
printf '%s|' "${{stop_stage}}" "${{tag}}" "${{skip_train}}" "${{train_args}}" "$#" "$@"
"""


@pytest.fixture
def run(root: Path, tmp_path: Path):
    script = tmp_path / "script.sh"
    script.write_text(SCRIPT.format(utils=root / "utils"))

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(script), *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
        )

    return call


@pytest.mark.parametrize(
    "arguments", [("--stop-stage", "3"), ("--stop_stage", "3"), ("--stop-stage=3",), ("--stop_stage=3",)]
)
def test_dash_underscore_and_equals_are_the_same(run, arguments) -> None:
    assert run(*arguments).stdout == "3||false||0|"


def test_defaults_stay_and_the_last_value_counts(run) -> None:
    assert run().stdout == "7||false||0|"
    assert run("--tag", "a", "--tag=b").stdout == "7|b|false||0|"


@pytest.mark.parametrize(
    "value",
    [
        "two words",
        "a=b c=d",
        "$(touch evil)",
        "`touch evil`",
        "'; touch evil; '",
        '"; touch evil; "',
        "*",
        "\\n",
        "-1",
        "",
    ],
)
def test_values_arrive_as_they_are(run, tmp_path: Path, value: str) -> None:
    assert run("--train-args", value).stdout == f"7||false|{value}|0|"
    assert run(f"--train-args={value}").stdout == f"7||false|{value}|0|"
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["--tag[$(touch evil)]", "--$(touch evil)", "--PATH", "--x y"])
def test_names_are_not_evaluated_either(run, tmp_path: Path, name: str) -> None:
    result = run(name, "3")
    assert result.returncode == 2
    assert "unknown option" in result.stderr
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("--stop-stag", "--stop-stage"), ("--stopstage", "--stop-stage"), ("--skip_trian", "--skip-train")],
)
def test_an_unknown_option_dies_with_the_nearest_one(run, name: str, hint: str) -> None:
    result = run(name, "3")
    assert result.returncode == 2
    assert result.stderr == (
        f"script.sh: error: unknown option {name}; did you mean {hint}? (--help lists the options)\n"
    )
    assert result.stdout == ""


def test_far_from_every_option_there_is_no_hint(run) -> None:
    assert "did you mean" not in run("--zzzzzz", "3").stderr


@pytest.mark.parametrize("name", ["--undocumented", "--help-message", "--set", "--home"])
def test_only_documented_variables_are_options(run, name: str) -> None:
    result = run(name, "3")
    assert result.returncode == 2
    assert f"unknown option {name}" in result.stderr


def test_switches_take_true_or_false(run) -> None:
    assert run("--skip-train", "true").stdout == "7||true||0|"
    assert run("--skip-train").stdout == "7||true||0|"
    assert run("--skip-train", "--tag", "x").stdout == "7|x|true||0|"
    assert run("--skip-train=true", "--skip-train", "false").stdout == "7||false||0|"
    result = run("--skip-train", "yes")
    assert result.returncode == 2
    assert result.stderr == "script.sh: error: option --skip-train takes true or false, not 'yes'\n"


def test_a_missing_value_is_an_error(run) -> None:
    result = run("--tag", "x", "--stop-stage")
    assert result.returncode == 2
    assert result.stderr == "script.sh: error: option --stop-stage needs a value\n"


def test_help_shows_the_defaults(run) -> None:
    result = run("--tag", "x", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: script\n    --stop-stage N [7]\n")


def test_positional_arguments_are_left(run) -> None:
    assert run("--tag", "x", "one", "two words").stdout == "7|x|false||2|one|two words|"
    assert run("--", "--tag", "x").stdout == "7||false||2|--tag|x|"


def test_log_lines(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "a.sh"
    script.write_text(f". {root}/utils/log.sh\nf() {{\n    log 'in  f' two\n}}\nlog outside\nf\n")
    lines = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["(a.sh:5:main) outside", "(a.sh:3:f) in  f two"]
    assert len(lines[0].partition(" ")[0]) == len("2026-11-22T18:00:00")
