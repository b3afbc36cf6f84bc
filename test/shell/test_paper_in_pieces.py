"""tools/paper_in_pieces.sh: pieces on machines that know nothing of one another, with a stand-in for weaksep.

The stand-in's trainings note every step, a twentieth of a second each, and on SIGTERM where they are.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from weaksep.errors import UserError
from weaksep.fileio.ark import write_ark

STAND_IN = r"""#!/usr/bin/env bash
set -eu
echo "$1" >>"${CALLS}"
command=$1 epochs=1 && shift
while [ $# -gt 0 ]; do
    case "$1 ${2:-}" in
        "--set optim.max_epochs="*) epochs=${2#*=} ;;
        "--set optim.epoch_steps="*) epoch_steps=${2#*=} ;;
        "--set "*) ;;
        --*) name=${1#--} && declare "${name//-/_}=${2:-}" ;;
    esac
    shift 2
done
[ "${command}" != "${SLOW:-}" ] || exec sleep 60
[ "${command} ${systems:-}" != "${FAILS:-}" ] || { echo "weaksep ${command}: error: no luck" >&2; exit 1; }
if [ "${command}" = feats ]; then
    for set in train valid test; do
        mkdir -p "${dumpdir}/${set}"
        echo "of ${set}" | tee "${dumpdir}/${set}/references.sha256" >"${dumpdir}/${set}/cmvn.ark"
    done
elif [ "${command}" = infer ]; then
    mkdir -p "${expdir}/separator_clip/separated" && echo >"${expdir}/separator_clip/separated/audio"
elif [ "${command}" = report ]; then
    echo "the table" | tee "${out}" >"$(dirname "${out}")/results.json"
elif [ "${command}" = train ] && [ "${task} ${systems}" != "classifier strong" ]; then
    exp=${expdir}/${task}_${systems} n=0
    [ -e "${exp}/stamp.json" ] && exit
    mkdir -p "${exp}"
    [ ! -e "${exp}/at" ] || n=$(cat "${exp}/at")
    trap 'echo "${n}" >"${exp}/at"; exit 143' TERM
    while [ "${n}" -lt "$((epochs * epoch_steps))" ]; do
        sleep 0.05
        n=$((n + 1))
        echo "${n} ${PLACE}" >>"${exp}/done"
        [ "$((n % epoch_steps))" -ne 0 ] ||
            echo "{\"step\": ${n}, \"seconds\": ${epoch_steps}.0}" >>"${exp}/history.jsonl"
    done
    touch "${exp}/stamp.json" "${exp}/checkpoint.pt"
fi
"""


class Lent:
    """Machines that are lent, and the folder that outlives them."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder, self.keep = root, folder, folder / "keep"

    def machine(self, name: str) -> Path:
        """A bare machine with a checkout."""
        place = self.folder / name
        (self.folder / "recordings").mkdir(exist_ok=True)
        made = shutil.ignore_patterns("data", "dump", "exp*")
        shutil.copytree(self.root / "egs/urbansound_mix", place / "egs/urbansound_mix", symlinks=True, ignore=made)
        shutil.copytree(self.root / "utils", place / "utils")
        (place / "tools/venv/bin").mkdir(parents=True)
        for script in ("paper_in_pieces.sh", "pieces.py"):
            shutil.copy(self.root / "tools" / script, place / "tools" / script)
        program = place / "tools/venv/bin/weaksep"
        program.write_text(STAND_IN)
        program.chmod(0o755)
        (place / "tools/venv/.complete").touch()
        return place

    def start(self, machine: Path, *options: str, **more: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.root),
            "CALLS": str(machine / "calls"),
            "PLACE": machine.name,
        }
        environment.update(more)
        command = [str(machine / "tools/paper_in_pieces.sh"), "--db", "recordings", "--keep", str(self.keep)]
        sizes = ["--ngpu", "0", "--nj", "1", "--steps", "60", "--epoch-steps", "10", "--saving", "2"]
        return subprocess.Popen(
            [*command, *sizes, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=environment,
            start_new_session=True,
        )

    def run(self, machine: Path, *options: str, status: int = 0, **more: str) -> str:
        """A piece; what it printed."""
        process = self.start(machine, *options, **more)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == status, output
        assert not list(self.keep.glob("*.new")) and not list(self.keep.glob(".*.new"))
        return output

    def done(self, training: str) -> list[str]:
        """The steps that the saved state has seen, each with the machine that made it."""
        with tarfile.open(self.keep / "state.tar") as state:
            file = state.extractfile(f"exp/{training}/done")
            assert file is not None
            return file.read().decode().splitlines()

    def steps(self, training: str) -> list[int]:
        """The same without the machines."""
        return [int(line.split()[0]) for line in self.done(training)]


@pytest.fixture
def lent(root: Path, tmp_path: Path) -> Lent:
    return Lent(root, tmp_path)


def wait_for_a_step(machine: Path, process: subprocess.Popen[str]) -> str:
    """Until a piece has trained something; what it has printed so far."""
    assert process.stdout is not None
    lines = []
    while not (lines and ") training strong frame clip, " in lines[-1]):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    path = machine / "egs/urbansound_mix/exp_paper/exp/separator_strong/done"
    before = path.read_text() if path.exists() else ""
    deadline = time.monotonic() + 300
    while not path.exists() or path.read_text() == before:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    return "".join(lines)


def stopped_in_training(lent: Lent, machine: Path) -> str:
    """A piece that is asked to end while it trains; what it printed."""
    process = lent.start(machine)
    before = wait_for_a_step(machine, process)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    output = before + process.stdout.read()
    assert process.wait() == 143, output
    return output


def test_pieces_on_bare_machines_add_up_to_one_run(lent: Lent) -> None:
    first = lent.machine("first")
    output = stopped_in_training(lent, first)
    assert "interrupted in stages 3 and 4" in output and "the same command goes on from" in output
    second = lent.machine("second")
    output = lent.run(second)
    assert output.splitlines()[-1].split(") ", 1)[1].startswith(f"Successfully finished: {lent.keep}/RESULTS.md")
    for training in ("separator_strong", "separator_frame", "separator_clip", "classifier_frame", "classifier_clip"):
        assert lent.steps(training) == list(range(1, 61)), training
    assert (second / "calls").read_text().split()[:3] == ["data", "mix", "feats"]
    assert (lent.keep / "RESULTS.md").read_text() == (lent.keep / "results.json").read_text() == "the table\n"
    rows = [line.split("\t") for line in (lent.keep / "progress.tsv").read_text().splitlines()]
    assert rows[0] == ["training", "steps", "of", "steps_a_second", "minutes_to_go"]
    assert rows[1] == ["separator_strong", "60", "60", "1.00", "0.0"] and len(rows) == 6
    with tarfile.open(lent.keep / "state.tar") as state:
        names = state.getnames()
    assert "exp/separator_clip/stamp.json" in names and "statistics/train/cmvn.ark" in names
    assert not [name for name in names if "separated" in name or "checkpoint" in name]
    assert "nothing to do" in lent.run(lent.machine("third"))


def test_a_piece_ends_when_its_time_is_over(lent: Lent) -> None:
    machine = lent.machine("machine")
    seen: list[int] = []
    for _ in range(2):
        for minutes in ("0.15", "0.6", "2.4"):  # the first will do, unless this machine has much else to do
            process = lent.start(machine, "--minutes", minutes, "--steps", "9000")
            output, _ = process.communicate(timeout=300)
            if process.returncode == 0:
                break
        assert "the time is over in stages 3 and 4" in output and "goes on from" in output
        steps = lent.steps("separator_strong")
        assert len(steps) > len(seen) and steps == list(range(1, len(steps) + 1))
        seen = steps
    rows = [line.split("\t") for line in (lent.keep / "progress.tsv").read_text().splitlines()]
    assert rows[1][:3] == ["separator_strong", str(len(seen) // 10 * 10), "9000"]  # the stand-in has no checkpoint


def test_without_time_to_train_a_piece_is_an_error(lent: Lent) -> None:
    output = lent.run(lent.machine("machine"), "--minutes", "0.06", status=1, SLOW="mix")
    assert "the time is over in stages 0 to 2" in output and "give more --minutes" in output
    assert not (lent.keep / "state.tar").exists()


def test_an_older_state_on_a_machine_gives_way_to_the_kept_one(lent: Lent) -> None:
    machines = [lent.machine("first"), lent.machine("second")]
    before: list[str] = []
    for machine in (*machines, machines[0]):
        stopped_in_training(lent, machine)
        done = lent.done("separator_strong")
        assert done[: len(before)] == before and done[-1].endswith(machine.name)
        before = done
    assert lent.steps("separator_strong") == list(range(1, len(before) + 1))


def test_a_state_of_other_settings_is_not_gone_on_with(lent: Lent) -> None:
    stopped_in_training(lent, lent.machine("first"))
    other = lent.machine("other")
    before = (lent.keep / "state.tar").read_bytes()
    output = lent.run(other, "--steps", "70", status=2)
    assert "begun with --steps 60" in output and "another --keep" in output
    config = other / "egs/urbansound_mix/conf/paper/base.yaml"
    config.write_text(config.read_text() + "seed: 3\n")
    assert "another --keep" in lent.run(other, status=2)
    assert not (other / "calls").exists() and (lent.keep / "state.tar").read_bytes() == before


def test_a_second_piece_at_once_is_refused(lent: Lent) -> None:
    machine = lent.machine("machine")
    process = lent.start(machine)
    wait_for_a_step(machine, process)
    for other in (machine, lent.machine("other")):
        assert f"{lent.keep}: another piece works here" in lent.run(other, status=2)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output


def test_a_system_that_fails_does_not_stop_the_others(lent: Lent) -> None:
    output = lent.run(lent.machine("machine"), status=1, FAILS="train frame")
    assert "frame has failed, see above; the others go on" in output
    assert lent.steps("separator_clip") == lent.steps("separator_strong") == list(range(1, 61))
    assert not (lent.keep / "RESULTS.md").exists()
    lent.run(lent.machine("another"))
    assert lent.steps("separator_frame") == list(range(1, 61))


@pytest.mark.parametrize(("stage", "stages"), [("mix", "stages 0 to 2"), ("score", "stages 5 to 7")])
def test_a_stage_that_fails_is_named(lent: Lent, stage: str, stages: str) -> None:
    output = lent.run(lent.machine("machine"), status=1, FAILS=f"{stage} strong frame clip")
    assert f"{stages} stopped with status 1, see above" in output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--steps", "41"], "41 steps cannot be cut into epochs of 10"),
        (["--minutes", "0.01"], "--minutes 0.01 leaves nothing"),
        (["--keep", ""], "no folder that outlives the machine: give --keep DIR"),
        (["--config", "conf/papre"], "no configuration folder 'conf/papre'"),
    ],
)
def test_mistakes_on_the_command_line(lent: Lent, options: list[str], expected: str) -> None:
    assert expected in lent.run(lent.machine("machine"), *options, status=2)


@pytest.mark.parametrize("name", ["keep", "work"])
def test_a_folder_with_files_of_somebody_else_is_refused(lent: Lent, name: str) -> None:
    machine, other = lent.machine("machine"), lent.folder / name
    for path in (other / "statistics/mine", other / "RESULTS.md"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    output = lent.run(machine, *(["--work", str(other)] if name == "work" else []), status=2)
    assert f"{other}: holds other files" in output and not (machine / "calls").exists()
    assert sorted(path.name for path in other.rglob("*")) == ["RESULTS.md", "mine", "statistics"]
    assert (other / "RESULTS.md").read_text() == "mine"


def test_last_digits_of_another_processor_do_not_begin_a_training_anew(root: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("pieces", root / "tools/pieces.py")
    assert spec is not None and spec.loader is not None
    pieces = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pieces)
    logs = np.random.default_rng(1).normal(-6, 2, (1000, 5))

    def write(folder: str, factor: float) -> None:
        sums = np.stack([np.append(logs.sum(0) * factor, 1000), np.append((logs**2).sum(0) * factor**2, 0)])
        (tmp_path / folder / "train").mkdir(parents=True, exist_ok=True)
        write_ark(tmp_path / folder / "train/cmvn.ark", [("global", sums.astype(np.float32))])
        (tmp_path / folder / "train/references.sha256").write_text(f"{factor}\n")

    write("kept", 1.0)
    write("dump", 1 + 1e-6)
    pieces.keep_statistics(str(tmp_path / "dump"), str(tmp_path / "kept"))
    for name in ("cmvn.ark", "references.sha256"):
        assert (tmp_path / "dump/train" / name).read_bytes() == (tmp_path / "kept/train" / name).read_bytes()
    write("dump", 1.01)
    with pytest.raises(UserError, match="other recordings or settings than in the first piece"):
        pieces.keep_statistics(str(tmp_path / "dump"), str(tmp_path / "kept"))
