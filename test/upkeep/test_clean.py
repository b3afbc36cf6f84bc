"""weaksep clean: exactly what can be made again goes, in an order that survives being stopped, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.bin import prepare
from weaksep.bin.clean import main
from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio.lock import folder_lock, worker_in
from weaksep.fileio.shards import Shards
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.write import write_set
from weaksep.upkeep import clean, removable, survey

PLACES = (Path("data"), Path("dump"), Path("exp"))
# Kind -> the files that it is to remove; stamps go with the last file that they name.
REMOVED = {
    "features": "dump/train/stamp.json dump/train/references.stamp.json dump/train/feats.scp "
    "dump/train/src_dog_feats.scp dump/train/utt2num_frames dump/train/feats.yaml dump/train/cmvn.ark "
    "dump/train/ark/feats.1.ark dump/train/ark/src_dog_feats.1.ark",
    "separated": "exp/separator_a/separated/test/stamp.json exp/separator_a/separated/test/dog.scp "
    "exp/separator_a/separated/test/source.sha256 exp/separator_a/separated/test/audio/dog/x.wav",
    "mixtures": "data/train/wav.scp data/train/src_dog.scp data/train/audio/mix/x.wav "
    "data/train/audio/dog/x.wav data/events_alone/train/wav.scp data/events_alone/train/audio/a.wav",
    "events": "data/events/train/wav.scp data/events/train/audio/a.wav",
    "checkpoints": "exp/separator_a/checkpoint.prev.pt exp/separator_a/checkpoint.pt",
    "earlier": "exp/separator_a/earlier/1/model.safetensors exp/separator_a/earlier/1/config.yaml "
    "exp/separator_a/earlier/1/classifier/model.json exp/separator_a/earlier/1/scores/test/scores.tsv "
    "exp/separator_a/earlier/1/tensorboard/events.out.tfevents.1",
    "tensorboard": "exp/separator_a/tensorboard/events.out.tfevents.2",
}
KEPT = (
    "data/events/stamp.json data/events_alone/train/stamp.json data/train/stamp.json data/events/train/utt2class "
    "data/events/train/utt2spk data/events_alone/train/utt2class data/train/labels.txt data/train/utt2labels "
    "data/train/events.tsv data/train/scenes.jsonl data/train/utt2dur exp/separator_a/stamp.json "
    "exp/separator_a/calibration.stamp.json exp/separator_a/model.safetensors exp/separator_a/model.json "
    "exp/separator_a/classifier/model.safetensors exp/separator_a/classifier/model.json "
    "exp/separator_a/config.yaml exp/separator_a/history.jsonl exp/separator_a/train.log "
    "exp/separator_a/scores/test/scores.tsv exp/separator_a/scores/test/stamp.json exp/separator_b/model.json "
    "exp/separator_b/checkpoint.pt exp/separator_b/checkpoint.prev.pt exp/report/index.html exp/RESULTS.md "
    "exp/stage_times.tsv data/own/wav.scp data/own/audio/mix/recorded.wav data/own/stamp.json exp/report/stamp.json"
)


@pytest.fixture(autouse=True)
def logging_as_before():
    """run_command sets up the root logger; put back what pytest had there."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logging.captureWarnings(False)
    logger.handlers[:], logger.level = handlers, level


def make(*paths: str) -> None:
    """Files of 1000 bytes."""
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"." * 1000)


def note(folder: str, kind: str, step: str = "", pattern: str = "*") -> None:
    """The stamp of a step that has made all visible files below a folder that fit the pattern, each of 1000 bytes."""
    paths = (path for path in Path(folder).rglob(pattern) if path.is_file() and "stamp" not in path.name)
    names = [os.path.relpath(path, folder) for path in paths]
    outputs = {name: 1000 for name in names if not any(part.startswith(".") for part in name.split("/"))}
    Path(folder, f"{step}stamp.json").write_text(json.dumps({"kind": kind, "outputs": outputs}))


