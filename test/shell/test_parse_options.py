"""utils/parse_options.sh: what is accepted, how it is refused, and that values are never evaluated."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from weaksep.errors import did_you_mean

SCRIPT = """
set -euo pipefail
. {utils}/log.sh
stop_stage=7
tag=
skip_train=false
train_args=
nj=4
ratio=0.0
rate=1e-3
name=some
declare -i counter=
undocumented=1
help_message="Usage: script --undocumented
    --stop-stage N [${{stop_stage}}]
    --tag NAME
    --skip-train BOOL
    --train-args ARGS, e.g. --set a=b; see also --undocumented
    --nj N
    --ratio R
    --rate R
    --name NAME
    --counter N
    --PATH --IFS --BASH-ENV
    --help-message --option-name --options --nothing
    --help-message TEXT
    --option-name TEXT
    --option-value TEXT
    --option-kind TEXT
    --options TEXT
    --_options TEXT
    --variable-name TEXT
    --nothing TEXT
    --PATH TEXT
    --IFS TEXT
    --help"
. {utils}/parse_options.sh
printf '%s|' "${{stop_stage}}" "${{tag}}" "${{skip_train}}" "${{train_args}}" "$#" "$@"
[ -z "${{SHOW-}}" ] || printf '%s|' "${{!SHOW}}"
"""


@pytest.fixture
def run(root: Path, tmp_path: Path):
    script = tmp_path / "script.sh"
    script.write_text(SCRIPT.format(utils=root / "utils"))

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shutil.which("bash") or "bash", str(script), *arguments],
            capture_output=True, text=True, cwd=tmp_path, check=False, env={**os.environ, **environment},
        )  # fmt: skip

    return call


def error_of(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal, without the script's name."""
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("script.sh: error: ").removesuffix("\n")


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
        "two\nlines\n",
        "-1",
        "-",
        "",
        "ä€\t\x01",
    ],
)
def test_values_arrive_as_they_are(run, tmp_path: Path, value: str) -> None:
    assert run("--train-args", value).stdout == f"7||false|{value}|0|"
    assert run(f"--train-args={value}").stdout == f"7||false|{value}|0|"
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "name",
    [
        "--tag[$(touch evil)]", "--a[$(touch evil)]", "--$(touch evil)", "--x y", "--tag:text skip-train",
        "--*", "--TAG", "--a\nb", "--@",
    ],
)  # fmt: skip
def test_names_are_not_evaluated_either(run, tmp_path: Path, name: str) -> None:
    for arguments in ((name, "3"), (f"{name}=3",)):
        assert error_of(run(*arguments)).startswith(f"unknown option {name.replace(chr(10), '?')}")
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


SLIPS = """
databse database data datdir dbs num-jobs njobs n ngpus gpu stop stage-stop stgae stag trian-threads
tseed sed seeds-of-it initial config-dir cnofig sep-args separator-arg resmue forec epochs notes out
hlep zzzzzz x-y tage seuls stgpu
""".split()


