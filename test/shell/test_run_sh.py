"""run.sh: which stages run with which arguments, and what happens when something is wrong.

Most tests run a copy of the recipes in which ``weaksep`` is a stand-in that writes down how it was called.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.upkeep.recipe import make_recipe

NAMES = ["data", "mix", "feats", "train_classifier", "train_separator", "separate", "score", "report"]
STAND_IN = """#!/usr/bin/env bash
printf '%q ' "$@" >>"${CALLS}"
echo >>"${CALLS}"
[ "$1" = "${IDLE:-}" ] || echo worked >>"${WEAKSEP_WORK_NOTE}"
[ "$1" != "${FAILS:-}" ] || { echo "weaksep $1: error: no luck" >&2; exit "${STATUS:-1}"; }
[ "$1" != systems ] || printf '%s\\n' strong frame clip
while [ $# -gt 0 ]; do  # what --failed FILE is for: LOST is "TASK SYSTEM"
    [ "$1" = --task ] && task=$2
    [ "$1" = --failed ] && [ "${task:-none}" = "${LOST% *}" ] && echo "${LOST#* }" >"$2"
    shift
done
true
"""


class Recipes:
    """A copy of egs/ and utils/ with a stand-in for weaksep."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        made = shutil.ignore_patterns("data", "dump", "exp", "RESULTS.md")
        shutil.copytree(root / "egs", folder / "egs", symlinks=True, ignore=made)
        shutil.copytree(root / "utils", folder / "utils")
        program = folder / "tools/venv/bin/weaksep"
        program.parent.mkdir(parents=True)
        program.write_text(STAND_IN)
        program.chmod(0o755)
        (folder / "tools/venv/.complete").touch()

    def run(self, *arguments: str, recipe: str = "mini_urban", **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "CALLS": str(self.folder / "calls"), **more}
        environment.pop("URBANSOUND8K", None)
        return subprocess.run(
            [str(self.folder / "egs" / recipe / "run.sh"), *arguments],
            capture_output=True,
            text=True,
            cwd="/",
            env=environment,
            check=False,
        )

    def calls(self) -> list[list[str]]:
        """The arguments of each call, oldest first."""
        return [shlex.split(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def recipes(root: Path, tmp_path: Path) -> Recipes:
    return Recipes(root, tmp_path)


def value(call: Sequence[str], option: str) -> str:
    """What follows an option."""
    return call[call.index(option) + 1]


def test_all_stages_run_in_order_from_any_folder(recipes: Recipes) -> None:
    result = recipes.run()
    assert result.returncode == 0, result.stderr
    assert [call[0] for call in recipes.calls()] == [
        "data",
        "mix",
        "feats",
        "train",
        "train",
        "infer",
        "score",
        "report",
    ]
    assert [value(call, "--task") for call in recipes.calls()[3:5]] == ["classifier", "separator"]
    stages = re.findall(r"^[0-9T:-]{19} \(run\.sh:\d+:begin\) Stage (\d): (\w+):", result.stdout, re.MULTILINE)
    assert stages == [(str(number), name) for number, name in enumerate(NAMES)]
    page = recipes.folder / "egs/mini_urban/RESULTS.md"  # the stand-in has made no exp/report/index.html
    last = result.stdout.splitlines()[-1]
    assert re.search(rf"\) Successfully finished\. \[elapsed=\d+s\] Open first: {page}$", last)


def test_the_last_line_says_what_to_open_first(recipes: Recipes) -> None:
    page = recipes.folder / "egs/mini_urban/out/report/index.html"
    page.parent.mkdir(parents=True)
    page.touch()
    last = recipes.run("--expdir", "out", "--stage", "7").stdout.splitlines()[-1]
    assert last.endswith(f" Open first: {page}")
    page.unlink()
    last = recipes.run("--expdir", "out", "--stage", "7").stdout.splitlines()[-1]
    assert last.endswith(f" Open first: {recipes.folder}/egs/mini_urban/out/RESULTS.md")
    assert recipes.run("--stage", "6", "--stop-stage", "6").stdout.splitlines()[-1].endswith("s]")


def test_the_logged_command_can_be_pasted(recipes: Recipes) -> None:
    given = ["--systems", "strong frame", "--tag", "it's", "--classifier-args=a=[1,2] b=$x", "--stop-stage", "0"]
    result = recipes.run(*given)
    assert result.returncode == 0, result.stderr
    logged = result.stdout.splitlines()[0].partition(":main) ")[2]
    assert shlex.split(logged)[1:] == given and " --stop-stage 0" in logged and " --systems 'strong frame' " in logged


@pytest.mark.parametrize("option", ["--datadir", "--dumpdir", "--expdir", "--config", "--systems"])
def test_an_empty_folder_is_no_folder(recipes: Recipes, option: str) -> None:
    result = recipes.run(option, "")
    assert (result.returncode, result.stderr) == (2, f"run.sh: error: option {option} takes a value, not ''\n")
    assert not (recipes.folder / "calls").exists()


def test_the_commands_understand_what_run_sh_gives_them(recipes: Recipes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Understood(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, args=None, namespace=None):
        parse(self, args, namespace)
        raise Understood

    (recipes.folder / "egs/mini_urban/a b").mkdir()
    assert recipes.run("--db", "a b", "--tag", "t", "--seed", "3", "--separator-args", "a.b=1 c=2").returncode == 0
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    for name, *arguments in recipes.calls():
        with pytest.raises(Understood):
            importlib.import_module(f"weaksep.bin.{name}").main(arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--stage", "5"], ["infer", "score", "report"]),
        (["--stage", "3", "--stop-stage", "4"], ["train", "train"]),
        (["--stage=train_separator", "--stop_stage=separate"], ["train", "infer"]),
        (["--stage", "train-separator", "--stop-stage", "4"], ["train"]),
        (["--stage", "2", "--skip-train"], ["feats", "infer", "score", "report"]),
        (["--stop-stage", "data"], ["data"]),
    ],
)
def test_stages_by_number_and_name(recipes: Recipes, arguments: list[str], expected: list[str]) -> None:
    assert recipes.run(*arguments).returncode == 0
    assert [call[0] for call in recipes.calls()] == expected


def test_options_reach_the_commands(recipes: Recipes) -> None:
    evil = recipes.folder / "evil"
    result = recipes.run(
        "--db", f"my corpus $(touch {evil})", "--download", "true", "--tag", "t1", "--seed", "5", "--nj", "3",
        "--retries", "7", "--systems", "strong clip", "--separator-args", "optim.max_epochs=3 *", "--ngpu", "0",
        "--classifier-args", "net.units=8", "--max-bad-ratio", "0.5", "--accept-truncated",
        "--resume", "false", "--force", "--checkpoint-minutes", "2", "--feats-type", "raw", "--train-threads", "3",
        "--datadir", "d", "--dumpdir", "f", "--expdir", "e",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    data, mix, feats, classifier, separator, infer, score, report = recipes.calls()
    assert value(data, "--db") == f"my corpus $(touch {evil})"
    assert not evil.exists()
    assert value(data, "--download") == "true"
    assert value(data, "--out") == value(mix, "--events") == "d/events"
    assert value(data, "--max-bad-ratio") == "0.5"
    assert value(data, "--accept-truncated") == "true"
    assert value(mix, "--seed") == "5"
    for call in (data, mix, feats, classifier, separator, infer, score):
        assert value(call, "--nj") == "3"
    for call in (data, mix, feats, infer, score):
        assert value(call, "--retries") == "7"
    for call in (feats, classifier, separator, infer, score, report):
        assert value(call, "--systems") == "strong clip"
    for call, expected in ((classifier, ["net.units=8"]), (separator, ["optim.max_epochs=3", "*"])):
        settings = [call[index + 1] for index, word in enumerate(call) if word == "--set"]
        assert settings == ["seed=5", *expected]
        assert (value(call, "--resume"), value(call, "--ngpu"), value(call, "--tag")) == ("false", "0", "t1")
        assert (value(call, "--checkpoint-minutes"), value(call, "--train-threads")) == ("2", "3")
    assert value(feats, "--feats-type") == "raw"
    assert all(value(call, "--force") == "true" for call in recipes.calls())
    assert value(report, "--recipe") == "mini_urban"
    assert value(report, "--out") == "e/RESULTS.md"
    assert (recipes.folder / "egs/mini_urban/e/stage_times.tsv").exists()


def test_several_processes_are_for_trainings_alone(recipes: Recipes) -> None:
    assert recipes.run("--ngpu", "2", "--num-nodes", "3", "--rdzv-endpoint", "a:29500").returncode == 0
    *others, infer, _, _ = recipes.calls()
    trainings = [call for call in others if call[0] == "train"]
    wanted = {"--ngpu": "2", "--num-procs": "1", "--num-nodes": "3", "--node-rank": "0", "--rdzv-endpoint": "a:29500"}
    assert len(trainings) == 2 and all(value(call, name) == own for call in trainings for name, own in wanted.items())
    assert [call[0] for call in recipes.calls() if "--num-nodes" in call] == ["train", "train"]
    assert value(infer, "--ngpu") == "1"


def test_cmd_sh_says_where_the_work_runs_and_the_environment_may_differ(recipes: Recipes) -> None:
    names = ("WEAKSEP_BACKEND", "WEAKSEP_SLURM_CONFIG", "WEAKSEP_SLURM_DIR")
    for given, said in (({}, "local conf/slurm.yaml slurm"), (dict(zip(names, "abc", strict=True)), "a b c")):
        program = recipes.folder / "tools/venv/bin/weaksep"
        program.write_text(f"#!/bin/sh\necho {' '.join(f'${name}' for name in names)} >&2\n")
        assert recipes.run("--stop-stage", "0", **given).stderr.strip() == said


def test_seeds_are_those_of_trainings_and_of_what_is_made_of_them(recipes: Recipes) -> None:
    model = recipes.folder / "a model.zip"
    model.touch()
    assert recipes.run("--seeds", "0 2", "--seed", "5", "--init", str(model)).returncode == 0
    asked, _, mix, _, classifier, separator, infer, score, report = recipes.calls()
    assert asked[0] == "systems" and value(asked, "--init") == str(model)
    assert value(mix, "--seed") == "5" and not {"--seeds", "--init"} & {*mix, *report}
    assert [value(call, "--seeds") for call in (classifier, separator, infer, score)] == ["0 2"] * 4
    assert value(separator, "--init") == str(model) and "--init" not in classifier


def test_the_model_that_finished_trainings_began_with_may_be_gone(recipes: Recipes) -> None:
    stamp = recipes.folder / "egs/mini_urban/exp/separator_strong/stamp.json"
    stamp.parent.mkdir(parents=True)
    for there in (False, True):
        assert (recipes.run("--init", "gone.zip", "--stage", "4", FAILS="systems").returncode == 0) == there
        stamp.touch()


def test_a_network_to_begin_with_is_looked_for_first(recipes: Recipes) -> None:
    result = recipes.run("--init", "ecs10", FAILS="systems")
    assert (result.returncode, result.stderr) == (2, "weaksep systems: error: no luck\n")
    assert [call[:1] + call[-2:] for call in recipes.calls()] == [["systems", "--init", "ecs10"]]


def test_what_is_the_recipes_own_unless_it_is_given(recipes: Recipes) -> None:
    assert recipes.run("--stop-stage", "4").returncode == 0
    _, _, feats, *trainings = recipes.calls()
    assert "--feats-type" not in feats  # conf/feats.yaml says it
    assert [value(call, "--train-threads") for call in trainings] == ["1", "1"]


def test_the_evaluation_classifier_is_trained_and_taken_by_default(recipes: Recipes) -> None:
    assert recipes.run("--stage", "3", recipe="labelled_recordings").returncode == 0
    classifier, separator, _, score, _ = recipes.calls()
    assert value(classifier, "--evaluation-classifier") == value(score, "--default-evaluation-classifier") == "clip"
    assert "--evaluation-classifier" not in separator


def test_the_length_of_clips_of_labelled_recordings(recipes: Recipes) -> None:
    for arguments in ([], ["--clip-s", "10"]):
        assert (
            recipes.run("--db", "conf", "--stop-stage", "0", *arguments, recipe="labelled_recordings").returncode == 0
        )
    assert ["--set" in call for call in recipes.calls()[::2]] == [False, True]
    assert value(recipes.calls()[2], "--set") == "clip_s=10"


def test_labelled_recordings_are_prepared_and_diagnosed(
    recipes: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = recipes.run("--db", "mine", recipe="labelled_recordings")
    assert result.returncode == 2
    assert f"--db mine: no such folder; relative paths start at {recipes.folder}/egs/labelled_rec" in result.stderr
    options = ["--db", "conf", "--accept", "few-steps a-b", "--separator-args", "a=1 b=2", "--datadir", "d"]
    assert recipes.run("--stop-stage", "1", *options, recipe="labelled_recordings").returncode == 0
    prepare, diagnose = recipes.calls()
    assert (prepare[0], diagnose[:2], value(diagnose, "--systems")) == ("prepare", ["diagnose", "d"], "remix clip")
    assert value(diagnose, "--accept") == "few-steps a-b" and value(diagnose, "--separator-args") == "a=1 b=2"
    assert recipes.run("--stop-stage", "0", *options[:2], recipe="labelled_recordings").returncode == 0
    monkeypatch.chdir(tmp_path)  # what run.sh gives by default is understood: the folder is asked for
    with pytest.raises(UserError, match="data/train: no such data folder"):
        importlib.import_module("weaksep.bin.diagnose").main(
            [
                str(recipes.folder / "egs/labelled_recordings/conf") if word == "conf" else word
                for word in recipes.calls()[-1][1:]
            ]
        )


def test_a_corpus_may_write_the_labels_of_its_recordings(recipes: Recipes) -> None:
    script = recipes.folder / "egs/desed/local/data.sh"
    script.write_text('#!/bin/sh\nprintf "%s " local "$@" >>"${CALLS}"\necho >>"${CALLS}"\n')
    for config, systems in (("conf/recordings", "remix clip"), ("conf", "strong")):
        options = ["--db", "local", "--stop-stage", "0", "--config", config, "--systems", systems]
        assert recipes.run(*options, recipe="desed").returncode == 0
    own, prepare, diagnose, other, data = recipes.calls()
    assert own == ["local", "--recordings", "true", "--db", "local", "--out", "data/local"]
    assert (prepare[0], value(prepare, "--db"), diagnose[0]) == ("prepare", "data/local", "diagnose")
    assert other == ["local", "--db", "local", "--out", "data/local"]
    assert (data[0], value(data, "--db")) == ("data", "data/local")


def test_no_corpus_folder_is_given_as_none(recipes: Recipes) -> None:
    recipes.run("--stop-stage", "0")
    recipes.run("--stop-stage", "0", recipe="urbansound_mix")
    assert all("--db" not in call for call in recipes.calls())


def test_db_sh_names_the_corpus_and_the_command_line_wins(recipes: Recipes) -> None:
    (recipes.folder / "egs/urbansound_mix/db.sh").write_text("URBANSOUND8K='../my corpora'\n")
    for name in ("egs/my corpora", "egs/urbansound_mix/other"):
        (recipes.folder / name).mkdir()
    recipes.run("--stop-stage", "0", recipe="urbansound_mix")
    recipes.run("--stop-stage", "0", "--db", "other", recipe="urbansound_mix")
    assert [value(call, "--db") for call in recipes.calls()] == ["../my corpora", "other"]


def test_a_failing_stage_ends_the_run(recipes: Recipes) -> None:
    result = recipes.run(FAILS="feats")
    assert result.returncode == 1
    assert [call[0] for call in recipes.calls()] == ["data", "mix", "feats"]
    lines = result.stderr.splitlines()
    assert lines[0] == "weaksep feats: error: no luck"
    assert lines[1].endswith("Stage 2 stopped with status 1, see above")
    assert "Successfully" not in result.stdout


@pytest.mark.parametrize(("status", "again"), [(2, False), (130, True), (137, True), (143, True)])
def test_the_same_command_goes_on_after_a_signal_not_after_an_error(recipes: Recipes, status: int, again: bool) -> None:
    result = recipes.run(FAILS="mix", STATUS=str(status))
    assert result.returncode == status
    assert result.stderr.splitlines()[1].endswith(
        f"stopped with status {status}, see above{'. The same command goes on from here' * again}"
    )


def test_all_stands_for_every_system(recipes: Recipes) -> None:
    result = recipes.run("--systems", "all", "--config", "conf/short")
    assert result.returncode == 0, result.stderr
    first, *calls = recipes.calls()
    assert first == ["systems", "--config-dir", "conf/short", "--about", "false"]
    named = [call for call in calls if "--systems" in call]
    assert [call[0] for call in named] == ["mix", "feats", "train", "train", "infer", "score"]
    assert {value(call, "--systems") for call in named} == {"strong frame clip"}


@pytest.mark.parametrize(("task", "stage"), [("classifier", 3), ("separator", 4)])
def test_a_system_that_fails_is_left_out_and_named_at_the_end(recipes: Recipes, task: str, stage: int) -> None:
    result = recipes.run(LOST=f"{task} frame")
    assert result.returncode == 1
    systems = [value(call, "--systems") for call in recipes.calls() if "--systems" in call]
    assert systems == ["strong frame clip"] * stage + ["strong clip"] * (6 - stage) + ["strong frame clip"]
    assert [call[0] for call in recipes.calls()][-1] == "report"
    last = result.stderr.splitlines()[-1]
    assert f"Finished, but not these, see above: frame (stage {stage})." in last
    assert "Successfully" not in result.stdout


def test_a_dry_run_ends_before_anything_is_separated(recipes: Recipes) -> None:
    result = recipes.run("--dry-run", "true", "--strong-share", "0.2")
    assert result.returncode == 0, result.stderr
    assert [call[0] for call in recipes.calls()] == ["data", "mix", "feats", "train", "train"]
    for call in recipes.calls()[3:]:
        assert (value(call, "--dry-run"), value(call, "--strong-share")) == ("true", "0.2")
    assert "Successfully finished the dry run" in result.stdout.splitlines()[-1]


def test_it_may_be_edited_while_it_runs(recipes: Recipes) -> None:
    """A shell reads a script as it goes: a line more at the top, and it goes on in the middle of a word."""
    script = recipes.folder / "egs/urbansound_mix/run.sh"
    program = recipes.folder / "tools/venv/bin/weaksep"
    longer = f"printf '%s\\n' '#!/bin/bash' 'exit 7 # {'x' * 200}' >'{script}.new'; cat '{script}' >>'{script}.new'"
    program.write_text(STAND_IN + f"{longer}; cat '{script}.new' >'{script}'\n")
    result = recipes.run("--stop-stage", "feats")
    assert result.returncode == 0, result.stderr
    assert [call[0] for call in recipes.calls()] == ["data", "mix", "feats"]


def test_stage_times_keep_one_row_a_stage(recipes: Recipes) -> None:
    recipes.run("--stop-stage", "2")
    table = recipes.folder / "egs/mini_urban/exp/stage_times.tsv"
    table.write_text(re.sub(r"\t\d+\t", "\t77\t", table.read_text()))
    recipes.run("--stage", "1", "--stop-stage", "1")
    header, *rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert header == ["stage", "name", "seconds", "finished_at"]
    assert [row[:2] for row in rows] == [["0", "data"], ["1", "mix"], ["2", "feats"]]
    assert [row[2] == "77" for row in rows] == [True, False, True]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", rows[0][3])
    assert [path.name for path in table.parent.iterdir()] == ["stage_times.tsv"]


def test_a_stage_without_work_keeps_its_time(recipes: Recipes) -> None:
    recipes.run("--stop-stage", "1")
    table = recipes.folder / "egs/mini_urban/exp/stage_times.tsv"
    table.write_text(re.sub(r"\t\d+\t", "\t77\t", table.read_text()))
    result = recipes.run("--stop-stage", "1", IDLE="mix")
    assert re.findall(r"Stage (\d): up to date", result.stdout) == ["1"]
    assert [line.split("\t")[2] == "77" for line in table.read_text().splitlines()[1:]] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stage", "8"], "no stage '8': give 0 to 7 or one of data mix feats train_classifier"),
        (["--stop-stage", "trian"], "no stage 'trian'"),
        (["--stage", ""], "option --stage takes a value, not ''"),
        (["--stage", "4", "--stop-stage", "3"], "nothing to do: --stage 4 comes after --stop-stage 3"),
        (["--stages", "4"], "unknown option --stages; did you mean --stage?"),
        (["--nj", "0"], "option --nj takes a number from 1, not '0'"),
        (["--retries", "-1"], "option --retries takes a number from 0, not '-1'"),
        (["--seeds", "0, 1"], "option --seeds takes whole numbers like '0 1 2', not '0, 1'"),
        (["--ngpu", "-1"], "option --ngpu takes a number from 0, not '-1'"),
        (["--num-procs", "2"], "option --num-procs is for trainings on the CPU: give --ngpu 0"),
        (["--num-nodes", "2"], "--num-nodes 2: where do the processes meet? --rdzv-endpoint HOST:PORT, of node 0"),
        (["--node-rank", "1"], "option --node-rank takes a number from 0 to 0 (--num-nodes), not '1'"),
        (
            ["--num-nodes", "2", "--node-rank", "1", "--rdzv-endpoint", "a:1"],
            "node 1 takes part in stages 3 and 4 alone: give --stage 3 --stop-stage 4",
        ),
        (["--feats-type", "rwa"], "option --feats-type takes ark or raw, not 'rwa'"),
        (["--train-threads", "0"], "option --train-threads takes a number from 1, not '0'"),
        (["--config", "conf/nope"], "no configuration folder 'conf/nope'"),
        (["--accept", "few-steps"], "option --accept is for labelled recordings"),
        (["--clip-s", "9"], "option --clip-s is for labelled recordings; here clip_s in conf/mix.yaml says"),
        (["--strong-share", "1.5"], "option --strong-share takes a share like 0.05, not '1.5'"),
        (["--dry-run", "true", "--stage", "5"], "--dry-run: stages 3 and 4 are tried, and neither is asked for"),
        (["4"], "this script takes options only, not '4'"),
    ],
)
def test_a_wrong_command_line_does_nothing(recipes: Recipes, arguments: list[str], message: str) -> None:
    result = recipes.run(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"run.sh: error: {message}")
    assert len(result.stderr.splitlines()) == 1
    assert not (recipes.folder / "calls").exists()


def test_a_system_that_there_is_not_is_named_by_the_real_command(root: Path, tmp_path: Path) -> None:
    places = [f"--{name}={tmp_path / name}" for name in ("datadir", "dumpdir", "expdir")]
    run = [str(root / "egs/mini_urban/run.sh"), "--config", "conf/remix", "--systems", "strong_remix remixx", *places]
    result = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    message = "weaksep systems: error: conf/remix: no system remixx; did you mean remix? There are: remix, remix_fast, "
    assert result.stderr.startswith(message) and result.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_backgrounds_are_for_stage_1_alone(recipes: Recipes) -> None:
    assert recipes.run("--background", "/sounds/street 1", "--max-bad-ratio", "0.1").returncode == 0
    given = [call for call in recipes.calls() if "--background" in call]
    assert [call[0] for call in given] == ["mix"]
    assert value(given[0], "--background") == "/sounds/street 1" and value(given[0], "--max-bad-ratio") == "0.1"


@pytest.mark.parametrize("recipe", ["mini_urban", "urbansound_mix"])
def test_help_needs_no_installation_and_names_every_option(recipes: Recipes, recipe: str) -> None:
    shutil.rmtree(recipes.folder / "tools")
    result = recipes.run("--help", recipe=recipe)
    assert result.returncode == 0
    options = "stage stop-stage nj ngpu tag systems db download config datadir dumpdir expdir skip-train"
    options += " classifier-args separator-args max-bad-ratio accept-truncated seed resume allow-cpu strong-share"
    options += " num-procs num-nodes node-rank rdzv-endpoint dist-timeout"
    options += " seeds init dry-run feats-type train-threads clip-s background help"
    for option in options.split():
        assert re.search(rf"^    --{option}( |$)", result.stdout, re.MULTILINE), option


def test_without_an_installation_it_says_how_to_get_one(recipes: Recipes) -> None:
    shutil.rmtree(recipes.folder / "tools")
    result = recipes.run(PATH="/usr/bin:/bin")
    assert result.returncode == 2
    assert "weaksep is not installed: activate the environment that has it, or run tools/install.sh" in result.stderr


def test_an_active_environment_with_weaksep_will_do(recipes: Recipes) -> None:
    programs = recipes.folder / "elsewhere"
    (recipes.folder / "tools/venv/bin").rename(programs)
    shutil.rmtree(recipes.folder / "tools")
    (programs / "python").write_text("#!/bin/sh\nexit 0\n")
    (programs / "python").chmod(0o755)
    assert recipes.run("--stop-stage", "0", PATH=f"{programs}:{os.environ['PATH']}").returncode == 0
    assert [call[0] for call in recipes.calls()] == ["data"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], r"db\.sh"), (["--db", "conf"], r"conf: holds no.*UrbanSound8K")],
)
def test_a_missing_corpus_is_named_by_the_real_command(
    root: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    environment = {**os.environ, "URBANSOUND8K": ""}
    places = [f"--{name}={tmp_path / name}" for name in ("datadir", "dumpdir", "expdir")]
    result = subprocess.run(
        [str(root / "egs/urbansound_mix/run.sh"), "--stop-stage", "0", *places, *arguments],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("weaksep data: error: ")]
    assert len(errors) == 1
    assert re.search(message, errors[0])
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "datadir/events").exists()