def tree(top: str = ".") -> set[str]:
    """Every file and link below a folder."""
    return {
        os.path.relpath(os.path.join(parent, name), top)
        for parent, folders, files in os.walk(top)
        for name in [*files, *(name for name in folders if os.path.islink(os.path.join(parent, name)))]
    }


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe in which everything has run; the working folder."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    monkeypatch.chdir(folder)
    make(*KEPT.split(), *" ".join(REMOVED.values()).split())
    note("data/events", "events")
    note("data/events_alone/train", "mixtures")
    note("data/train", "mixtures")
    note("exp/separator_a/separated/test", "separated")
    note("exp/separator_a", "checkpoints")
    note("exp/separator_a", "", "calibration.", "model.json")
    note("dump/train", "features")
    note("dump/train", "features", "references.", "src_*")
    Path("exp/report/stamp.json").write_text(json.dumps({"kind": "", "outputs": {"../RESULTS.md": 1000}}))
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Run the command; its lines, and its status must be 0."""

    def call(*arguments: str) -> list[str]:
        assert run_command(main, list(arguments), name="clean") == 0
        return capsys.readouterr().out.splitlines()

    return call


def dead_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("kind", REMOVED)
def test_a_kind_removes_exactly_its_files(recipe: Path, run, kind: str) -> None:
    before = tree()
    lines = run("--what", kind, "--remove", "true")
    gone = set(REMOVED[kind].split())
    assert before - tree() == gone
    assert tree() <= before
    stamps = sum(name.endswith("stamp.json") for name in gone)
    count = len(gone) - stamps
    assert lines[-1].split(",") == [f"removed {count} file{'s' * (count > 1)}", f" {count} kB in all"]
    empty = {folder for folder, below, files in os.walk(".") if not below and not files}
    assert empty <= {"./data", "./dump", "./exp"}


def test_all_kinds_together_leave_what_cannot_be_made_again(recipe: Path, run) -> None:
    run("--what", *removable.KINDS, "--remove", "true")
    assert tree() == set(KEPT.split())


def test_listing_changes_nothing_and_is_a_table(recipe: Path, run, caplog: pytest.LogCaptureFixture) -> None:
    Path("exp/loop").symlink_to("loop")
    before = tree()
    lines = run()
    assert lines == [
        "kind         place                           files   size  made again by",
        "features     dump/train                          7   7 kB  stage 2",
        "separated    exp/separator_a/separated/test      3   3 kB  stage 5",
        "mixtures     data/events_alone/train             2   2 kB  stage 1, or weaksep rebuild",
        "mixtures     data/train                          4   4 kB  stage 1, or weaksep rebuild",
        "events       data/events                         2   2 kB  stage 0, from the corpus",
        "checkpoints  exp/separator_a                     2   2 kB  not needed (the training has ended)",
        "total                                           20  20 kB",
        "Nothing is removed without --remove true; it takes only leftovers unless --what names more.",
    ]
    assert run() == lines
    assert tree() == before and "exp/report" not in caplog.text
    assert [line.split()[0] for line in run("--what", "tensorboard earlier")[1:3]] == ["earlier", "tensorboard"]


def test_sizes_are_those_on_the_disk(recipe: Path, run) -> None:
    Path("exp/separator_a/earlier/1/model.safetensors").write_bytes(b"." * 2_500_000)
    assert run("--what", "earlier")[1].split()[:5] == ["earlier", "exp/separator_a", "5", "2.5", "MB"]
    lines = run("--what", "earlier", "--remove", "true")
    assert lines[0] == "removed earlier in exp/separator_a: 5 files, 2.5 MB"


def test_remove_alone_takes_leftovers_only(recipe: Path, run) -> None:
    before = tree()
    make(f"data/train/.wav.{dead_process()}.tmp.scp", "dump/train/.unfinished/key")
    lines = run("--remove", "true")
    assert [line.split()[1] for line in lines] == ["leftovers", "1"]
    assert tree() - before == {"dump/train/.unfinished/key"}


def test_temporary_files_of_living_processes_stay(recipe: Path, run) -> None:
    dead = dead_process()
    gone = [f"data/.a.{dead}.tmp", f"exp/separator_b/.best.{dead}.tmp.pt", f"dump/x/ark/.feats.1.{dead}.tmp.ark"]
    gone.append("exp/.a.99999999999999999999.tmp.txt")
    odd = f"data/.linked.{dead}.tmp.scp"
    Path(odd).symlink_to("train/labels.txt")
    stay = [f"data/.b.{os.getpid()}.tmp.scp", "data/.b.1.tmp.scp", "data/.b.0.tmp.scp", f"data/b.{dead}.tmp.scp"]
    stay += [odd, f"data/.b.{dead}.tmp.docx"]
    stay += [f"data/.b.{dead}.tmp.scp.gz", f"data/.b.{dead}.scp", "data/.b.tmp.scp", f"data/.{dead}.tmp"]
    stay.append(f"data/.git/.a.{dead}.tmp")
    make(*gone, *(name for name in stay if name != odd))
    before = tree()
    run("--what", "leftovers", "--remove", "true")
    assert before - tree() == set(gone)
    assert run("--what", "leftovers") == ["nothing to remove"]


def test_a_process_of_somebody_else_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(process: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert not survey.abandoned(".a.2.tmp")


def test_temporary_files_among_the_outputs_are_not_unknown(recipe: Path, run) -> None:
    name = f"dump/train/ark/.feats.2.{os.getpid()}.tmp.ark"
    make(name)
    assert run("--what", "features", "--remove", "true")[-1].startswith("removed 7 files")
    assert Path(name).exists()


def test_a_number_that_is_in_use_again_is_left(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"data/.a.{dead_process()}.tmp"
    make(name)
    [[(found, _, _)], _] = removable.look(*PLACES, ["leftovers"])
    monkeypatch.setattr(os, "kill", lambda process, signal: None)
    assert clean.remove_now(found, PLACES) == (0, 0)
    assert Path(name).exists()


@pytest.mark.parametrize("place", ["dump/train", "dump", "dump/train/ark"])
def test_where_a_process_works_nothing_is_touched(recipe: Path, run, place: str) -> None:
    make(f"{place}/.a.{dead_process()}.tmp")
    before = tree()
    with folder_lock(place):
        before |= {f"{place}/.lock"}
        lines = run("--what", "features", "leftovers", "--remove", "true")
        assert tree() == before
    assert lines[0] == "nothing to remove"
    assert lines[1].startswith(f"left alone: {place}: process {os.getpid()} on ")
    assert lines[1].endswith(" works there")


def test_a_process_below_does_not_need_leftovers_above(recipe: Path, run) -> None:
    make(f"dump/.a.{dead_process()}.tmp")
    with folder_lock("dump/train"):
        assert run("--remove", "true")[0] == "removed leftovers in dump: 1 file, 1 kB"


def test_a_process_elsewhere_is_in_nobodys_way(recipe: Path, run) -> None:
    with folder_lock("exp/separator_b"):
        lines = run("--what", "separated", "checkpoints", "events", "--remove", "true")
    assert lines[-2] == "removed 7 files, 7 kB in all"
    assert lines[-1].startswith("left alone: exp/separator_b: process")


@pytest.mark.parametrize(
    ("worker", "read"),
    [
        ("data/train", ["events"]),  # and the events cut out of mixtures
        ("dump/train", ["mixtures"]),
        ("exp/separator_b", ["mixtures", "features"]),
        ("exp/separator_a/scores/test", ["mixtures", "features", "separated"]),
    ],
)
def test_what_a_process_may_be_reading_stays(recipe: Path, run, worker: str, read: list[str]) -> None:
    # What is only read to mix anew, by whoever works in a data folder, is not read by the stages after it.
    for path in () if worker == "data/train" else sorted(Path("data/events_alone").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    before = tree()
    with folder_lock(worker):
        lines = run("--what", *read, "--remove", "true")
    assert tree() == before
    assert lines[0] == "nothing to remove"
    for kind, line in zip(sorted(read, key=list(removable.KINDS).index), lines[2:], strict=True):
        assert line.startswith(f"left alone: {kind} in ")
        assert line.endswith(f" works in {worker} and may read them")


def test_locks_that_nobody_holds_are_leftovers(recipe: Path, run) -> None:
    for name in ("exp/separator_b/.lock", "dump/train/.lock"):
        Path(name).write_text("process 1 on elsewhere (since long ago)\n")
    make("exp/separator_a/.lock")  # somebody else's
    before = tree()
    lines = run("--remove", "true")
    assert [line.split(":")[0] for line in lines[:2]] == [
        "removed leftovers in dump/train",
        "removed leftovers in exp/separator_b",
    ]
    assert before - tree() == {"exp/separator_b/.lock", "dump/train/.lock"}


def test_a_lock_that_is_a_link_is_not_opened(recipe: Path, run, tmp_path: Path) -> None:
    make(str(tmp_path / "other"))
    Path("dump/train/.lock").symlink_to(tmp_path / "other")
    before = tree()
    lines = run("--what", "features", "leftovers", "--remove", "true")
    assert tree() == before
    assert lines[1].startswith("left alone: dump/train: perhaps somebody (its lock cannot be opened: ")


def test_a_process_that_begins_after_the_look_is_respected(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree()
    look = removable.look

    def look_and_begin(*arguments):
        found = look(*arguments)
        begun.enter_context(folder_lock("dump/train"))
        return found

    monkeypatch.setattr(clean, "look", look_and_begin)
    with contextlib.ExitStack() as begun:
        lines = list(clean.clean(*PLACES, ["features", "checkpoints"], remove=True))
    assert before - tree() == set(REMOVED["checkpoints"].split())
    assert lines[0].startswith("removed checkpoints")
    assert lines[2].startswith("left alone: dump/train: process")


def test_while_it_works_nobody_else_can(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [[(found, _, _)], _] = removable.look(*PLACES, ["features"])
    workers = []
    unlink = Path.unlink

    def look_around(path: Path, missing_ok: bool = False) -> None:
        workers.append(worker_in(found.place) if path.name != ".lock" else None)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", look_around)
    clean.remove_now(found, PLACES)
    assert all(str(worker).startswith(f"process {os.getpid()} on ") for worker in workers[:7])


def test_a_lock_file_that_changes_hands_meanwhile_counts_as_held(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def removed_just_before(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        os.unlink("dump/train/.lock")
        if again:
            Path("dump/train/.lock").touch()

    monkeypatch.setattr(fcntl, "flock", removed_just_before)
    for again in (False, True):
        Path("dump/train/.lock").touch()
        assert worker_in(Path("dump/train")) == "a process that has just begun"
        with pytest.raises(UserError, match="a process that has just begun works here"):
            with folder_lock(Path("dump/train"), 0.0):
                raise AssertionError
        assert Path("dump/train/.lock").exists() == again


def test_a_file_system_without_locks(recipe: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    Path("exp/separator_a/.lock").write_text("process 1 on elsewhere (since long ago)\n")
    Path("exp/separator_a/.lease").write_text("process 1 on elsewhere (since a moment ago), 1234")
    lines = run("--what", "features", "checkpoints", "--remove", "true")
    assert lines[0] == "nothing to remove"
    assert lines[1].startswith("left alone: exp/separator_a: process 1 on elsewhere")
    Path("exp/separator_a/.lease").unlink()
    assert run("--what", "features", "checkpoints", "--remove", "true")[-1].startswith("removed 9 files")


def test_a_full_disk_is_no_reason_to_stop(recipe: Path, run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def no_new_files(path, flags: int, *mode, **more):
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return opened(path, flags, *mode, **more)

    monkeypatch.setattr(os, "open", no_new_files)
    assert run("--what", "features", "--remove", "true")[-1].startswith("removed 7 files")


@pytest.mark.parametrize("kind", ["features", "separated", "mixtures", "events"])
def test_stopped_at_any_moment_nothing_looks_finished(recipe: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    place = {"features": "dump/train", "mixtures": "data/train", "events": "data/events"}.get(
        kind, "exp/separator_a/separated/test"
    )
    # Of two places of one kind, the second is untouched while the first is at work: one is enough here.
    own = [name for name in REMOVED[kind].split() if "stamp" not in name and not name.startswith("data/events_alone")]
    key = f"{place}/.unfinished/key"
    bulk = {name for name in own if name.endswith((".wav", ".ark"))}
    tables = {name for name in own if name.endswith(".scp")}
    unlink = Path.unlink
    shutil.rmtree("data/events_alone")
    for allowed in range(len(own)):
        make(*own, key)
        note(place, kind)
        left = allowed

        def some(path: Path, missing_ok: bool = False) -> None:
            nonlocal left
            if path.name != ".lock":
                if left == 0:
                    raise KeyboardInterrupt
                left -= 1
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", some)
        with pytest.raises(KeyboardInterrupt):
            list(clean.clean(*PLACES, [kind], remove=True))
        monkeypatch.setattr(Path, "unlink", unlink)
        there = tree()
        if not bulk <= there:
            assert there.isdisjoint(tables), allowed
        if not tables <= there:
            assert key not in there, allowed
        list(clean.clean(*PLACES, [kind], remove=True))
        assert tree().isdisjoint([*own, key])


def test_an_interrupted_stage_goes_only_when_named(recipe: Path, run) -> None:
    shards = Shards(Path("data/valid"), key="k")
    shards.begin(["data/valid/wav.scp"])
    shards.claims("1")(["data/valid/audio/mix/x.wav", "data/valid/audio/mix/y.wav"])
    make("data/valid/audio/mix/x.wav", "data/valid/audio/mix/mine.wav", "data/valid/.unfinished/mine")
    shards.save("1", {})
    before = tree()
    assert run()[1].split()[:3] == ["unfinished", "data/valid", "5"]
    run("--what", "unfinished", "--remove", "true")
    assert before - tree() == {
        "data/valid/audio/mix/x.wav",
        *(f"data/valid/.unfinished/{name}" for name in ("key", "1.json", "1.files", "tables.files")),
    }


def test_what_the_run_before_an_interrupted_one_has_made_stays_known(recipe: Path, run) -> None:
    """A training that was to be done again, and was stopped: its network is none of what an unfinished stage left."""
    Shards(Path("exp/separator_a")).open_again()
    before = tree()
    assert run("--what", "unfinished", "--remove", "true") == ["nothing to remove"]
    assert tree() == before


def test_an_interrupted_training_can_go_on(recipe: Path, run) -> None:
    make("exp/separator_new/.unfinished/key", "exp/separator_new/checkpoint.pt")
    before = tree()
    assert run("--what", "unfinished", "--remove", "true") == ["nothing to remove"]
    assert tree() == before


def test_what_is_ours_stays_known_as_long_as_it_is_there(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key goes first, so that nobody goes on; then what has been made, and the notes of that in the end."""
    make("dump/train/.unfinished/key", "dump/train/.unfinished/1.json", "dump/train/ark/feats.9.ark")
    Path("dump/train/.unfinished/1.files").write_text('"ark/feats.9.ark"')
    gone = []
    unlink = Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda path, missing_ok=False: gone.append(path.name) or unlink(path, missing_ok)
    )
    list(clean.clean(*PLACES, ["unfinished"], remove=True))
    assert gone == ["key", "feats.9.ark", "1.files", "1.json", ".lock"]


