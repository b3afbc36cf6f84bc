"""The tutorial of a new corpus, word for word, with a corpus made up here; and ESC-50's reader on one in its layout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import read_table

pytestmark = pytest.mark.recipe

RATE = 16_000
CLASSES = {"dog": 400, "cat": 900, "horn": 2500}  # Hz


def sound(rng: np.random.Generator, pitch_hz: float) -> np.ndarray:
    """A tone of about a second with a little noise, int16 (N,)."""
    time_s = np.arange(int(rng.uniform(0.6, 1.2) * RATE)) / RATE
    tone = np.sin(2 * np.pi * pitch_hz * rng.uniform(0.9, 1.1) * time_s) + 0.1 * rng.standard_normal(len(time_s))
    return (3000 * tone).astype(np.int16)


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """The project's scripts and recipes, with the weaksep that runs this test."""
    made = shutil.ignore_patterns("data", "dump", "exp", "exp_*", "results*", "RESULTS.md")
    for name in ("egs", "utils"):
        shutil.copytree(root / name, tmp_path / name, symlinks=True, ignore=made)
    return tmp_path


def blocks(page: Path) -> Iterator[str]:
    """The shell commands of the page's walk through a new corpus."""
    yield from re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # of the weaksep that is tested
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_page_word_for_word(root: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, number in {"train": 4, "valid": 2, "test": 2}.items():
        for label, pitch_hz in CLASSES.items():
            for index in range(number):
                write_audio(tmp_path / f"corpus/{name}/{label}/{name}{index}.wav", sound(rng, pitch_hz), RATE)
    *commands, last = blocks(root / "docs/tutorials/new_corpus.md")
    assert len(commands) == 4 and last.strip() == 'my_city/run.sh --db "${PWD}/corpus"'
    for number, command in enumerate(commands):
        result = run(command, tmp_path)
        assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
        if number == 0:  # all that is not on the page: fewer mixtures than a user wants
            smaller = "sed -i 's/sets: .*/sets: {train: 12, valid: 4, test: 4}/' my_city/conf/mix.yaml"
            assert run(smaller, tmp_path).returncode == 0
    assert DataDir.load(tmp_path / "my_city/data/train").classes == tuple(CLASSES)
    told = result.stderr + result.stdout
    assert all(f"separator_{name}: " in told for name in ("strong", "frame", "clip", "remix"))


def test_esc50_in_its_official_layout(project: Path) -> None:
    rng = np.random.default_rng(0)
    corpus = project / "ESC-50"
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    names = (project / "egs/esc50_mix/conf/data.yaml").read_text().rpartition("classes: [")[2].partition("]")[0]
    for target, label in enumerate([*names.split(", "), "cow"]):
        for fold in range(1, 6):
            name = f"{fold}-{100 * target + fold}-A-{target}"
            lines.append(f"{name}.wav,{fold},{target},{label},True,{100 * target + fold},A")
            padded = np.concatenate([sound(rng, 300 + 100 * target), np.zeros(RATE, dtype=np.int16)])
            write_audio(corpus / f"audio/{name}.wav", padded, RATE)
    (corpus / "meta").mkdir()
    (corpus / "meta/esc50.csv").write_text("\n".join(lines) + "\n")
    result = run(f"egs/esc50_mix/run.sh --db {corpus} --stop-stage 0", project)
    assert result.returncode == 0, result.stderr[-3000:]
    events = project / "egs/esc50_mix/data/events"
    sizes = {name: len(read_table(events / name / "utt2class")) for name in ("train", "valid", "test")}
    assert sizes == {"train": 30, "valid": 10, "test": 10}
    longest = max(float(text) for text in read_table(events / "train/utt2dur").values())
    assert longest < 1.21  # the zeros behind each sound are left out
    fewer = ("sets: {train: 24, valid: 8, test: 8}", "epoch_steps: 4", "max_epochs: 1", "warmup_steps: 1")
    smaller = "; ".join(f"s/{text.partition(':')[0]}: .*/{text}/" for text in fewer)
    assert run(f"sed -i '{smaller}' egs/esc50_mix/conf/mix.yaml egs/esc50_mix/conf/*.yaml", project).returncode == 0
    result = run(f"egs/esc50_mix/run.sh --db {corpus} --stage 1 --systems 'clip remix_classified'", project)
    assert result.returncode == 0, result.stderr[-3000:]
    rows = (project / "egs/esc50_mix/RESULTS.md").read_text().split("\n| ")
    assert {"clip", "remix_classified", "oracle_irm"} <= {row.split()[0] for row in rows}
    assert "| temperature |" in "\n".join(rows)  # its masks are calibrated
    (corpus / "meta/esc50.csv").write_text(lines[0] + "\nx.wav,6,0,dog,True,1,A\n")
    result = run(f"egs/esc50_mix/run.sh --db {corpus} --stop-stage 0", project)
    assert result.returncode == 1 and "esc50.csv:2: fold '6' is not one of 1 to 5" in result.stderr
