"""egs/labelled_recordings from recordings to a page, without a reference, then with some; and mixtures handed over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import DataDir

pytestmark = pytest.mark.recipe

RATE = 16_000
PITCH_HZ = {"dog": 400, "cat": 900, "horn": 2500}
SMALL = '"optim.max_epochs=1 optim.epoch_steps=12 net.units=8'


def recordings(folder: Path) -> None:
    """Thirty recordings of 3 to 7 s, of one or two of three classes; the times of half of them are known."""
    rng = np.random.default_rng(0)
    labels, events = ["filename\tevent_labels"], ["filename\tonset\toffset\tevent_label"]
    for number in range(30):
        names = sorted(rng.choice(list(PITCH_HZ), size=1 + number % 2, replace=False).tolist())
        audio = 0.001 * rng.standard_normal(int(rng.uniform(3, 7) * RATE))
        for name in names:
            onset_s = rng.uniform(0.2, 1.5)
            part = slice(int(onset_s * RATE), int((onset_s + 1.0) * RATE))
            audio[part] += 0.1 * np.sin(2 * np.pi * PITCH_HZ[name] * np.arange(RATE) / RATE)[: part.stop - part.start]
            if number % 4 < 2:
                events.append(f"r{number:02d}.wav\t{onset_s:.3f}\t{onset_s + 1.0:.3f}\t{name}")
        labels.append(f"r{number:02d}.wav\t{','.join(names)}")
        write_audio(folder / f"audio/r{number:02d}.wav", audio, RATE)
    (folder / "clip_labels.tsv").write_text("\n".join(labels) + "\n")
    (folder / "events.tsv").write_text("\n".join(events) + "\n")


@pytest.fixture
def recipe(root: Path, tmp_path: Path) -> Path:
    made = shutil.ignore_patterns("data", "dump", "exp", "exp_*", "results*", "RESULTS.md")
    for name in ("egs", "utils"):
        shutil.copytree(root / name, tmp_path / name, symlinks=True, ignore=made)
    recordings(tmp_path / "mine")
    place = tmp_path / "egs/labelled_recordings"
    return place


def run(recipe: Path, *options: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # of the weaksep that is tested
    command = " ".join([str(recipe / "run.sh"), f"--db {recipe.parents[1]}/mine --ngpu 0 --nj 2", *options])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(["bash", "-ec", command], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout + result.stderr


def test_from_recordings_to_a_page(recipe: Path) -> None:
    net = "net.channels=[4,8]"
    systems = '--systems "remix remix_frame clip"'
    settings = [f'--separator-args {SMALL} {net}"', f'--classifier-args {SMALL} {net}"', "--accept hardly-any-steps"]
    run(recipe, systems, *settings)
    assert "| remix_frame | frame" in (recipe / "data/DATA.md").read_text()
    assert not list(recipe.glob("data/*/src_*.scp")) and not list(recipe.glob("data/*/scenes.jsonl"))
    page = (recipe / "RESULTS.md").read_text()
    assert page.index("without references") < page.index("by the evaluation classifier")
    assert "SI-SDRi by class" not in page
    summary = json.loads((recipe / "results.json").read_text())
    figures = {row["name"]: row for row in summary["sources"]}
    known = {"unprocessed", "equal_shares", "random_masks"}
    assert set(figures) == known | {"separator_clip", "separator_remix", "separator_remix_frame"}
    assert figures["equal_shares"]["residual"] == pytest.approx(1 / 16, rel=1e-3)  # of four outputs
    assert summary["data"]["test"]["recordings"]["all"] == len(
        {utt[:3] for utt in DataDir.load(recipe / "data/test").wav}
    )
    assert figures["separator_remix"]["unexplained"] < 1e-3 < figures["separator_remix"]["residual"]
    assert 0 <= figures["separator_remix_frame"]["inactive_frames"] <= 1
    assert "recordings, drawn at random" in (recipe / "exp/report/index.html").read_text()
    assert "Stage 0: up to date" in run(recipe, systems, *settings, "--stop-stage 0")

    labels = DataDir.load(recipe / "data/test").clip_labels()
    utt, names = next((utt, names) for utt, names in labels.items() if len(names) == 2)
    recording, mine = utt.rpartition("-")[0], recipe.parents[1] / "mine"
    audio = read_audio(mine / f"audio/{recording}.wav", RATE)
    for name in names:  # the isolated sources of one test recording are found after all
        write_audio(mine / f"references/{name}/{recording}.wav", audio / 2, RATE)
    shutil.rmtree(recipe / "exp/classifier_clip")  # that of no system now, and trained all the same: it judges
    run(recipe, '--systems "remix remix_frame"', *settings)
    summary = json.loads((recipe / "results.json").read_text())
    assert {row["classifier"] for row in summary["sources"] if "remix" in row["name"]} == {"classifier_clip"}
    scored = {row["name"]: row["si_sdri_db"]["n"] for row in summary["systems"]}
    assert 2 <= scored["separator_remix"] < sum(map(len, labels.values()))
    assert "## Separation" in (recipe / "RESULTS.md").read_text()


def test_trainings_begin_with_the_net_that_comes_with_weaksep(recipe: Path) -> None:
    systems = '--systems "remix remix_frame clip frame"'
    told = run(recipe, "--config conf/esc10", systems, "--dry-run true --stop-stage 4 --accept hardly-any-steps")
    assert "Successfully finished the dry run" in told
    assert told.count("begins with esc10: outputs taken over: dog; new: cat, horn") == 4


def test_mixtures_handed_over_are_the_mixtures(recipe: Path, root: Path, tmp_path: Path) -> None:
    """Prepared without a change of level, mini_urban's mixtures are what its own recipe trains on."""
    mini = tmp_path / "egs/mini_urban"
    mix = mini / "conf/mix.yaml"
    mix.write_text(mix.read_text().replace("{train: 3000, valid: 200, test: 300}", "{train: 6, valid: 4, test: 4}"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = subprocess.run([str(mini / "run.sh"), "--stop-stage", "1"], env={**os.environ, "PATH": path}, text=True,
                          capture_output=True)  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]
    lines, events = ["filename\tevent_labels\tset"], ["filename\tonset\toffset\tevent_label"]
    sets = {name: DataDir.load(mini / "data" / name) for name in ("train", "valid", "test")}
    for name, data in sets.items():
        for utt, own in data.clip_labels().items():
            lines.append(f"{utt}.wav\t{','.join(own)}\t{name}")
            (tmp_path / "given/audio").mkdir(parents=True, exist_ok=True)
            shutil.copy(data.wav[utt], tmp_path / f"given/audio/{utt}.wav")
        events += (data.path / "events.tsv").read_text().splitlines()[1:]
    (tmp_path / "given/clip_labels.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "given/events.tsv").write_text("\n".join(events) + "\n")
    options = "--clip-labels clip_labels.tsv --events events.tsv --set sample_rate=8000 --set clip_s=2.5"
    command = f"weaksep prepare --audio audio {options} --set level_db=null --out data"
    result = subprocess.run(command.split(), cwd=tmp_path / "given", env={**os.environ, "PATH": path}, text=True,
                            capture_output=True)  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    for name, data in sets.items():
        handed = DataDir.load(tmp_path / "given/data" / name)
        assert handed.classes == data.classes and len(handed.wav) == len(data.wav)
        for utt in data.wav:
            clip = f"{utt}-0001"
            assert np.array_equal(read_audio(handed.wav[clip], 8000), read_audio(data.wav[utt], 8000))
            assert handed.clip_labels()[clip] == data.clip_labels()[utt]
            own, given = (sorted(events) for events in (data.events()[utt], handed.events()[clip]))
            assert own == given