def test_links_stay_and_lead_nowhere(recipe: Path, run, tmp_path: Path) -> None:
    away = tmp_path / "away"
    names = "ark/feats.1.ark audio/x.wav audio/mix/x.wav stamp.json feats.scp key wav.scp scenes.jsonl dog.scp"
    make(*(str(away / name) for name in names.split()))
    for name in (
        "checkpoint.pt",
        "separated/test/dog.scp",
        "tensorboard/events.out.tfevents.9",
        "earlier/9/config.yaml",
    ):
        make(str(away / "exp" / name))
    make("exp/c/model.json", "data/valid/scenes.jsonl", "data/linked/scenes.jsonl")
    make("dump/valid/feats.yaml", "dump/test/feats.yaml", "data/linked/wav.scp")
    links = {
        "dump/valid/ark": away / "ark",
        "dump/test/.unfinished": away,
        "dump/test/stamp.json": away / "stamp.json",
        "dump/test/feats.scp": away / "feats.scp",
        "data/valid/audio": away / "audio",
        "data/valid/wav.scp": away / "wav.scp",
        "data/linked/audio/mix": away / "audio/mix",
        "data/linked/audio/dog/x.wav": away / "audio/x.wav",
        "data/linked/audio/dog/broken.wav": away / "nothing",
        "exp/c/checkpoint.pt": away / "exp/checkpoint.pt",
        "exp/c/separated": away / "exp/separated",
        "exp/c/tensorboard": away / "exp/tensorboard",
        "exp/c/earlier": away / "exp/earlier",
        "dump/away": away,
        "data/away": away,
        "exp/away": away / "exp",
    }
    for name, target in links.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).symlink_to(target)
    made = {
        "dump/valid": ("features", ["feats.yaml", "ark/feats.1.ark"]),
        "data/valid": ("mixtures", ["scenes.jsonl", "wav.scp", "audio/x.wav", "audio/mix/x.wav"]),
        "data/linked": ("mixtures", ["scenes.jsonl", "wav.scp", "audio/mix/x.wav", "audio/dog/x.wav"]),
        "exp/c": ("checkpoints", ["checkpoint.pt"]),
    }
    for place, (kind, outputs) in made.items():
        saved = {"kind": kind, "outputs": dict.fromkeys(outputs, 1000)}
        Path(place, "stamp.json").write_text(json.dumps(saved))
    whole = tree(str(away))
    lines = run("--what", *removable.KINDS, "--remove", "true")
    assert tree(str(away)) == whole
    assert set(links) <= tree()
    assert "data/linked/wav.scp" not in tree() and "dump/valid/feats.yaml" not in tree()
    assert [line for line in lines if "symbolic" in line] == [
        f"left alone: {name}: a symbolic link" for name in sorted(links, key=Path) if Path(name).is_dir()
    ]