def test_the_commands_and_the_scripts_name_the_same_one(root: Path, tmp_path: Path) -> None:
    names = re.findall(r"^    --([a-z-]+)", (root / "egs/mini_urban/run.sh").read_text(), re.MULTILINE)
    help_message = "".join(f"\n    --{name} X" for name in names if name != "help")
    script = tmp_path / "script.sh"
    script.write_text(
        "\n".join(f"{name.replace('-', '_')}=" for name in names)
        + f"\nhelp_message='{help_message}'\n. {root}/utils/log.sh\nslips=$*\nset --\n. {root}/utils/parse_options.sh\n"
        "for slip in ${slips}; do _option_nearest --${slip}; done\n"
    )
    found = subprocess.run(
        ["bash", str(script), *SLIPS], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    hints = [did_you_mean(slip, names, "did you mean ?") for slip in SLIPS]
    assert [f"did you mean {name.removeprefix('--')}?" for name in found] == hints
    meant = dict(zip(SLIPS, found, strict=True))
    assert [meant[slip] for slip in ("databse", "data", "num-jobs", "stop", "zzzzzz")] == [
        "--db", "--datadir", "--num-procs", "--stop-stage", ""
    ]  # fmt: skip


def test_far_from_every_option_there_is_no_hint(run) -> None:
    assert "did you mean" not in run("--zzzzzz", "3").stderr
    assert "did you mean" not in run("--notes", "3").stderr  # three of five letters from --name and --rate


@pytest.mark.parametrize(
    "name",
    [
        "--undocumented", "--set", "--home",  # no line of the help begins with them
        "--nothing", "--variable-name",  # no such variable, or only while another parser ran
        "--PATH", "--IFS", "--BASH-ENV", "--BASH_ENV",  # capitals are the shell's
        "--help-message", "--help_message", "--option-name", "--option-value", "--option-kind", "--options",
        "--_options", "--_option_value", "---tag", "--_tag",  # the parser's own
    ],
)  # fmt: skip
def test_only_documented_variables_are_options(run, name: str) -> None:
    for arguments in ((name, "3"), (f"{name}=3",)):
        assert error_of(run(*arguments)).startswith(f"unknown option {name}")


def test_switches_take_true_or_false(run) -> None:
    assert run("--skip-train", "true").stdout == "7||true||0|"
    assert run("--skip-train").stdout == "7||true||0|"
    assert run("--skip-train", "--tag", "x").stdout == "7|x|true||0|"
    assert run("--skip-train=true", "--skip-train", "false").stdout == "7||false||0|"
    result = run("--skip-train", "yes")
    assert result.returncode == 2
    assert result.stderr == "script.sh: error: option --skip-train takes true or false, not 'yes'\n"


@pytest.mark.parametrize("value", ["0", "3", "-3", "10", "9" * 18, "-" + "9" * 18])
def test_whole_numbers(run, value: str) -> None:
    assert run("--nj", value, SHOW="nj").stdout.endswith(f"|{value}|")
    assert run(f"--nj={value}", SHOW="nj").stdout.endswith(f"|{value}|")


@pytest.mark.parametrize(
    "value",
    ["abc", "", " 3", "3 ", "3\n", "1e3", "0x10", "3.0", "nan", "inf", "--3", "1_000", "٣", "x[0]", "$(touch evil)"],
)
def test_a_whole_number_by_default_takes_nothing_else(run, tmp_path: Path, value: str) -> None:
    shown = value.replace("\n", "?")
    assert error_of(run(f"--nj={value}", LC_ALL="C.UTF-8")) == f"option --nj takes a whole number, not '{shown}'"
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("value", ["08", "-03", "00", "-0", "+3", "1" + "0" * 18])
def test_digits_that_bash_or_python_would_read_otherwise(run, value: str) -> None:
    message = f"option --nj takes a whole number, not '{value}' (no leading zero, no +, at most 18 digits)"
    assert error_of(run(f"--nj={value}")) == message


@pytest.mark.parametrize("value", ["0", "3", "0.5", "-0.25", ".5", "5.", "1e-3", "2E+4", "08", "0." + "1" * 40])
@pytest.mark.parametrize("name", ["ratio", "rate"])
def test_a_decimal_default_takes_any_number(run, name: str, value: str) -> None:
    assert run(f"--{name}", value, SHOW=name).stdout.endswith(f"|{value}|")


@pytest.mark.parametrize(
    "value",
    ["abc", "", " 3", "3 ", "0x1", "nan", "inf", "1e", "e3", ".", "-", "1e999", "9" * 400, "+1", "1,5", "1.2.3"],
)
def test_and_nothing_else(run, value: str) -> None:
    assert error_of(run(f"--ratio={value}")) == f"option --ratio takes a number, not '{value}'"


def test_other_defaults_take_any_text(run) -> None:
    for name in ("tag", "name"):
        for value in ("abc", "08", "true", "1e3"):
            assert run(f"--{name}", value, SHOW=name).stdout.endswith(f"|{value}|")


def test_no_empty_value_where_the_default_is_none(run) -> None:
    assert run("--tag", "x", "--tag=").stdout == "7||false||0|"
    for arguments in (["--name", ""], ["--name="]):
        assert error_of(run(*arguments)) == "option --name takes a value, not ''"


def test_the_default_says_the_kind_and_not_an_earlier_value(run) -> None:
    for before in ("true", "5", "0.5"):
        assert run("--tag", before, "--tag", "x").stdout == "7|x|false||0|"


def test_an_integer_variable_of_bash_evaluates_nothing(run, tmp_path: Path) -> None:
    assert run("--counter", "5", SHOW="counter").stdout.endswith("|5|")
    assert "takes a whole number" in error_of(run("--counter", "nj[$(touch evil)]"))
    assert not (tmp_path / "evil").exists()


def test_a_missing_value_is_an_error(run) -> None:
    assert error_of(run("--tag", "x", "--stop-stage")) == "option --stop-stage needs a value"
    assert error_of(run("--tag", "--", "x")) == "option --tag needs a value"


@pytest.mark.parametrize("word", ["--nj", "--nj=3", "--anything", "--help", "-h", "--x\ny"])
def test_an_option_does_not_swallow_the_next_one(run, word: str) -> None:
    shown = word.replace("\n", "?")
    message = f"option --tag needs a value; if '{shown}' is meant to be it, write it behind a =, --tag=..."
    assert error_of(run("--tag", word, "3")) == message
    assert run(f"--tag={word}").stdout == f"7|{word}|false||0|"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("-n", "-n: options begin with two dashes; did you mean --nj?"),
        ("-nj", "-nj: options begin with two dashes; did you mean --nj?"),
        ("-stop_stage=3", "-stop_stage: options begin with two dashes; did you mean --stop-stage?"),
        ("-help", "-help: options begin with two dashes; did you mean --help?"),
        ("-3", "-3: options begin with two dashes"),
        ("-", "-: options begin with two dashes"),
        ("-=x", "-: options begin with two dashes"),
        ("--=x", "--: there is no name before the ="),
    ],
)
def test_what_is_no_option_at_all(run, word: str, message: str) -> None:
    assert error_of(run(word, "3")) == f"unknown option {message} (--help lists the options)"


