"""Sharded work on Slurm, without a Slurm: what is asked for, what is tried again, what is told, what is cancelled.

test/slurm has a real one.
"""

from __future__ import annotations

import io
import json
import operator
import os
import re
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.shards import Shards
from weaksep.fileio.yamlfile import check_config, load_config
from weaksep.jobs import node, run_sharded, run_shards
from weaksep.jobs import slurm as slurm_module
from weaksep.jobs.interrupt import Interrupted, signals_handled
from weaksep.jobs.node import run_job
from weaksep.jobs.queue import GONE, State
from weaksep.jobs.slurm import Slurm, run_on_slurm
from weaksep.jobs.slurm_config import JobSettings, SlurmConfig, Stage, begin_stage, job_settings


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting, and no stage that another test has begun."""
    for name, value in {"LOOK_S": 0.0, "ASK_S": (0.0, 0.0), "LATE_S": 0.05}.items():
        monkeypatch.setattr(slurm_module, name, value)
    monkeypatch.setattr(node, "set_up_logging", lambda: None)  # the jobs that run here have the log of the test
    monkeypatch.setattr(Stage, "name", "")
    monkeypatch.setattr(Stage, "retries", 2)
    for name in ("WEAKSEP_BACKEND", "WEAKSEP_SLURM_CONFIG", "SLURM_JOB_ID", "SLURMD_NODENAME"):
        monkeypatch.delenv(name, raising=False)


class FakeSlurm(Slurm):
    """Runs the jobs here. ``fates`` says which tries Slurm ends, and how: (shard, try) -> state."""

    def __init__(self, folder: Path, fates: Mapping[tuple[int, int], str] | None = None) -> None:
        self.name, self.folder, self.nj, self.settings = "fake", folder, 2, JobSettings(time_minutes=7)
        self.fates, self.cleared, self.submitted = fates or {}, 0, []
        self.known: dict[str, State] = {}

    def submit(self, calls: Sequence[Callable[[], None]]) -> list[tuple[str, Path]]:
        jobs = []
        tries = [re.fullmatch(r"(\d+)\.(\d+)\.json", call.args[-1].name) for call in calls]  # type: ignore[attr-defined]
        self.submitted.append([(int(match[1]), int(match[2])) for match in tries])
        for number, call in enumerate(calls):
            job, fate = f"{len(self.submitted)}_{number}", self.fates.get(self.submitted[-1][number])
            log = self.folder / f"{job}.log"
            with log.open("w") as file, redirect_stdout(file):
                if fate:
                    print(f"slurmstepd: error: JOB {job} {fate}")
                else:
                    with pytest.raises(SystemExit):
                        call()
            self.known[job] = State(fate or "COMPLETED")
            jobs.append((job, log))
        return jobs

    def states(self, job: str) -> Mapping[str, State] | None:
        return {job: state for job, state in self.known.items() if state.name != GONE}

    def clear(self, patience_s: float) -> bool:
        self.cleared += 1
        return True


def run(slurm: Slurm, function: Callable, items: Sequence) -> list:
    return run_on_slurm(function, items, [f"shard {n + 1}" for n in range(len(items))], slurm, description="work")


def test_results_come_in_order_as_json_says_them(tmp_path: Path) -> None:
    slurm = FakeSlurm(tmp_path)
    assert run(slurm, lambda n: (n, f"{n}", None, 0.1), range(3)) == [[n, f"{n}", None, 0.1] for n in range(3)]
    assert slurm.submitted == [[(1, 1), (2, 1), (3, 1)]]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".log"] * 3, "all else is tidied away"


@pytest.mark.parametrize("fate", ["CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "FAILED", "COMPLETED", GONE])
def test_a_job_that_slurm_ends_is_tried_again(tmp_path: Path, fate: str, caplog: pytest.LogCaptureFixture) -> None:
    slurm = FakeSlurm(tmp_path, {(2, 1): fate, (2, 2): fate})
    assert run(slurm, abs, [-1, -2, -3]) == [1, 2, 3]
    assert slurm.submitted == [[(1, 1), (2, 1), (3, 1)], [(2, 2)], [(2, 3)]]
    assert caplog.text.count("trying it again") == 2


def test_what_fails_in_every_try_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    slurm = FakeSlurm(tmp_path, {(2, 1): "NODE_FAIL", (2, 2): "NODE_FAIL", (2, 3): "TIMEOUT"})
    with pytest.raises(UserError) as caught:
        run(slurm, abs, [-1, -2])
    first, second = str(caught.value).splitlines()
    assert first.startswith(
        "shard 2: was ended at its time limit (7 min; time_minutes in conf/slurm.yaml); the end of "
    )
    assert first.endswith("/3_0.log:") and second == "    slurmstepd: error: JOB 3_0 TIMEOUT"
    assert [len(wave) for wave in slurm.submitted] == [2, 1, 1]


def test_without_a_log_the_folder_is_suspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "retries", 0)
    slurm = FakeSlurm(tmp_path, {(1, 1): "FAILED"})
    monkeypatch.setattr(slurm_module, "last_lines", lambda log: [])
    with pytest.raises(
        UserError, match=r"shard 1: ended without a result; no log .*1_0\.log: is that folder shared with the nodes"
    ):
        run(slurm, abs, [1])


def refuse(item: str) -> None:
    if item != "good":
        raise UserError(f"{item}: no such file")


def test_an_error_that_the_user_can_mend_is_its_own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "retries", 1)
    slurm = FakeSlurm(tmp_path)
    with pytest.raises(UserError) as caught:
        run(slurm, refuse, ["good", "a.wav", "a.wav"])
    assert str(caught.value) == "a.wav: no such file"
    assert [len(wave) for wave in slurm.submitted] == [3, 2]
    assert "Traceback" not in (tmp_path / "2_0.log").read_text()


def test_a_bug_is_told_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "retries", 0)
    with pytest.raises(UserError) as caught:
        run(FakeSlurm(tmp_path), lambda n: 1 // n, [0])
    assert str(caught.value).startswith("shard 1: failed; the end of ")
    assert "    ZeroDivisionError: integer division or modulo by zero\n    # Ended (code 1) at " in str(caught.value)


def test_the_log_says_what_where_when_and_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "3"}.items():
        monkeypatch.setenv(name, value)
    told = io.StringIO()
    with redirect_stdout(told), pytest.raises(SystemExit) as ended:
        run_job(abs, -2, "builtins.abs, data/train, shard 4", tmp_path / "4.1.json")
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    assert re.fullmatch(
        "# builtins.abs, data/train, shard 4\n"
        rf"# Running on {re.escape(socket.gethostname())} \(job 12_3\)" + "\n"
        rf"# Started at {time}" + "\n"
        rf"# Ended \(code 0\) at {time}, elapsed time \d+ s" + "\n",
        told.getvalue(),
    )
    assert ended.value.code == 0 and json.loads((tmp_path / "4.1.json").read_text()) == {"result": 2}


def test_a_job_that_slurm_ends_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    told = io.StringIO()
    with redirect_stdout(told), pytest.raises(SystemExit) as ended:
        run_job(lambda _: os.kill(os.getpid(), signal.SIGTERM), None, "x", tmp_path / "1.1.json")
    assert ended.value.code == 143 and "# Ended (code 143)" in told.getvalue()
    assert not list(tmp_path.iterdir())


def test_more_shards_than_an_array_holds(tmp_path: Path) -> None:
    slurm = FakeSlurm(tmp_path, {(1, 1): "CANCELLED"})
    slurm.settings = JobSettings(max_array=2)
    assert run(slurm, abs, range(5)) == list(range(5))
    assert slurm.submitted == [[(1, 1), (2, 1)], [(3, 1), (4, 1)], [(5, 1), (1, 2)]]


def test_while_slurm_does_not_answer_nothing_is_lost(tmp_path: Path) -> None:
    slurm = FakeSlurm(tmp_path, {(1, 1): "CANCELLED"})
    answers = [None, None, {"1_0": State("RUNNING")}, {"1_0": State("PENDING", "Resources")}, None]
    asked = slurm.states
    slurm.states = lambda job: answers.pop(0) if answers else asked(job)  # type: ignore[method-assign]
    assert run(slurm, abs, [-1]) == [1]
    assert not answers and slurm.submitted == [[(1, 1)], [(1, 2)]]


def test_jobs_that_wait_for_a_person_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slurm = FakeSlurm(tmp_path, {(1, 1): "CANCELLED"})
    waits = [{"1_0": State("PENDING", reason)} for reason in ("Priority", "PartitionTimeLimit", "PartitionTimeLimit")]
    asked = slurm.states
    slurm.states = lambda job: waits.pop(0) if waits else asked(job)  # type: ignore[method-assign]
    run(slurm, abs, [1])
    assert caplog.text.count("PartitionTimeLimit") == 1 and "Priority" not in caplog.text


def test_a_signal_cancels_what_was_submitted(tmp_path: Path) -> None:
    slurm = FakeSlurm(tmp_path, {(1, 1): "RUNNING"})
    asked = slurm.states

    def interrupted(job: str) -> Mapping[str, State] | None:
        os.kill(os.getpid(), signal.SIGINT)
        return asked(job)

    slurm.states = interrupted  # type: ignore[method-assign]
    with pytest.raises(Interrupted), signals_handled():
        run(slurm, abs, [1, 2])
    assert slurm.cleared == 2, "before the first try, for what an earlier process may have left, and now"
    assert len(slurm.submitted) == 1


def test_only_what_is_missing_is_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("WEAKSEP_BACKEND", "slurm")
    monkeypatch.setattr(slurm_module, "Slurm", lambda description, place, nj: slurm)
    notes = Shards(tmp_path / "data", key="k")
    notes.folder.mkdir()
    with notes.unfinished(()):
        notes.save("2", "made before")
        results = list(run_shards(operator.is_not, {"1": "a", "2": "b", "3": "c"}, notes, nj=2, description="x"))
    assert results == [True, "made before", True]
    assert slurm.submitted == [[(1, 1), (2, 1)]]


def test_a_shard_of_a_job_that_was_lost_at_its_very_end_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LosesFirst(FakeSlurm):
        def submit(self, calls: Sequence[Callable[[], None]]) -> list[tuple[str, Path]]:
            jobs = super().submit(calls)
            if len(self.submitted) == 1:
                (self.folder / "1.1.json").unlink()
                self.known["1_0"] = State("NODE_FAIL")
            return jobs

    slurm, done = LosesFirst(tmp_path / "slurm"), []
    monkeypatch.setenv("WEAKSEP_BACKEND", "slurm")
    monkeypatch.setattr(slurm_module, "Slurm", lambda description, place, nj: slurm)
    notes = Shards(tmp_path / "data", key="k")
    notes.folder.mkdir()
    with notes.unfinished(()):
        run_shards(lambda item, claim: done.append(item), {"1": "a", "2": "b"}, notes, nj=2, description="x")
    assert slurm.submitted == [[(1, 1), (2, 1)], [(1, 2)]] and done == ["a", "b"]


def test_notes_that_are_seen_late_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    class SeenLate(Shards):
        def load(self, name: str) -> object:
            assert self.done(name)
            return super().load(name)

        def done(self, name: str) -> bool:
            looks.append(name)
            return len(looks) > 5 and super().done(name)

    slurm = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("WEAKSEP_BACKEND", "slurm")
    monkeypatch.setattr(slurm_module, "Slurm", lambda description, place, nj: slurm)
    monkeypatch.setattr("weaksep.jobs.sharded.time.sleep", lambda seconds: None)
    notes = SeenLate(tmp_path / "data", key="k")
    notes.folder.mkdir()
    with notes.unfinished(()):
        assert list(run_shards(operator.is_not, {"1": "a"}, notes, nj=1, description="x")) == [True]


def test_sections_of_slurm_yaml_say_what_differs() -> None:
    config = check_config(
        SlurmConfig,
        {
            "default": {"partition": "cpu", "time_minutes": 60, "options": {"qos": "low", "exclusive": True}},
            "separate": {"gpus": 1, "partition": None, "options": {"qos": "high", "mail_type": "FAIL"}},
        },
        "slurm.yaml",
    )
    assert config.of("mix") == config.of("") == config.default
    separate = config.of("separate")
    assert (separate.partition, separate.time_minutes, separate.gpus) == (None, 60, 1)
    assert separate.options == {"qos": "high", "exclusive": True, "mail-type": "FAIL"}


def test_the_recipes_slurm_yaml(root: Path) -> None:
    for recipe in root.glob("egs/*/run.sh"):
        config = load_config(SlurmConfig, recipe.parent / "conf/slurm.yaml")
        assert config.of("mix").time_minutes < config.of("train_separator").time_minutes


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"default": {"partion": "cpu"}}, r"slurm.yaml: unknown key default.partion \(did you mean partition\?\)"),
        ({"seperate": {}}, r"slurm.yaml: unknown key seperate \(did you mean separate\?\)"),
        ({"mix": {"time_minutes": 0}}, r"slurm.yaml: mix.time_minutes: .*greater than or equal to 1, found 0"),
        ({"mix": {"time_minutes": "1-00:00"}}, r"slurm.yaml: mix.time_minutes: expected a whole number"),
        ({"mix": {"memory_gb": 0.0001}}, "slurm.yaml: mix.memory_gb: .*greater than or equal to 0.001"),
        ({"mix": {"cpus": True}}, "slurm.yaml: mix.cpus: expected a number, found true or false"),
        ({"mix": {"account": "a b"}}, "slurm.yaml: mix.account: "),
        ({"mix": {"options": {"mem": "4G"}}}, "slurm.yaml: mix.options: mem: say memory_gb, a key of its own"),
        ({"mix": {"options": {"array": "1-9"}}}, "slurm.yaml: mix.options: array: is for weaksep to say"),
        ({"mix": {"options": {"--qos": "x"}}}, "slurm.yaml: mix.options: --qos: no option of sbatch; write qos"),
        ({"mix": {"options": {"comment": "a\nb"}}}, "slurm.yaml: mix.options: comment: holds a line's end"),
    ],
)
def test_what_slurm_yaml_may_not_say(value: dict, message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        check_config(SlurmConfig, value, "slurm.yaml")


def test_a_wrong_slurm_yaml_stops_a_command_at_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/slurm.yaml").write_text("mixx: {}\n")
    begin_stage("mix", 2)  # which does not concern those without Slurm
    monkeypatch.setenv("WEAKSEP_BACKEND", "slurm")
    with pytest.raises(UserError, match="^conf/slurm.yaml: unknown key mixx"):
        begin_stage("mix", 2)
    (tmp_path / "conf/slurm.yaml").unlink()
    begin_stage("mix", 2)
    assert job_settings() == JobSettings()
    monkeypatch.setenv("WEAKSEP_SLURM_CONFIG", "conf/slrm.yaml")
    with pytest.raises(UserError, match="conf/slrm.yaml: no such"):
        begin_stage("mix", 2)


class Programs:
    """Stand-ins for sbatch, squeue and scancel, which tell what they are asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.set("srun", "exit 1")
        self.set("sbatch", f'cp "$1" {folder}/script; echo "Submitted batch job 12"')
        self.set("squeue", f'echo "squeue $*" >>{folder}/calls; cat {folder}/queue')
        self.set("scancel", f'echo "scancel $*" >>{folder}/calls; : >{folder}/queue')
        (folder / "queue").touch()

    def set(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    stand_ins = Programs(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{stand_ins.folder}:/usr/bin:/bin")
    monkeypatch.setenv("WEAKSEP_SLURM_DIR", str(tmp_path / "slurm"))
    return stand_ins


def test_what_sbatch_is_asked_for(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    (tmp_path / "slurm.yaml").write_text(
        "default: {partition: cpu, account: sounds}\n"
        "mix: {time_minutes: 30, memory_gb: 1.5, gpus: 1, options: {qos: a}}\n"
    )
    monkeypatch.setenv("WEAKSEP_SLURM_CONFIG", str(tmp_path / "slurm.yaml"))
    begin_stage("mix", 0)
    slurm = Slurm("mix train", "data/train/.unfinished", 3)
    slurm.folder.mkdir(parents=True)
    jobs = slurm.submit([partial(run_job, abs, n, "x", tmp_path / f"{n}.1.json") for n in range(5)])
    assert jobs == [(f"12_{n}", slurm.folder / f"12_{n}.log") for n in range(5)]
    script = (programs.folder / "script").read_text()
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", script, re.MULTILINE))
    assert (
        asked
        | {
            **{"partition": "cpu", "account": "sounds", "time": "30", "mem": "1536M", "gpus-per-node": "1", "qos": "a"},
            **{"cpus-per-task": "1", "array": "0-4%3", "job-name": slurm.name, "nodes": "1"},
            "output": str(slurm.folder / "%A_%a.log"),
        }
        == asked
    )
    assert "srun" not in script and "wckey" not in script and "error" not in asked
    assert re.fullmatch(r"weaksep-mix_train-[0-9a-f]{8}", slurm.name)
    assert slurm.name == Slurm("mix train", "data/train/.unfinished", 1).name
    assert slurm.name != Slurm("mix train", "other/train/.unfinished", 1).name
    assert Slurm("x", "", 1).name == Slurm("x", "", 1).name, "of a process"
    assert slurm.submit([partial(run_job, abs, 1, "x", tmp_path / "1.1.json")]) == [("12", slurm.folder / "12.log")]
    assert "#SBATCH --array" not in (programs.folder / "script").read_text()


def test_what_slurm_refuses_is_one_line(programs: Programs, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("submitit")
    programs.set("sbatch", "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1")
    slurm = Slurm("work", "", 1)
    slurm.folder.mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        slurm.submit([partial(abs, 1)])
    said = "Slurm takes no jobs: invalid partition specified: x (conf/slurm.yaml has what they ask for)"
    assert str(caught.value) == said and capfd.readouterr().err == ""


def test_while_slurmctld_is_away_the_jobs_are_submitted_again(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr(slurm_module, "AGAIN_S", 0.0)
    once = programs.folder / "once"
    away = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
    programs.set(
        "sbatch", f"[ -e {once} ] && echo 'Submitted batch job 13' || {{ touch {once}; echo '{away}' >&2; exit 1; }}"
    )
    slurm = Slurm("work", "", 1)
    slurm.folder.mkdir(parents=True)
    assert [job for job, _ in slurm.submit([partial(abs, 1)])] == ["13"]
    assert "Unable to contact slurm controller" in caplog.text


def test_states_by_squeue(programs: Programs) -> None:
    slurm = Slurm("work", "", 1)
    (programs.folder / "queue").write_text(
        "12_1|PENDING|JobArrayTaskLimit\n12_0|COMPLETING|None\n12_2|TIMEOUT|TimeLimit\n"
    )
    states = slurm.states("12")
    assert states == {
        "12_1": State("PENDING", "JobArrayTaskLimit"),
        "12_0": State("COMPLETING"),
        "12_2": State("TIMEOUT", "TimeLimit"),
    }
    assert [state.ended for state in states.values()] == [False, False, True]
    programs.set("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert slurm.states("12") == {}, "forgotten"
    programs.set("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert slurm.states("12") is None
    (programs.folder / "squeue").unlink()
    assert slurm.states("12") is None


def test_all_jobs_of_a_step_are_cancelled_and_waited_for(programs: Programs) -> None:
    slurm = Slurm("work", "", 1)
    (programs.folder / "queue").write_text("12_0\n12_1\n")
    assert slurm.clear(5.0)
    cancel, asked = [call for call in programs.calls() if call.startswith("scancel")], programs.calls()[-1]
    assert len(cancel) == 1 and cancel[0].endswith(f" --name={slurm.name}") and "--user=" in cancel[0]
    assert asked.startswith("squeue") and f"--name={slurm.name}" in asked


def test_nothing_is_submitted_beside_jobs_that_do_not_end(
    programs: Programs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.set("scancel", "exit 1")
    (programs.folder / "queue").write_text("12_0\n")
    slurm = Slurm("work", "", 1)
    assert not slurm.clear(0.2) and not caplog.text
    programs.set("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert not slurm.clear(0.2) and caplog.text.count("Unable to contact") == 1
    monkeypatch.setattr(slurm_module, "UNREACHABLE_S", 0.2)
    with pytest.raises(UserError, match=f"scancel --name={slurm.name}$"):
        run(slurm, abs, [1])


def test_without_slurm_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="^backend slurm: no sbatch srun squeue scancel here"):
        run_sharded(abs, [1], nj=1, description="x", backend="slurm")
