"""Mistakes on the command line, places that cannot be written, and what a process of its own prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "strong")

BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "an unknown command": (("scroe",), 2, "^no command 'scroe'; did you mean score.$"),
    "a command like none": (("qqq",), 2, "^no command 'qqq'; there is: "),
    "an unknown option": (("mix", "--confg", "x"), 2, "^unknown option --confg; did you mean --config. .weaksep mix"),
    "an option like none": (("mix", "--config", "x", "--qqq"), 2, "^unknown option --qqq .weaksep mix --help"),
    "an option cut short": (("mix", "--conf", "conf/mix.yaml"), 2, "^unknown option --conf; did you mean --config"),
    "a required option": (("mix",), 2, "the following arguments are required: --config"),
    "two required options": (("rebuild", "--out", "x"), 2, "the following arguments are required: --scenes, --events"),
    "an option without its value": (("mix", "--config"), 2, "argument --config: expected one argument"),
    "a word too many": (("mix", "--config", "conf/mix.yaml", "x"), 2, "unrecognized arguments: x .weaksep mix"),
    "text for jobs": (("mix", "--config", "conf/mix.yaml", "--nj", "two"), 2, "argument --nj: .*'two'"),
    "half a job": (("feats", "--config", "conf/feats.yaml", "--nj", "0.5"), 2, "argument --nj: .*'0.5'"),
    "no jobs, data": (("data", "--config", "conf/data.yaml", "--db", "db", "--nj", "0"), 2, "argument --nj: .*'?0'?"),
    "no jobs, mix": (("mix", "--config", "conf/mix.yaml", "--nj", "0"), 2, "argument --nj: .*'?0'?"),
    "no jobs, feats": (("feats", "--config", "conf/feats.yaml", "--nj", "-1"), 2, "argument --nj: .*'?-1'?"),
    "no jobs, train": ((*TRAIN, "--nj", "0"), 2, "argument --nj: .*'?0'?"),
    "no jobs, infer": (("infer", "--nj", "-1"), 2, "argument --nj: .*'?-1'?"),
    "no jobs, score": (("score", "--nj", "0"), 2, "argument --nj: .*'?0'?"),
    "no jobs, rebuild": (
        ("rebuild", "--scenes", "x", "--events", "x", "--out", "x", "--nj", "0"),
        2,
        "argument --nj: .*'?0'?",
    ),
    "no clips at a time": (("infer", "--batch-size", "0"), 2, "argument --batch-size: .*'?0'?"),
    "seven GPUs": (("infer", "--ngpu", "7"), 2, "argument --ngpu: invalid choice: '?7'? .choose from 0, 1"),
    "less than no GPU": ((*TRAIN, "--ngpu", "-1"), 2, "argument --ngpu: .*'-1'"),
    "no process": ((*TRAIN, "--num-procs", "0"), 2, "argument --num-procs: .*'?0'?"),
    "text for a seed": (("mix", "--config", "conf/mix.yaml", "--seed", "zero"), 2, "argument --seed: .*'zero'"),
    "text for a switch": (("infer", "--oracles", "maybe"), 2, "--oracles: 'maybe' is neither true nor false"),
    "text for a share": (("data", "--config", "x", "--max-bad-ratio", "few"), 2, "argument --max-bad-ratio: .*'few'"),
    "a share above one": (
        ("data", "--config", "conf/data.yaml", "--db", "db", "--max-bad-ratio", "2"),
        2,
        "argument --max-bad-ratio: .*'2'",
    ),
    "a share that is no number": (
        ("data", "--config", "conf/data.yaml", "--db", "db", "--max-bad-ratio", "nan"),
        2,
        "argument --max-bad-ratio: .*'nan'",
    ),
    "no corpus": (("data", "--config", "conf/data.yaml"), 1, "^no folder for UrbanSound8K: set URBANSOUND8K="),
    "a task that there is not": (("train", "--task", "mixer", "--systems", "strong"), 2, "argument --task: invalid"),
    "a system that there is not": (
        ("train", "--task", "separator", "--config-dir", "conf", "--systems", "stong"),
        1,
        "^conf: no system stong; did you mean strong. There are: strong, frame$",
    ),
    "a system that is not trained": (("infer", "--systems", "frame"), 1, "frame: no model.json; did you mean"),
    "a system that is not separated": (("score", "--systems", "frame"), 1, "separator_frame: no separated/test; did"),
    "nothing to separate": (("infer", "--expdir", "none", "--oracles", "false"), 1, "^none: no trained separator_"),
    "nothing to score": (("score", "--expdir", "none"), 1, "^none: nothing to score"),
    "nothing to report": (("report", "--expdir", "none"), 1, "^none: no ./scores/test/scores.tsv; run stage 6 first$"),
    "a set that there is not": (("report", "--set", "tset"), 1, "^data/tset: no such data folder"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_mistakes_on_the_command_line(recipe: Path, refused, name: str) -> None:
    arguments, status, message = BAD[name]
    refused(*arguments, status=status, match=message)


# The parent of what is to be written is a file: nobody may write there, not even root, whom no permission stops.
PLACES = {
    "events": ("data", "--config", "conf/data.yaml", "--db", "db", "--out", "wall/events"),
    "mixtures": ("mix", "--config", "conf/mix.yaml", "--out", "wall"),
    "features": ("feats", "--config", "conf/feats.yaml", "--dumpdir", "wall/dump"),
    "experiments": (*TRAIN, "--expdir", "wall/exp"),
    "page": ("report", "--out", "wall/RESULTS.md"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_file_where_a_folder_should_be(recipe: Path, refused, name: str) -> None:
    Path("wall").write_text("of bricks\n")
    refused(*PLACES[name], match="wall.*: (Not a directory|File exists)")


@pytest.fixture
def permissions(tmp_path: Path) -> None:
    """Only where permissions stop this process: not for root, unless it runs without CAP_DAC_OVERRIDE."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this process may write everywhere, as root may")