def test_the_three_folders_may_be_links_themselves(recipe: Path, run, tmp_path: Path) -> None:
    Path("dump").rename(tmp_path / "big disk")
    Path("dump").symlink_to(tmp_path / "big disk")
    assert run("--what", "features", "--remove", "true")[-1].startswith("removed 7 files")
    assert tree(str(tmp_path / "big disk")) == set()
    assert Path("dump").is_symlink()


def test_what_weaksep_does_not_know_stays_and_is_named(recipe: Path, run) -> None:
    strange = [
        "dump/train/ark/notes.txt",
        "dump/train/ark/.hidden.ark",
        "dump/train/ark/.cache/feats.1.ark",
        "dump/train/extra.scp",
        "dump/train/mystamp.json",
        "dump/train/my.stamp.json",
        "data/train/audio/mix/mine.wav",
        "data/train/src_mine.scp",
        "data/train/src_dog.scp.bak",
        "data/train/.backup/1/wav.scp",
        "exp/separator_a/checkpoint.old.pt",
        "exp/separator_a/separated/notes.wav",
        "exp/separator_a/earlier/1/notes.txt",
        "exp/separator_a/tensorboard/projector.tsv",
        "dump/feats.scp",
        "exp/checkpoint.pt",
    ]
    make(*strange)
    lines = run("--what", *removable.KINDS, "--remove", "true")
    assert tree() == {*KEPT.split(), *strange}
    assert "left alone: dump/train/ark/.hidden.ark and 1 more: not written by weaksep, or changed since" in lines
    assert "left alone: data/train/src_mine.scp and 1 more: not written by weaksep, or changed since" in lines