def test_recipes_share_their_scripts(root: Path) -> None:
    for recipe in (path.parent for path in (root / "egs").glob("*/db.sh") if path.parent.name != "urbansound_mix"):
        for name in ("run.sh", "path.sh", "cmd.sh"):
            assert (recipe / name).is_symlink(), f"{recipe}/{name}"
            assert (recipe / name).resolve() == (root / "egs/urbansound_mix" / name)


def test_new_recipe_runs(recipes: Recipes, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = recipes.folder / "my corpus"
    for number, place in enumerate(("train/dog", "train/cat", "valid/dog", "test/cat")):
        (corpus / place).mkdir(parents=True)
        (corpus / place / f"{number} a.wav").touch()
    monkeypatch.setattr("weaksep.upkeep.recipe.HOME", recipes.folder)
    make_recipe("mini_urban", recipes.folder / "egs/my_city", new_corpus=True)
    result = recipes.run("--stop-stage", "1", "--db", str(corpus), recipe="my_city")
    assert result.returncode == 0, result.stderr
    data, mix = recipes.calls()
    assert (data[0], value(data, "--db"), mix[0]) == ("data", "data/local", "mix")
    table = (recipes.folder / "egs/my_city/data/local/events.tsv").read_text().splitlines()
    lines = [f"{corpus}/{place}\t{name}\t{kind}\t{kind}_{name}_{Path(place).stem}" for place, name, kind in (
        ("train/cat/1 a.wav", "cat", "train"), ("train/dog/0 a.wav", "dog", "train"),
        ("valid/dog/2 a.wav", "dog", "valid"), ("test/cat/3 a.wav", "cat", "test"))]  # fmt: skip
    assert table == ["filename\tclass\tset\trecording", *lines]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no folder of the corpus: name it in db.sh"),
        (["--db", "/nowhere"], "no such folder; relative paths start at "),
    ],
)
def test_a_table_that_cannot_be_written(
    recipes: Recipes, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.setattr("weaksep.upkeep.recipe.HOME", recipes.folder)
    make_recipe("esc50_mix", recipes.folder / "egs/my_city", new_corpus=True)
    result = recipes.run("--stop-stage", "0", *options, recipe="my_city")
    assert result.returncode != 0 and said in result.stderr
    assert result.stderr.count("goes on from here") == 0
    assert not (recipes.folder / "calls").exists()


def test_a_variant_whose_name_begins_with_test(recipes: Recipes) -> None:
    assert recipes.run("--test-sets", "test_testing", "--stop-stage", "2").returncode == 0
    assert [value(call, "--variants") for call in recipes.calls()[1:]] == ["testing"] * 2


def test_several_test_sets_and_a_place_for_the_page(recipes: Recipes) -> None:
    page = "results/a/RESULTS.md"
    result = recipes.run("--test-sets", "test  test_seen test_far", "--results", page, "--expdir", "e")
    assert result.returncode == 0, result.stderr
    names = [call[0] for call in recipes.calls()]
    assert names[5:] == ["infer"] * 3 + ["score"] * 3 + ["report"]
    _, mix, feats, _, _, *rest = recipes.calls()
    assert [value(call, "--variants").split() for call in (mix, feats)] == [["seen", "far"]] * 2
    sets = ["test", "test_seen", "test_far"]
    assert [value(call, "--data") for call in rest[:6]] == [f"data/{name}" for name in sets] * 2
    assert [value(call, "--dump") for call in rest[3:6]] == [f"dump/{name}" for name in sets]
    assert (value(rest[6], "--set"), value(rest[6], "--out")) == ("test", page)


@pytest.mark.parametrize("sets", ["", "valid", "test train", "test_", "test ../x"])
def test_what_is_no_test_set(recipes: Recipes, sets: str) -> None:
    result = recipes.run(f"--test-sets={sets}")
    assert result.returncode == 2 or "option --test-sets takes names like 'test test_seen'" in result.stderr
    assert not (recipes.folder / "calls").exists()
