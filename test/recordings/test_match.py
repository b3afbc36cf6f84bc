"""Entries of label files and the audio that they are of: AudioSet's segments, sets and recordings from both files."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from weaksep.bin.main import main
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import DataDir, EventLabel
from weaksep.recordings.match import Recording, match, read_label_files

Sound = Callable[..., Any]


class Matched(NamedTuple):
    recordings: list[Recording]
    problems: list[str]
    unlabelled: list[Path]


LIST = "# YTID, start_seconds, end_seconds, positive_labels\n"
STRONG = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
SEGMENT = ["vid0_30.000_40.000", "Yvid0_30.000_40.000", "vid0_30_40", "Yvid0_30000_40000", "vid0_30000", "Yvid0_30"]


def matched(folder: Path, clip_labels: str | None, events: str | None) -> Matched:
    """What is found in folder/audio for a segment list and a table of events."""
    paths: list[Path | None] = []
    for name, content in (("clips.csv", clip_labels), ("events.tsv", events)):
        paths.append(folder / name if content is not None else None)
        if content is not None:
            (folder / name).write_text(content)
    return Matched(*match(read_label_files(*paths), folder / "audio"))


@pytest.mark.parametrize("name", SEGMENT)
def test_a_file_named_like_its_segment_is_the_segment(tmp_path: Path, tone: Sound, write: Sound, name: str) -> None:
    write(tmp_path / f"audio/{name}.wav", tone(45.0, 400, 1000), 1000)
    (found,) = matched(tmp_path, f'{LIST}vid0, 30.000, 40.000, "/m/0"\n', None).recordings
    assert (found.file.stem, found.span_s, found.classes) == (name, None, ("/m/0",))


@pytest.mark.parametrize(("named", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_letters_with_accents_however_they_are_put_together(
    tmp_path: Path, tone: Sound, write: Sound, named: Any, there: Any
) -> None:
    name = "T\u00fcrklingel"
    write(tmp_path / f"audio/{unicodedata.normalize(there, name)}.wav", tone(1.0, 400, 1000), 1000)
    table = f"filename\tevent_labels\n{unicodedata.normalize(named, name)}.wav\tdog\n"
    assert [found.classes for found in matched(tmp_path, table, None).recordings] == [("dog",)]


def test_a_file_named_after_the_video_is_cut(tmp_path: Path, tone: Sound, write: Sound) -> None:
    write(tmp_path / "audio/Yvid0.wav", tone(45.0, 400, 1000), 1000)
    (found,) = matched(tmp_path, f'{LIST}vid0, 30.000, 40.000, "/m/0"\n', None).recordings
    assert found.span_s == (30.0, 40.0)


@pytest.mark.parametrize("name", SEGMENT)
def test_strong_labels_of_a_segment(tmp_path: Path, tone: Sound, write: Sound, name: str) -> None:
    write(tmp_path / f"audio/{name}.wav", tone(11.0, 400, 1000), 1000)
    found = matched(tmp_path, None, f"{STRONG}vid0_30000\t0.5\t2.0\t/m/0\n")
    (recording,) = found.recordings
    assert (recording.file.stem, recording.span_s, recording.group) == (name, None, "vid0")
    assert recording.events == (EventLabel(0.5, 2.0, "/m/0"),) and not found.problems and not found.unlabelled


@pytest.mark.parametrize("named", ["rec03.mp3", "day/rec03.mp3"])
def test_a_file_of_that_name_with_another_suffix_is_told(tmp_path: Path, tone: Sound, write: Sound, named: str) -> None:
    write(tmp_path / "audio/day/rec03.flac", tone(1.0, 400))
    found = matched(tmp_path, f"filename,label\n{named},dog\nrec04.mp3,dog\n", None)
    first, second = found.problems
    assert first.endswith("; there is day/rec03.flac: name that, or leave the suffix out")
    assert second.endswith(f"no audio for rec04.mp3 in {tmp_path}/audio")
    assert matched(tmp_path, "filename,label\nrec03,dog\n", None).recordings


@pytest.mark.parametrize("listed", [False, True])
def test_strong_labels_of_a_whole_video(tmp_path: Path, tone: Sound, write: Sound, listed: bool) -> None:
    write(tmp_path / "audio/vid0.wav", tone(70.0, 400, 1000), 1000)
    clips = f'{LIST}vid0, 10.000, 20.000, "/m/1"\nvid0, 30.000, 40.000, "/m/0"\n' if listed else None
    events = f"{STRONG}vid0_30000\t0.5\t2.0\t/m/0\nvid0_60000\t0.0\t1.0\t/m/2\n"
    found = {recording.span_s: recording.events for recording in matched(tmp_path, clips, events).recordings}
    expected = {(30.0, 40.0): (EventLabel(30.5, 32.0, "/m/0"),), (60.0, 70.0): (EventLabel(60.0, 61.0, "/m/2"),)}
    assert found == ({(10.0, 20.0): None} if listed else {}) | expected  # of 10 to 20 s no times are known


def test_strong_labels_of_a_segment_named_after_its_video(tmp_path: Path, tone: Sound, write: Sound) -> None:
    write(tmp_path / "audio/vid0.wav", tone(10.0, 400, 1000), 1000)
    (found,) = matched(tmp_path, None, f"{STRONG}vid0_30000\t0.5\t2.0\t/m/0\n").recordings
    assert (found.span_s, found.events) == (None, (EventLabel(0.5, 2.0, "/m/0"),))
    clips = f'{LIST}vid0, 30.000, 40.000, "/m/0"\n'
    (found,) = matched(tmp_path, clips, f"{STRONG}vid0_30000\t0.5\t2.0\t/m/0\n").recordings
    assert found.events == (EventLabel(0.5, 2.0, "/m/0"),)


def test_a_video_that_ends_before_its_strong_labels(tmp_path: Path, tone: Sound, write: Sound) -> None:
    write(tmp_path / "audio/vid0.wav", tone(20.0, 400, 1000), 1000)
    found = matched(tmp_path, None, f"{STRONG}vid0_30000\t0.5\t2.0\t/m/0\nvid1_0\t0\t1\t/m/0\n")
    assert not found.recordings
    assert "events.tsv:2: " in found.problems[0] and "its labels are of 30 to 40 s" in found.problems[0]
    assert "events.tsv:3: no audio for Yvid1" in found.problems[1]


def test_set_and_recording_of_a_table_of_events(tmp_path: Path, tone: Sound, write: Sound) -> None:
    write(tmp_path / "audio/a.wav", tone(1.0, 400))
    events = "filename\tonset\toffset\tlabel\tset\trecording\na.wav\t0\t1\tdog\ttest\tr1\n"
    (found,) = matched(tmp_path, None, events).recordings
    assert (found.set_name, found.group) == ("test", "r1")
    (found,) = matched(tmp_path, "filename,label\na.wav,dog\n", events).recordings
    assert (found.set_name, found.group) == ("test", "r1")


@pytest.mark.parametrize(("column", "first", "second"), [("set", "train", "test"), ("recording", "r1", "r2")])
def test_label_files_that_differ(
    tmp_path: Path, tone: Sound, write: Sound, column: str, first: str, second: str
) -> None:
    write(tmp_path / "audio/a.wav", tone(1.0, 400))
    events = f"filename\tonset\toffset\tlabel\t{column}\na.wav\t0\t1\tdog\t{second}\n"
    found = matched(tmp_path, f"filename,label,{column}\na.wav,dog,{first}\n", events)
    assert not found.recordings and not found.unlabelled
    (problem,) = found.problems
    assert f"events.tsv:2: {tmp_path}/audio/a.wav has the {column} {second}, at" in problem
    assert problem.endswith(f"clips.csv:2 {first}; leave one of them")


def test_whole_videos_by_strong_labels_become_clips(tmp_path: Path, tone: Sound, write: Sound) -> None:
    """From the command line: what is cut is the segment, and the sets are those of the table."""
    lines = [STRONG.rstrip() + "\tset"]
    for number, name in enumerate(("train", "dev", "test")):
        hertz = (400, 1000)[number % 2]
        audio = np.concatenate([tone(20.0, 100), tone(10.0, hertz), tone(5.0, 100)])
        write(tmp_path / f"audio/vid{number}.wav", audio)
        lines += [f"vid{number}_20000\t{2 * n}\t{2 * n + 1}\t{('dog', 'horn')[n]}\t{name}" for n in range(2)]
    (tmp_path / "events.tsv").write_text("\n".join(lines) + "\n")
    options = ["--audio", str(tmp_path / "audio"), "--events", str(tmp_path / "events.tsv"), "--set", "clip_s=5"]
    assert main(["prepare", *options, "--set", "level_db=null", "--out", str(tmp_path / "data")]) == 0
    for number, name in enumerate(("train", "valid", "test")):
        data = DataDir.load(tmp_path / "data" / name)
        assert len(data.wav) == 2 and all(utt.startswith(f"vid{number}-") for utt in data.wav)
        first, second = sorted(data.wav)
        assert [(e.onset_s, e.offset_s, e.label) for e in data.events()[first]] == [(0, 1, "dog"), (2, 3, "horn")]
        assert data.clip_labels()[second] == ()
        np.testing.assert_allclose(read_audio(data.wav[first], 16_000), tone(5.0, (400, 1000)[number % 2]), atol=1e-3)