def test_names_that_would_break_a_line(recipe: Path, run) -> None:
    odd = os.fsdecode(b"dump/a\nb\xff")
    make(f"{odd}/feats.yaml", f"{odd}/ark/1.ark")
    note(odd, "features")
    make(f"{odd}/ark/c\nd")
    lines = run("--what", "features")
    assert lines[1].startswith("features  dump/a\\nb\\xff ")
    assert lines[-1] == "left alone: dump/a\\nb\\xff/ark/c\\nd: not written by weaksep, or changed since"


def test_an_empty_recipe_and_a_partial_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run) -> None:
    monkeypatch.chdir(tmp_path)
    Path("exp").mkdir()
    assert run() == ["nothing to remove"]
    make("exp/a/separated/test/dog.scp")
    note("exp/a/separated/test", "separated")
    assert run("--what", "separated", "--remove", "true")[-1] == "removed 1 file, 1 kB in all"
    assert os.listdir("exp") == []


def test_no_folder_at_all_is_one_error_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dump").write_text("a file")
    assert run_command(main, [], name="clean") == 1
    assert capsys.readouterr().err == (
        f"weaksep clean: error: none of data, dump, exp is a folder in {tmp_path}: "
        "go to a recipe, or give --datadir, --dumpdir, --expdir\n"
    )
    assert os.listdir() == ["dump"]


