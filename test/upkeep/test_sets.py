"""Folders as the stages write them, folders of events, and what only several sets together show."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from weaksep.upkeep.validate import expand, validate

SetLine = Callable[[Path, int, str | bytes | None], None]
FIRST = "dog_bark-train0001"  # the first recording of data/events/train
EVENT = f"{FIRST}-00"  # and its first event


def found(*folders: Path, **options: bool) -> list[str]:
    """All problems of the folders, one line each."""
    return [str(problem) for report in validate(folders, **options) for problem in report.problems]


def test_what_the_stages_write_is_valid(made_by_stages: Path) -> None:
    reports = validate([made_by_stages / "data", made_by_stages / "data/events"], check_audio=True, check_feats=True)
    assert [report.problems for report in reports] == [[]] * 6
    assert [(report.path.relative_to(made_by_stages), report.summary) for report in reports[::3]] == [
        (Path("data/train"), "8 clips, 3 classes, 4.0 s, audio read, features read"),
        (Path("data/events/train"), reports[3].summary),
    ]
    assert reports[3].summary.startswith("12 clips, 3 classes, ") and reports[3].summary.endswith("s, audio read")


@pytest.mark.parametrize(
    ("name", "number", "text", "where", "what"),
    [
        ("utt2class", 1, f"{EVENT} horn", "utt2class:1", f"{EVENT}: not in labels.txt: 'horn'"),
        (
            "utt2class",
            1,
            f"{EVENT} siren,dog_bark",
            "utt2class:1",
            f"{EVENT}: not in labels.txt: 'siren,dog_bark'",
        ),
        ("utt2class", 1, None, "wav.scp:1", f"{EVENT} is not in utt2class"),
        ("labels.txt", 4, "horn\n", "labels.txt:4", "horn: no event of this class"),
        ("utt2spk", 1, f"{EVENT} other", "spk2utt", f"'other {EVENT}', not there, which is what utt2spk says"),
        ("utt2spk", 1, f"{EVENT} other", "spk2utt:1", f"'{FIRST} {EVENT} {FIRST}-01', which is not what utt2spk says"),
        ("utt2spk", 1, f"{EVENT} a/b", "utt2spk:1", f"{EVENT}: the recording 'a/b' holds a slash"),
        ("utt2dur", 1, f"{EVENT} 0", "utt2dur:1", f"{EVENT}: '0' is not a length in seconds"),
    ],
)
def test_defects_of_a_folder_of_events(
    stages: Path, set_line: SetLine, name: str, number: int, text: str | None, where: str, what: str
) -> None:
    folder = stages / "data/events/train"
    set_line(folder / name, number, text)
    lines = [line for line in found(folder) if line.startswith(f"{folder}/{where}: {what}; ")]
    assert len(lines) == 1, found(folder)


def test_a_folder_of_events_without_classes_is_one_of_events_still(stages: Path) -> None:
    folder = stages / "data/events/train"
    (folder / "utt2class").unlink()
    assert found(folder) == [f"{folder}/utt2class: no such file; run.sh --stage 0"]


def test_what_sort_of_folder_it_is(stages: Path) -> None:
    train = stages / "data/train"
    (train / "utt2class").write_text("of another program\n")
    assert found(train) == []
    shutil.move(train, stages / "data/events/mixed")  # a name alone does not make it one
    assert found(stages / "data/events/mixed") == []
    bare = stages / "data/bare"
    bare.mkdir()
    (bare / "wav.scp").write_text("a a.wav\n")
    assert f"{bare}/utt2labels: no such file; run.sh --stage 1" in found(bare)


def test_audio_of_events(stages: Path) -> None:
    folder = stages / "data/events/train"
    path = folder / "audio" / f"{EVENT}.wav"
    size = 4 * soundfile.info(path).frames
    path.write_bytes(path.read_bytes()[:-8])
    (line,) = found(folder, check_audio=True)
    cut = f"truncated: its header promises {size} bytes of sound, it holds {size - 8} "
    assert line.startswith(f"{folder}/wav.scp:1: {EVENT}: audio/{EVENT}.wav: {cut}")


def test_a_recording_in_two_sets_of_events(stages: Path, set_line: SetLine) -> None:
    events = stages / "data/events"
    test = events / "test"
    utt = (test / "utt2spk").read_text().split()[0]
    set_line(test / "utt2spk", 1, f"{utt} dog_bark-train0001")
    expected = (
        f"{test}/utt2spk:1: recording dog_bark-train0001 is also in train ({events}/train/utt2spk:1); "
        "correct the split in conf/data.yaml, then run.sh --stage 0"
    )
    assert found(events).count(expected) == 1
    assert expected in found(events / "train", test)
    assert not any("is also in" in line for line in found(test))


def test_a_recording_in_the_first_two_of_three_sets_is_told_once(stages: Path, set_line: SetLine) -> None:
    events = stages / "data/events"
    utt = (events / "valid/utt2spk").read_text().split()[0]
    set_line(events / "valid/utt2spk", 1, f"{utt} dog_bark-train0001")
    assert len([line for line in found(events) if "is also in" in line]) == 1


def test_a_recording_in_two_sets_of_mixtures(stages: Path) -> None:
    scenes = stages / "data/test/scenes.jsonl"
    scenes.write_text(scenes.read_text().replace("-test0001", "-train0001"))
    lines = [line for line in found(stages / "data") if "is also in train" in line]
    assert lines and all(line.startswith(f"{scenes}:") for line in lines)
    assert len(lines) == len({line.split()[2] for line in lines}), "a recording is told once"


def test_mixtures_and_events_of_one_set_are_one_side(stages: Path) -> None:
    assert found(stages / "data/train", stages / "data/events/train", stages / "data/events/test") == []


def test_a_folder_of_sets_stands_for_all_three(stages: Path) -> None:
    data = stages / "data"
    assert expand([data, data / "test"]) == [data / "train", data / "valid", data / "test"]
    (data / "valid").rename(stages / "gone")
    assert found(data) == [f"{data}/valid: no such data folder; run.sh --stage 1"]


def test_variants_are_looked_at_too_and_are_the_side_of_their_set(stages: Path) -> None:
    data = stages / "data"
    shutil.copytree(data / "test", data / "test_dense")
    assert expand([data])[3:] == [data / "test_dense"]
    assert found(data) == []
    scenes = data / "test_dense/scenes.jsonl"
    scenes.write_text(scenes.read_text().replace("-test0001", "-train0001"))
    lines = [line for line in found(data) if "is also in train" in line]
    assert lines and all(line.startswith(f"{scenes}:") for line in lines)
