"""SIGKILL at any moment of any stage, then the same command again: every artefact as if nothing had happened.

WEAKSEP_TEST_KILLS sets the number of kills, each in another stage (3 by default; each eight begin a new run).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from killed import STAGES, Runs, check_whole, differences, kill_moments, stage_seconds, write_tiny_config

pytestmark = pytest.mark.recipe

KILLS = int(os.environ.get("WEAKSEP_TEST_KILLS", "3"))
SEED = int(os.environ.get("WEAKSEP_TEST_KILL_SEED", "0"))


@pytest.fixture(scope="module")
def runs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(root, write_tiny_config(root / "egs/mini_urban", tmp_path_factory.mktemp("conf")))


@pytest.fixture(scope="module")
def undisturbed(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A run that nobody touched, and the length of its stages in seconds."""
    place = tmp_path_factory.mktemp("undisturbed")
    seconds = stage_seconds(runs.finish(place))
    assert len(seconds) == STAGES
    check_whole(place)
    return place, seconds


def test_killed_at_any_moment_the_recipe_ends_as_if_nothing_had_happened(
    runs: Runs, undisturbed: tuple[Path, list[float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, seconds = undisturbed
    moments = list(kill_moments(KILLS, seconds, SEED))
    for first in range(0, len(moments), STAGES):
        place = tmp_path / f"killed-{first}"
        for stage, delay_s in moments[first : first + STAGES]:
            output = runs.kill(place, stage, delay_s)
            check_whole(place)
            with capsys.disabled():
                done = "finished before" if "Successfully" in output else "killed"
                print(f"\nstage {stage}, {delay_s:.2f} s: {done}", end="", flush=True)
        runs.finish(place)
        assert differences(whole, place) == []
        shutil.rmtree(place)


def test_a_finished_recipe_does_nothing_again(runs: Runs, undisturbed: tuple[Path, list[float]]) -> None:
    place, _ = undisturbed
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    output = runs.finish(place)
    assert output.count(": up to date") >= STAGES
    assert ": to do" not in output
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def done_again(runs: Runs, place: Path) -> dict[str, str]:
    """What a run did, by the name of the step in the log, and why."""
    found = re.findall(r"\) (\S+(?: \([\w ]+\))?): to do(?: \((.*)\))?$", runs.finish(place), re.MULTILINE)
    return {name.removeprefix(f"{place}/"): why for name, why in found}


def test_what_has_changed_is_told_and_just_what_depends_on_it_is_done_again(
    root: Path, undisturbed: tuple[Path, list[float]], tmp_path: Path
) -> None:
    whole, _ = undisturbed
    place = tmp_path / "place"
    shutil.copytree(whole, place, copy_function=shutil.copy2)
    conf = write_tiny_config(root / "egs/mini_urban", tmp_path / "conf")
    runs = Runs(root, conf)
    # Another network for one system: it alone, and what is made from it.
    strong = (conf / "strong.yaml").read_text()
    (conf / "strong.yaml").write_text(strong.replace("units: 24", "units: 20"))
    done = done_again(runs, place)
    name = "exp/separator_strong"
    # The report's own configuration folder has another path here, which its page names.
    evaluated = "scores/test (by classifier_clip)"
    made = [f"{name}/separated/test", f"{name}/scores/test", f"{name}/{evaluated}"]
    assert list(done) == ["separator_strong", *made, "exp/RESULTS.md"]
    assert done["separator_strong"] == "config.net.units: 24 -> 20"
    assert done[f"{name}/separated/test"] == "model.json has changed; model.safetensors has changed"
    for file in ("model.json", "model.safetensors"):
        assert (place / name / "earlier/1" / file).read_bytes() == (whole / name / file).read_bytes()
    # A truncated archive: its set is extracted again; the trainings' statistics are the same, so they stay.
    ark = place / "dump/train/ark/feats.1.ark"
    ark.write_bytes(ark.read_bytes()[:-4])
    done = done_again(runs, place)
    assert list(done) == ["dump/train", "dump/train (references)"]
    assert "feats.1.ark has" in done["dump/train"] and "bytes instead of" in done["dump/train"]
    assert ark.read_bytes() == (whole / "dump/train/ark/feats.1.ark").read_bytes()
    # A separated file that is missing, and other mixtures for the test set alone.
    (place / "exp/oracle_irm/separated/test/audio/siren/test-000001.wav").unlink()
    done = done_again(runs, place)
    assert list(done) == [f"exp/oracle_irm/{what}" for what in ("separated/test", "scores/test", evaluated)]
    mix = (conf / "mix.yaml").read_text()
    (conf / "mix.yaml").write_text(mix.replace("test: 80", "test: 81"))
    done = done_again(runs, place)
    assert done["data/test"] == "sets.test: 80 -> 81"
    assert not any(name.endswith(("train", "valid")) or "separator_strong" == name for name in done)
    assert sum(name.endswith("separated/test") for name in done) == 6


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_trainings_and_ends_the_run(
    runs: Runs, undisturbed: tuple[Path, list[float]], tmp_path: Path, number: int, status: int
) -> None:
    whole, _ = undisturbed
    shutil.copytree(whole, tmp_path / "again", copy_function=shutil.copy2)
    place = tmp_path / "again"
    for exp in place.glob("exp/separator_*"):
        shutil.rmtree(exp)
    process = runs.start(place)
    deadline = time.monotonic() + 300
    while not list(place.glob("exp/separator_*/checkpoint.pt")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, number)  # run.sh alone: it passes the signal on
    output, _ = process.communicate()
    assert process.returncode == status, output[-3000:]
    assert "interrupted; the same command (without --force) goes on from what is done" in output
    assert "Traceback" not in output
    check_whole(place)
    assert not list(place.rglob("*.tmp*"))
    runs.finish(place)
    assert differences(whole, place) == []