def test_other_places(recipe: Path, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = [f"--{name}dir=recipe/{name}" for name in ("data", "dump", "exp")]
    assert run(*places, "--what", "checkpoints")[1].split()[1] == "recipe/exp/separator_a"
    assert run(*places, "--what", "checkpoints", "--remove", "true")[-1].startswith("removed 2 files")


def test_folders_in_one_another_count_once(recipe: Path, run) -> None:
    os.rename("exp", "data/exp")
    os.rename("dump", "data/dump")
    make(f"data/exp/.a.{dead_process()}.tmp", "data/exp/classifier_new/.unfinished/key")
    lines = run("--dumpdir", "data/dump", "--expdir", os.path.abspath("data/exp"))
    assert [line.split()[0] for line in lines[1:3]] == ["leftovers", "unfinished"]
    assert lines[-2].split() == ["total", "22", "22", "kB"]


def test_the_folders_that_were_named_stay_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run) -> None:
    monkeypatch.chdir(tmp_path)
    make("data/exp/x/.unfinished/key")
    run("--expdir", "data/exp", "--what", "unfinished", "--remove", "true")
    assert (os.listdir("data"), os.listdir("data/exp")) == (["exp"], [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["featurs"], "argument --what: no kind 'featurs'; did you mean features?"),
        (["features", "all"], "argument --what: no kind 'all'; there are: leftovers unfinished features"),
        ([" "], "argument --what: no kind is given"),
        ([], "argument --what: expected at least one argument"),
    ],
)
def test_a_wrong_kind_is_a_mistake_on_the_command_line(recipe: Path, capsys, words: list[str], message: str) -> None:
    before = tree()
    with pytest.raises(SystemExit) as stop:
        main(["--remove", "true", "--what", *words])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"weaksep clean: error: {message}")
    assert error.count("\n") == 1
    assert tree() == before


