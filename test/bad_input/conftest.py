"""What the tables of bad input share: a small recipe after all its stages, and what every refusal must be like."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
import torch

from weaksep.bin.main import main
from weaksep.fileio.atomic import write_text
from weaksep.fileio.network import Description, Features, write_network
from weaksep.fileio.tables import read_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.nets.build import build_classifier, build_separator

RATE = 8000
CLASSES = ["dog_bark", "siren"]
CONFIGS = {
    "data": {
        "corpus": "urbansound8k",
        "sample_rate": RATE,
        "classes": CLASSES,
        "split": {"train": [1], "valid": [2], "test": [3]},
    },
    "mix": {"clip_s": 0.5, "mean_events": 2.0, "sets": {"train": 4, "valid": 3, "test": 3}},
    "feats": {"window_samples": 128, "hop_samples": 64},
    "classifier_frame": {"supervision": "frame", "net": {"kind": "light", "units": 4, "channels": [4]}},
    "strong": {"supervision": "strong", "net": {"layers": 1, "units": 4}},
    "frame": {"supervision": "frame", "classifier": "frame", "net": {"layers": 1, "units": 4}},
}
# What each command may change; all else must be as it was.
OUTPUTS = {
    "data": ["data/events"],
    "mix": ["data/train", "data/valid", "data/test"],
    "feats": ["dump"],
    "train": ["exp"],
    "infer": ["exp"],
    "score": ["exp"],
    "report": ["exp/report", "RESULTS.md", "results.json"],
    "rebuild": ["again"],
}
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \(")
# Files that make a folder count as whole, or a result as a result: a command that fails writes none.
TABLE = re.compile(
    r"(.*\.(scp|tsv|pt|safetensors|jsonl|md)|.*stamp\.json|model\.json|tagging\.json|results\.json|utt2\w+|labels\.txt)"
)


def write_corpus(db: Path) -> None:
    """Three folds of UrbanSound8K with two clips of each class, 0.4 s of noise at 16 kHz."""
    random = np.random.default_rng(5)
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for fold in (1, 2, 3):
        for number, (class_id, name) in enumerate([(3, "dog_bark"), (3, "dog_bark"), (8, "siren"), (8, "siren")]):
            stem = f"{fold}0{number}-{class_id}-0-0"
            rows.append(f"{stem}.wav,{fold}0{number},0.0,0.4,1,{fold},{class_id},{name}")
            path = db / f"audio/fold{fold}/{stem}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.1 * random.standard_normal(6400), 16000)
    write_text(db / "metadata/UrbanSound8K.csv", "\n".join(rows) + "\n")


def write_training(folder: Path, task: Literal["separator", "classifier"]) -> None:
    """An experiment folder as training leaves it, with an untrained net."""
    torch.manual_seed(0)
    config = CONFIGS["strong" if task == "separator" else "classifier_frame"]
    size = (len(CLASSES), 65)
    net = build_separator(config["net"], *size) if task == "separator" else build_classifier(config["net"], *size, RATE)
    features = Features(sample_rate=RATE, **CONFIGS["feats"])
    description = Description(task=task, classes=CLASSES, features=features, config=config)
    write_network(folder, description, net.state_dict())
    write_yaml(folder / "config.yaml", config)
    row = '{"epoch": 1, "step": 3, "seconds": 0.5, "train": {"loss": 2.0}, "valid": {"loss": 1.5}}\n'
    write_text(folder / "history.jsonl", row)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe's folder after stage 6; tests work on a copy."""
    folder = tmp_path_factory.mktemp("whole")
    before = Path.cwd()
    os.chdir(folder)
    try:
        write_corpus(Path("db"))
        for name, config in CONFIGS.items():
            write_yaml(Path("conf") / f"{name}.yaml", config)
        assert main(["data", "--config", "conf/data.yaml", "--db", "db"]) == 0
        assert main(["mix", "--config", "conf/mix.yaml"]) == 0
        assert main(["feats", "--config", "conf/feats.yaml", "--systems", "strong frame"]) == 0
        write_training(Path("exp/separator_strong"), "separator")
        write_training(Path("exp/classifier_frame"), "classifier")
        assert main(["infer"]) == 0
        assert main(["score"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The commands set up the root logger; put back what pytest had there."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logging.captureWarnings(False)
    logger.handlers[:], logger.level = handlers, level


@pytest.fixture
def recipe(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished recipe, and the current folder."""
    folder = tmp_path / "recipe"
    shutil.copytree(whole, folder, symlinks=True)  # with the times of change, which the stamps remember
    monkeypatch.chdir(folder)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Every file and what is in it; folders, and locks, which may be left over, do not count."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink() or not (path.is_file() or path.is_dir()) or not os.access(path, os.R_OK):
            found[name] = "no file"
        elif path.is_file() and path.name != ".lock":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _mine(name: str, command: str) -> bool:
    """Whether a command may change a file."""
    return any(name == place or name.startswith(f"{place}/") for place in OUTPUTS.get(command, []))


@dataclass(frozen=True)
class Refusal:
    """How a command ended: its error, one line or a heading with one line for each problem."""

    status: int
    error: str


def read_error(stderr: str) -> str:
    """The one error on stderr; all else there must be log lines."""
    assert "Traceback" not in stderr, stderr
    lines = [line for line in stderr.splitlines() if not LOG_LINE.match(line)]
    assert lines and re.match(r"weaksep( [a-z-]+)?: error: ", lines[0]), stderr
    heading, *problems = lines
    assert all(line.startswith("  ") for line in problems), stderr
    listed = re.search(r"\((\d+) problems?\):$", heading)
    assert int(listed[1] if listed else 0) == len(problems), stderr
    return "\n".join([heading.partition("error: ")[2], *problems])


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., Refusal]:
    """Run a command that must refuse its input, and look at what it says and leaves.

    ``others``: files of further things that the command does before it says what has failed.
    """

    def run(*arguments: str, status: int = 1, match: str, others: str = "$^") -> Refusal:
        before = contents(Path.cwd())
        capsys.readouterr()
        try:
            ended = main(list(arguments))
        except SystemExit as stop:
            ended = int(stop.code or 0)
        stderr = capsys.readouterr().err
        error = read_error(stderr)
        assert ended == status, stderr
        assert re.search(match, error), f"{match!r} is not in:\n{error}"
        after = contents(Path.cwd())
        changed = {name for name in {**before, **after} if before.get(name) != after.get(name)}
        lost = sorted(name for name in changed if not _mine(name, arguments[0]))
        assert not lost, f"changed: {lost}"
        assert not [name for name in after if ".tmp" in name], "a temporary file is left"
        tables = {name for name in changed & set(after) if TABLE.fullmatch(Path(name).name)}
        written = sorted(name for name in tables if not re.search(others, name))
        assert not written, f"written by a command that failed: {written}"
        return Refusal(ended, error)

    return run


@pytest.fixture
def accepted(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must do its work; what it logged."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        status = main(list(arguments))
        stderr = capsys.readouterr().err
        assert status == 0, stderr
        return stderr

    return run


@pytest.fixture
def first_utt(recipe: Path) -> str:
    """The first clip of the test set."""
    return next(iter(read_table(recipe / "data/test/wav.scp")))