@pytest.mark.parametrize("name", PLACES)
def test_a_folder_that_is_read_only(recipe: Path, refused, permissions: None, name: str) -> None:
    Path("wall").mkdir()
    Path("wall").chmod(0o555)
    refused(*PLACES[name], match="wall.*: Permission denied")


def test_a_table_that_may_not_be_read(recipe: Path, refused, permissions: None) -> None:
    Path("data/test/wav.scp").chmod(0)
    refused("infer", match="data/test/wav.scp: cannot be read .Permission denied.")


PROCESSES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "an option": (("mix", "--confg", "x"), 2, "weaksep mix: error: unknown option --confg; did you mean --config?"),
    "a command": (("scroe",), 2, "weaksep: error: no command 'scroe'; did you mean score?"),
    "a configuration": (("mix", "--config", "none.yaml"), 1, "weaksep mix: error: none.yaml: no such config"),
    "a table": (("feats", "--config", "conf/feats.yaml"), 1, "weaksep feats: error: data/test/wav.scp:1: Windows"),
    "audio": (("data", "--config", "conf/data.yaml", "--db", "db", "--nj", "2"), 1, "weaksep data: error: 1 of 12 "),
}  # fmt: skip


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_of_its_own(recipe: Path, name: str) -> None:
    arguments, status, message = PROCESSES[name]
    Path("data/test/wav.scp").write_bytes(Path("data/test/wav.scp").read_bytes().replace(b"\n", b"\r\n"))
    Path("db/audio/fold1/100-3-0-0.wav").write_bytes(b"")
    command = [sys.executable, "-m", "weaksep.bin", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("weaksep")][0].startswith(message)


OVER: dict[str, tuple[tuple[str, ...], str]] = {
    "mixtures over events": (
        ("mix", "--config", "conf/mix.yaml", "--out", "data/events"),
        "^data/events/train: holds .*, which is read here; give another folder|holds events, not mixtures",
    ),
    "mixtures over a corpus": (
        ("mix", "--config", "conf/mix.yaml", "--out", "corpus"),
        r"^corpus/train: holds something else than mixtures \(audio, metadata\); give another folder",
    ),
    "events over mixtures": (
        ("data", "--config", "conf/data.yaml", "--db", "db", "--out", "data"),
        r"^data/(train|valid|test): holds something else than events \(.*\); give another folder",
    ),
}


@pytest.mark.parametrize("name", OVER)
def test_a_folder_of_something_else_is_not_cleared(recipe: Path, refused, name: str) -> None:
    for other in ("train", "valid", "test"):
        shutil.copytree("db", f"corpus/{other}")
    command, message = OVER[name]
    before = contents()
    refused(*command, match=message)
    assert contents() == before


def contents() -> dict[str, bytes]:
    """Everything but locks: these commands must not even change what they usually may."""
    files = (path for path in Path.cwd().rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path): path.read_bytes() for path in files}
