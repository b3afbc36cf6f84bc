"""tools/paper_in_pieces.sh with the real weaksep: two pieces on two machines come to the weights of one run.

test/shell/test_paper_in_pieces.py has all that needs no training.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from weaksep.fileio.audio import write_audio
from weaksep.fileio.yamlfile import write_yaml
from weaksep.seeding import generator

pytestmark = [pytest.mark.recipe]

CLASSES = {"siren": 900.0, "dog_bark": 300.0}
SETTINGS = ["--systems", "strong clip", "--ngpu", "0", "--nj", "1", "--steps", "100", "--epoch-steps", "10"]


def write_corpus(folder: Path) -> Path:
    """UrbanSound8K's layout, with two tones of each class in three folds."""
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for number, (name, hertz) in enumerate(CLASSES.items()):
        for fold in (1, 2, 3):
            for take in (1, 2):
                recording = 100 * number + 10 * fold + take
                factor = generator(0, "corpus", recording).uniform(0.9, 1.1)
                tone = 8000 * np.sin(2 * np.pi * factor * hertz * np.arange(8000) / 8000)
                write_audio(folder / f"audio/fold{fold}/{recording}-0-0-0.wav", tone.astype(np.int16), 8000)
                rows.append(f"{recording}-0-0-0.wav,{recording},0.0,1.0,1,{fold},0,{name}")
    (folder / "metadata").mkdir()
    (folder / "metadata/UrbanSound8K.csv").write_text("\n".join(rows) + "\n")
    return folder


def write_config(paper: Path, folder: Path) -> Path:
    """The paper's systems, with tiny nets and few mixtures."""
    changes = {
        "data": {"sample_rate": 8000, "classes": [*CLASSES], "split": {"train": [1], "valid": [2], "test": [3]}},
        "mix": {"clip_s": 1.0, "mean_events": 2, "sets": {"train": 24, "valid": 4, "test": 6}},
        "feats": {"window_samples": 256},
        **{name: {"net": {"layers": 1, "units": 8}} for name in ("strong", "clip", "classifier_clip")},
    }
    for name, change in changes.items():
        write_yaml(folder / f"{name}.yaml", {"base": str(paper / f"{name}.yaml"), **change})
    return folder


def machine(root: Path, place: Path) -> Path:
    """A bare machine with a checkout."""
    made = shutil.ignore_patterns("data", "dump", "exp*")
    shutil.copytree(root / "egs/urbansound_mix", place / "egs/urbansound_mix", symlinks=True, ignore=made)
    for name in ("utils", "tools"):
        shutil.copytree(root / name, place / name, ignore=shutil.ignore_patterns("venv"))
    return place


def test_two_pieces_come_to_the_weights_of_one_run(root: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    config = write_config(root / "egs/urbansound_mix/conf/paper", tmp_path / "conf")
    options = ["--db", str(write_corpus(tmp_path / "corpus")), "--keep", "keep", "--config", str(config), *SETTINGS]

    def start(place: Path) -> subprocess.Popen[str]:
        command = [str(place / "tools/paper_in_pieces.sh"), *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, **pipes, text=True, cwd=tmp_path, env=environment, start_new_session=True)

    first, second = (machine(root, tmp_path / name) for name in ("first", "second"))
    process = start(first)
    history = first / "egs/urbansound_mix/exp_paper/exp/separator_strong/history.jsonl"
    deadline = time.monotonic() + 300
    while not (history.exists() and history.stat().st_size):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 143, output[-3000:]
    rows = [line.split("\t") for line in (tmp_path / "keep/progress.tsv").read_text().splitlines()[1:]]
    assert rows[0][0] == "separator_strong" and 10 <= int(rows[0][1]) < 100, "stopped in the middle of it"

    process = start(second)
    output, _ = process.communicate()
    assert process.returncode == 0, output[-3000:]
    assert "resumed after epoch" in output and "begins again" not in output
    rows = [line.split("\t") for line in (tmp_path / "keep/progress.tsv").read_text().splitlines()[1:]]
    assert [row[:3] for row in rows if "separator" in row[0]] == [
        ["separator_strong", "100", "100"],
        ["separator_clip", "100", "100"],
    ]
    assert "isolated sources" in (tmp_path / "keep/RESULTS.md").read_text()
    assert (tmp_path / "keep/results.json").is_file()

    recipe = second / "egs/urbansound_mix"
    for task, more in (("classifier", []), ("separator", ["--set", "optim.patience=10"])):
        command = ["weaksep", "train", "--task", task, "--systems", "strong clip", "--config-dir", str(config), *more]
        places = [word for name in ("data", "dump") for word in (f"--{name}dir", f"exp_paper/{name}")]
        settings = ["--expdir", "exp_whole", "--set", "optim.max_epochs=10", "--set", "optim.epoch_steps=10"]
        subprocess.run([*command, *places, *settings], cwd=recipe, env=environment, check=True, capture_output=True)
    for name in ("classifier_clip", "separator_strong", "separator_clip"):
        weights = [(recipe / exp / name / "model.safetensors").read_bytes() for exp in ("exp_paper/exp", "exp_whole")]
        assert weights[0] == weights[1], name