def test_help_takes_no_value(run) -> None:
    assert error_of(run("--help=nj")) == "option --help takes no value"


def test_no_program_is_needed_to_read_options(run) -> None:
    assert run("--tag", "x", "--nj=3", "--skip-train", "--", "one", PATH="/nowhere").stdout == "7|x|true||1|one|"
    assert run("--help", PATH="/nowhere").returncode == 0


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_shows_the_defaults(run, word: str) -> None:
    result = run("--tag", "x", word, "--nonsense")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: script --undocumented\n    --stop-stage N [7]\n")


def test_positional_arguments_are_left(run) -> None:
    assert run("--tag", "x", "one", "two words").stdout == "7|x|false||2|one|two words|"
    assert run("--", "--tag", "x").stdout == "7||false||2|--tag|x|"
    assert run("one", "--tag", "x").stdout == "7||false||3|one|--tag|x|"
    assert run("--skip-train", "--", "-", "--").stdout == "7||true||2|-|--|"
    assert run("--tag", "x", "", "y").stdout == "7|x|false||2||y|"


def test_log_lines(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "a.sh"
    script.write_text(f". {root}/utils/log.sh\nf() {{\n    log 'in  f' two\n}}\nlog outside\nf\n")
    lines = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["(a.sh:5:main) outside", "(a.sh:3:f) in  f two"]
    assert len(lines[0].partition(" ")[0]) == len("2026-11-22T18:00:00")