def test_kinds_in_one_word_or_several(recipe: Path, run) -> None:
    assert run("--what", "features,separated") == run("--what", "separated features") == run(
        "--what", "separated", "features"
    )  # fmt: skip


def test_what_the_stages_wrote_is_known_and_comes_back_the_same(
    stages: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stages)
    before = {name: Path(name).read_bytes() for name in tree()}
    lines = run("--what", "features mixtures", "--remove", "true")
    assert not [line for line in lines if "left alone" in line]
    assert os.listdir("dump") == []
    assert sorted(os.listdir("data/test")) == [
        *("events.tsv", "labels.txt", "scenes.jsonl", "spk2utt", "stamp.json", "utt2dur", "utt2labels", "utt2spk")
    ]
    mix = MixConfig(clip_s=0.5, mean_events=2.0, sets={"train": 8, "valid": 3, "test": 3})
    for name in ("train", "valid", "test"):
        write_set(mix, name, Path("data/events") / name, Shards(Path("data") / name, kind="mixtures"), nj=1)
    assert {name: Path(name).read_bytes() for name in tree()} == {
        name: content for name, content in before.items() if not name.startswith("dump")
    }
    run("--what", "events", "--remove", "true")
    assert not list(Path("data/events").rglob("*.wav"))


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A recipe of labelled recordings after stage 0, the working folder; and the arguments of weaksep prepare."""
    monkeypatch.chdir(tmp_path)
    Path("db/audio").mkdir(parents=True)
    names = [f"r{number}.wav" for number in range(6)]
    for name in names:
        soundfile.write(f"db/audio/{name}", np.random.default_rng(0).uniform(-0.1, 0.1, 3200), 8000)
    lines = ["filename\tevent_labels", *(f"{name}\t{('dog', 'horn')[n % 2]}" for n, name in enumerate(names))]
    Path("db/labels.tsv").write_text("\n".join(lines) + "\n")
    settings = ["clip_s=0.2", "sample_rate=8000", "split={train: 0.34, valid: 0.33, test: 0.33}"]
    arguments = ["--audio", "db/audio", "--clip-labels", "db/labels.tsv"]
    arguments += [word for setting in settings for word in ("--set", setting)]
    prepare.main(arguments)
    return arguments


def clips() -> set[str]:
    """What is to go of the clips."""
    return {name for name in tree("data") if name.endswith((".wav", "wav.scp"))}


def test_prepared_clips_are_listed_and_come_back_the_same(prepared: list[str], run) -> None:
    before, made = {name: Path(name).read_bytes() for name in tree()}, clips()
    assert len(made) == 12 + 3
    [line] = [line.split("  ") for line in run() if line.startswith("clips")]
    assert [word.strip() for word in line if word] == [
        *("clips", "data", "15", "77.9 kB", "stage 0, or weaksep prepare, from the recordings")
    ]
    lines = run("--what", "clips", "--remove", "true")
    assert lines[0].startswith("removed clips in data: 15 files") and len(lines) == 2
    assert {name for name in before if not Path(name).exists()} == {f"data/{name}" for name in made}
    assert not list(Path("data").glob("*/audio"))
    assert run("--what", "clips") == ["nothing to remove"]
    prepare.main(prepared)
    stamp = "data/prepare.stamp.json"  # has the time of day
    now = {name: Path(name).read_bytes() for name in tree()}
    assert {**now, stamp: b""} == {**before, stamp: b""}


def test_clips_with_references_are_known_by_all_their_recordings(prepared: list[str], run) -> None:
    for name in Path("db/audio").iterdir():
        for label in ("dog", "horn"):
            Path("db/sources", label).mkdir(parents=True, exist_ok=True)
            shutil.copy(name, f"db/sources/{label}")
    prepare.main([*prepared, "--references", "db/sources"])
    source = Path("db/sources/dog/r0.wav")
    source.rename("r0.wav")
    assert run("--what", "clips")[1].startswith(f"left alone: clips in data: {source}, of which they were made")
    Path("r0.wav").rename(source)
    assert run("--what", "clips", "--remove", "true")[0].startswith("removed clips in data: ")
    assert not clips() and not list(Path("data").rglob("*.scp"))


def test_of_prepared_clips_only_what_the_stamp_knows_goes(prepared: list[str], run, tmp_path: Path) -> None:
    make("data/train/audio/mix/mine.wav", "data/own/wav.scp", "data/own/audio/mix/r0-0001.wav", "away/song.wav")
    Path("data/valid/audio/linked").symlink_to(tmp_path / "away")
    stamp_ns = Path("data/prepare.stamp.json").stat().st_mtime_ns
    edited = min(Path("data/train/audio/mix").glob("r*.wav"))
    edited.write_bytes(edited.read_bytes()[::-1])  # of the same size
    os.utime(edited, ns=(stamp_ns + 1, stamp_ns + 1))
    Path("data/test/wav.scp").write_text("mine now\n")
    own = {str(edited), "data/train/audio/mix/mine.wav", "data/valid/audio/linked", "away/song.wav"}
    kept = {f"data/{name}" for name in clips() if name.startswith(("test/", "own/"))} | own
    lines = run("--what", "clips", "--remove", "true")
    assert kept <= tree()
    assert {f"data/{name}" for name in clips()} | {"data/valid/audio/linked"} == kept - {"away/song.wav"}
    assert lines[-1].endswith(": not written by weaksep, or changed since")


def test_clips_without_their_stamp_or_their_recordings_stay(prepared: list[str], run) -> None:
    before = tree()
    Path("db/audio/r3.wav").rename("r3.wav")
    lines = run("--what", "clips", "--remove", "true")
    assert lines == [
        *("nothing to remove", "left alone: clips in data: db/audio/r3.wav, of which they were made, is not there")
    ]
    Path("r3.wav").rename("db/audio/r3.wav")
    damaged = (
        "{",
        "[]",
        '{"kind": "clips", "origin": {"files": 1}, "outputs": {}}',
        '{"kind": [], "outputs": {"a": 1}}',
    )
    for damage in damaged:
        Path("data/prepare.stamp.json").write_text(damage)
        assert run("--what", *removable.KINDS) == ["nothing to remove"]
    Path("data/prepare.stamp.json").unlink()
    assert run("--what", *removable.KINDS) == ["nothing to remove"]
    assert tree() == before - {"data/prepare.stamp.json"}


def test_clips_that_are_read_stay_and_a_stopped_removal_goes_on(
    prepared: list[str], run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree()
    Path("dump/train").mkdir(parents=True)
    with folder_lock("dump/train"):
        assert run("--what", "clips", "--remove", "true")[-1].endswith(" works in dump/train and may read them")
    with folder_lock("data"):
        assert run("--what", "clips", "--remove", "true")[0] == "nothing to remove"
    assert tree() == before
    unlink, left = Path.unlink, iter(range(6))  # and the key of an unfinished run, first

    def some(path: Path, missing_ok: bool = False) -> None:
        if path.name != ".lock" and next(left, None) is None:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", some)
    with pytest.raises(KeyboardInterrupt):
        list(clean.clean(*PLACES, ["clips"], remove=True))
    monkeypatch.setattr(Path, "unlink", unlink)
    assert not list(Path("data").glob("*/wav.scp")) and len(clips()) == 10
    run("--what", "clips", "--remove", "true")
    assert not clips()
