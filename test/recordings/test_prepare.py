"""weaksep prepare from its command line: what comes out, and what is said of what cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from weaksep.bin.main import main
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.stamp import STAMP_NAME
from weaksep.signal.level import loud_level
from weaksep.upkeep.validate import validate

Sound = Callable[..., Any]


def prepare(corpus: Path, *more: str) -> int:
    options = ["--audio", str(corpus / "audio"), "--set", "clip_s=2", "--out", str(corpus.parent / "data")]
    if "--events" not in more or "--clip-labels" in more:
        options += [] if "--clip-labels" in more else ["--clip-labels", str(corpus / "clip_labels.tsv")]
    return main(["prepare", *options, "--set", "split={train: 0.5, valid: 0.25, test: 0.25}", *more])


def sets(corpus: Path) -> dict[str, DataDir]:
    return {name: DataDir.load(corpus.parent / "data" / name) for name in ("train", "valid", "test")}


def test_recordings_become_clips_with_their_labels(corpus: Path) -> None:
    assert prepare(corpus) == 0
    found = sets(corpus)
    assert sum(len(data.wav) for data in found.values()) == 4 * 1 + 4 * 2 + 4 * 3  # 2 s, 3 s and 5 s in clips of 2 s
    homes = {name: {utt.rsplit("-", 1)[0] for utt in data.wav} for name, data in found.items()}
    assert not homes["train"] & homes["valid"] and not homes["train"] & homes["test"]
    for data in found.values():
        assert data.classes == ("dog", "horn")
        assert data.timed() == data.referenced() == frozenset()
        for utt, names in data.clip_labels().items():
            assert names == (("dog",), ("horn",), ("dog", "horn"))[int(utt[1:3]) % 3]
            assert read_audio(data.wav[utt], 16_000).size == 32_000
    assert [report.problems for report in validate([corpus.parent / "data"])] == [[], [], []]


def test_events_of_some_recordings(corpus: Path) -> None:
    lines = ["filename\tonset\toffset\tevent_label", "r02.flac\t0.5\t1.0\tdog", "r02.flac\t2.5\t4.5\thorn"]
    (corpus / "events.tsv").write_text("\n".join(lines) + "\n")
    labels = str(corpus / "clip_labels.tsv")
    assert prepare(corpus, "--clip-labels", labels, "--events", str(corpus / "events.tsv")) == 0
    (data,) = [data for data in sets(corpus).values() if "r02-0001" in data.wav]
    names, events = data.clip_labels(), data.events()
    assert data.timed() == {"r02-0001", "r02-0002", "r02-0003"}
    assert (names["r02-0001"], names["r02-0002"], names["r02-0003"]) == (("dog",), ("horn",), ("horn",))
    assert [(e.onset_s, e.offset_s) for e in events["r02-0002"]] == [(0.5, 2.0)]
    assert [(e.onset_s, e.offset_s) for e in events["r02-0003"]] == [(0.0, 1.5)]  # from 3 to 5 s
    assert [report.problems for report in validate([corpus.parent / "data"])] == [[], [], []]


def test_no_event_reaches_into_what_fills_a_clip_up(corpus: Path) -> None:
    (corpus / "events.tsv").write_text("filename\tonset\toffset\tevent_label\nr01.wav\t0.5\t10\tdog\n")
    labels = str(corpus / "clip_labels.tsv")
    assert prepare(corpus, "--clip-labels", labels, "--events", str(corpus / "events.tsv"), "--set", "clip_s=4") == 0
    (data,) = [data for data in sets(corpus).values() if "r01-0001" in data.wav]
    assert [(e.onset_s, e.offset_s) for e in data.events()["r01-0001"]] == [(0.5, 3.0)], "of 3 s in a clip of 4 s"


def test_clips_have_the_rate_and_the_level(corpus: Path) -> None:
    assert prepare(corpus, "--set", "sample_rate=8000", "--set", "level_db=-30") == 0
    for data in sets(corpus).values():
        for path in data.wav.values():
            assert loud_level([read_audio(path, 8000)[None]], 800) == pytest.approx(-30.0, abs=0.3)


def test_references_are_cut_alike(corpus: Path, tone: Sound, write: Sound) -> None:
    for name, hertz in (("dog", 400), ("horn", 1000)):
        write(corpus / f"sources/{name}/r02.flac", tone(5.0, hertz))
    assert prepare(corpus, "--references", str(corpus / "sources")) == 0
    (data,) = [data for data in sets(corpus).values() if "r02-0001" in data.wav]
    assert data.referenced() == {"r02-0001", "r02-0002", "r02-0003"}
    references = data.references()
    total = sum(read_audio(references[name]["r02-0002"], 16_000) for name in ("dog", "horn"))
    np.testing.assert_allclose(total, read_audio(data.wav["r02-0002"], 16_000), atol=2e-3)  # one gain for all


def test_names_are_renamed_and_others_left_to_the_residual(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = corpus / "clip_labels.tsv"
    path.write_text(path.read_text().replace("horn", "Vehicle horn (loud)").replace("\tdog\n", "\tdog,wind\n"))
    options = ["--set", "rename={Vehicle horn (loud): horn}", "--set", "classes=[horn, dog]"]
    assert prepare(corpus, *options) == 0
    assert sets(corpus)["train"].classes == ("horn", "dog")
    assert "labels of no class, which a residual is for: 1 names, most often wind (4)" in capsys.readouterr().err


def test_sets_that_a_label_file_names(corpus: Path) -> None:
    path = corpus / "clip_labels.tsv"
    header, *lines = path.read_text().splitlines()
    named = [f"{line}\t{('train', 'val', 'eval')[number % 3]}" for number, line in enumerate(lines)]
    path.write_text("\n".join([f"{header}\tset", *named]) + "\n")
    assert prepare(corpus) == 0
    assert {utt[:3] for utt in sets(corpus)["test"].wav} == {"r02", "r05", "r08", "r11"}


def test_a_second_run_does_nothing_and_a_new_label_something(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(corpus) == prepare(corpus, "--nj", "2") == 0
    assert "up to date" in capsys.readouterr().err
    path = corpus / "clip_labels.tsv"
    path.write_text(path.read_text().replace("r03.wav\tdog", "r03.wav\tdog,horn"))
    assert prepare(corpus) == 0
    names = {utt: own for data in sets(corpus).values() for utt, own in data.clip_labels().items()}
    assert names["r03-0001"] == ("dog", "horn")
    stamp = (corpus.parent / f"data/prepare.{STAMP_NAME}").read_text()
    assert '"weaksep.recordings.split"' in stamp  # another way to split is a reason, too


def test_all_that_is_missing_is_listed_and_may_be_left_out(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "audio/r00.flac").unlink()
    (corpus / "audio/r01.wav").write_text("no sound")
    assert prepare(corpus) == 1
    message = capsys.readouterr().err
    assert "clip_labels.tsv:2: no audio for r00.flac" in message
    assert not (corpus.parent / "data/train/wav.scp").exists()
    assert prepare(corpus, "--max-bad-ratio", "0.1") == 1
    message = capsys.readouterr().err
    assert "2 of 12 recordings cannot be used" in message and "r01.wav: cannot be read as audio" in message
    assert not (corpus.parent / "data/train/wav.scp").exists()
    assert prepare(corpus, "--max-bad-ratio", "0.2") == 0


@pytest.mark.parametrize(
    ("value", "what"), [(1e-42, "digital silence throughout"), (3e38, "holds samples as large as 3e+38")]
)
def test_samples_that_no_gain_can_bring_to_the_level(
    corpus: Path, capsys: pytest.CaptureFixture[str], value: float, what: str
) -> None:
    soundfile.write(corpus / "audio/r01.wav", np.full(32_000, value), 16_000, subtype="FLOAT")
    assert prepare(corpus) == 1
    assert f"r01.wav: {what}" in capsys.readouterr().err


def test_a_truncated_recording(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = corpus / "audio/r01.wav"
    path.write_bytes(path.read_bytes()[:-10_000])
    assert prepare(corpus) == 1
    assert "r01.wav: truncated: " in capsys.readouterr().err
    assert prepare(corpus, "--accept-truncated", "true") == 0
    message = capsys.readouterr().err
    assert message.count("r01.wav: truncated: ") == 1 and "% is missing); what is there is taken" in message


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--set", "classes=[dog, cat]"], "cat; there are: "),
        (["--set", "clip=3"], "unknown key clip (did you mean clip_s?)"),
        (["--set", "split={train: 0.5, valid: 0.1, test: 0.1}"], "add up to 0.7, not 1"),
        (["--events", "nowhere.tsv"], "nowhere.tsv: no such file or folder"),
    ],
)
def test_mistakes(corpus: Path, capsys: pytest.CaptureFixture[str], options: list[str], what: str) -> None:
    labels = ["--clip-labels", str(corpus / "clip_labels.tsv")]
    assert prepare(corpus, *labels, *options) != 0
    message = capsys.readouterr().err
    assert what in message and "Traceback" not in message


def test_one_name_for_two_files(corpus: Path, capsys: pytest.CaptureFixture[str], tone: Sound, write: Sound) -> None:
    write(corpus / "audio/more/r00.flac", tone(2.0, 400))
    assert prepare(corpus) == 0  # r00.flac is the one of that very path
    (corpus / "audio/r00.flac").rename(corpus / "audio/r99.flac")
    write(corpus / "audio/other/r00.flac", tone(2.0, 400))
    assert prepare(corpus) == 1
    assert "name it with its folder" in capsys.readouterr().err


def test_mixtures_of_another_recipe_are_not_overwritten(
    corpus: Path, capsys: pytest.CaptureFixture[str], test_data: Path
) -> None:
    assert prepare(corpus, "--out", str(test_data.parent)) == 1
    assert "holds something else than clips" in capsys.readouterr().err
    assert (test_data / "events.tsv").exists()


def test_a_reference_of_another_length(
    corpus: Path, capsys: pytest.CaptureFixture[str], tone: Sound, write: Sound
) -> None:
    for name in ("dog", "horn"):
        write(corpus / f"sources/{name}/r02.flac", tone(3.0, 400))
    assert prepare(corpus, "--references", str(corpus / "sources")) == 1
    assert "r02.flac: its references are not as long" in capsys.readouterr().err
    assert prepare(corpus, "--references", str(corpus / "sources"), "--max-bad-ratio", "0.1") == 0
    assert not list((corpus.parent / "data").glob("*/audio/*/r02-*"))


def test_a_reference_that_is_shorter_within_one_clip(
    corpus: Path, capsys: pytest.CaptureFixture[str], tone: Sound, write: Sound
) -> None:
    write(corpus / "sources/dog/r00.flac", tone(1.0, 400))  # the recording: 2 s, one clip
    assert prepare(corpus, "--references", str(corpus / "sources")) == 1
    assert "r00.flac: its references are not as long" in capsys.readouterr().err


def test_references_of_recordings_of_one_name(corpus: Path, tone: Sound, write: Sound) -> None:
    lines = ["filename\tevent_labels"]
    for day, hertz in (("monday", 400), ("tuesday", 500)):
        write(corpus / f"days/{day}/r.wav", tone(2.0, hertz))
        write(corpus / f"sources/dog/{day}/r.wav", tone(2.0, hertz))
        lines.append(f"{day}/r.wav\tdog")
    write(corpus / "days/r.wav", tone(2.0, 700))
    write(corpus / "sources/dog/r.wav", tone(2.0, 700))
    (corpus / "days.tsv").write_text("\n".join([*lines, "r.wav\tdog", "monday/r.wav\thorn"]) + "\n")
    options = ["--audio", str(corpus / "days"), "--clip-labels", str(corpus / "days.tsv"), "--set", "clip_s=2"]
    more = ["--set", "split={train: 0.34, valid: 0.33, test: 0.33}", "--references", str(corpus / "sources")]
    write(corpus / "sources/horn/monday/r.wav", tone(2.0, 400))
    assert main(["prepare", *options, *more, "--out", str(corpus.parent / "data")]) == 0
    found = {utt: (data.wav[utt], data.references()["dog"][utt]) for data in sets(corpus).values() for utt in data.wav}
    assert set(found) == {"monday_r-0001", "tuesday_r-0001", "r-0001"}
    for mixture, reference in found.values():
        np.testing.assert_allclose(read_audio(reference, 16_000), read_audio(mixture, 16_000), atol=1e-3)


def test_clip_labels_without_an_event_are_told(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "events.tsv").write_text("filename\tonset\toffset\tevent_label\nr02.flac\t0.5\t1.0\tdog\n")
    labels = ["--clip-labels", str(corpus / "clip_labels.tsv"), "--events", str(corpus / "events.tsv")]
    assert prepare(corpus, *labels) == 0
    assert "1 clip label(s) without an event in recordings with events, first horn in" in capsys.readouterr().err


def test_times_in_milliseconds_are_seen(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "events.tsv").write_text("filename\tonset\toffset\tevent_label\nr02.flac\t500\t1000\tdog\n")
    labels = ["--clip-labels", str(corpus / "clip_labels.tsv"), "--events", str(corpus / "events.tsv")]
    assert prepare(corpus, *labels) == 1
    assert "r02.flac: 1 event(s) after its end at 5.000 s, first dog at 500 s" in capsys.readouterr().err


FULL = """
import resource, sys
from weaksep.bin.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.exit(main(["prepare", "--audio", "audio", "--clip-labels", "clip_labels.tsv", "--set", "clip_s=2",
               "--max-bad-ratio", "1", "--set", "split={train: 0.5, valid: 0.25, test: 0.25}"]))
"""


def test_a_full_disk_is_no_fault_of_the_recordings(corpus: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL], cwd=corpus, capture_output=True, text=True)
    assert done.returncode == 1 and "cannot be written" in done.stderr and "left out" not in done.stderr
    assert not list((corpus / "data").glob("*/wav.scp"))


def test_damaged_references_are_found(corpus: Path, tone: Sound, write: Sound) -> None:
    write(corpus / "sources/dog/r00.flac", tone(2.0, 400))
    assert prepare(corpus, "--references", str(corpus / "sources")) == 0
    (path,) = (corpus.parent / "data").glob("*/audio/dog/r00-0001.wav")
    path.write_bytes(path.read_bytes()[:100])
    problems = [str(p) for report in validate([corpus.parent / "data"], check_audio=True) for p in report.problems]
    assert len(problems) == 1 and "r00-0001" in problems[0] and "truncated" in problems[0]


def test_recordings_that_are_cut_are_told(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = corpus / "events.tsv"
    events.write_text("filename\tonset\toffset\tevent_label\nr02.flac\t0.5\t1.0\tdog\n")
    labels = str(corpus / "clip_labels.tsv")
    assert prepare(corpus, "--clip-labels", labels, "--events", str(events)) == 0
    message = capsys.readouterr().err  # eight of 3 and of 5 s, one of them with times
    assert "12 recordings, 24 clips of 2 s (clip_s); cut into several: 8" in message
    assert "7 recordings are longer than clip_s and have no times of events: each of their clips, up to 3" in message
    assert prepare(corpus, "--set", "clip_s=5") == 0
    message = capsys.readouterr().err
    assert "12 recordings, 12 clips of 5 s (clip_s); cut into several: 0" in message and "longer than" not in message


def test_what_is_too_little_for_a_clip_is_counted(
    corpus: Path, capsys: pytest.CaptureFixture[str], tone: Sound, write: Sound
) -> None:
    write(corpus / "audio/r00.flac", tone(4.1, 400))
    assert prepare(corpus) == 0
    assert "1 recordings end in too little for one more clip, 0.1 s in all" in capsys.readouterr().err
    assert prepare(corpus, "--set", "clip_s=1") == 0


def test_a_recording_that_is_left_out_is_named_once(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "audio/r00.flac").unlink()
    assert prepare(corpus, "--max-bad-ratio", "0.1") == 0
    assert capsys.readouterr().err.count("left out: ") == 1


@pytest.mark.parametrize("given", ["below", "above", "prepared"])
def test_recordings_that_lie_where_clips_go_are_not_touched(
    given: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A corpus that has the layout of a data folder is still the user's."""
    own = corpus.parent / "data"
    lines = (corpus / "clip_labels.tsv").read_text().splitlines()
    labels, audio = corpus / "labels.tsv", corpus / "audio"
    if given == "prepared":  # its own output, read again
        assert prepare(corpus) == 0
        audio = own / "train/audio/mix"
        names = [f"{path.name}\tdog,horn" for path in sorted(audio.glob("*.wav"))]
        labels.write_text("\n".join([lines[0], *names]) + "\n")
    else:
        audio = own / "test/audio" if given == "below" else own
        (own / "test").mkdir(parents=True)
        (corpus / "audio").rename(own / "test/audio")
        labels = corpus / "clip_labels.tsv"
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file() and path.suffix != ".json"}
    options = ["--audio", str(audio), "--clip-labels", str(labels), "--out", str(own), "--set", "clip_s=1"]
    assert main(["prepare", *options]) == 1
    assert "which is read here; give another folder" in capsys.readouterr().err
    after = {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before


def test_labels_that_lie_where_clips_go_are_not_touched(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = corpus.parent / "data"
    (out / "train").mkdir(parents=True)
    labels = out / "train/events.tsv"
    (corpus / "clip_labels.tsv").rename(labels)
    options = ["--audio", str(corpus / "audio"), "--clip-labels", str(labels), "--out", str(out)]
    assert main(["prepare", *options]) == 1
    assert "which is read here; give another folder" in capsys.readouterr().err
    assert labels.is_file()


def test_a_folder_of_nothing_but_audio_is_not_ours(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = corpus.parent / "data/valid/audio/song.wav"
    song.parent.mkdir(parents=True)
    song.touch()
    assert prepare(corpus) == 1
    assert "holds something else than clips (audio); give another folder" in capsys.readouterr().err
    assert song.is_file()


def test_a_file_in_the_place_of_a_clip_is_no_fault_of_the_recording(
    corpus: Path, capsys: pytest.CaptureFixture[str], tone: Sound, write: Sound
) -> None:
    assert prepare(corpus) == 0
    write(corpus / "audio/r12.wav", tone(2.0, 400))
    labels = corpus / "clip_labels.tsv"
    labels.write_text(labels.read_text() + "r12.wav\tdog\n")
    others = [corpus.parent / f"data/{name}/audio/mix/r12-0001.wav" for name in ("train", "valid", "test")]
    for other in others:
        other.write_text("mine")
    assert prepare(corpus, "--max-bad-ratio", "1") == 1
    error = capsys.readouterr().err
    assert "r12-0001.wav: not noted as written by weaksep" in error and "left out" not in error
    assert [other.read_text() for other in others] == ["mine"] * 3


@pytest.mark.parametrize("more", [-1, 0, 1, 100])
def test_references_a_little_shorter_or_longer(more: int, corpus: Path, tone: Sound, write: Sound) -> None:
    """The last clip ends with its file; a reference's has to begin with the recording's all the same."""
    for name, hertz in (("dog", 400), ("horn", 1000)):
        write(corpus / f"sources/{name}/r02.flac", tone(5.0 + more / 16_000, hertz))
    assert prepare(corpus, "--references", str(corpus / "sources"), "--set", "level_db=null") == 0
    (data,) = [data for data in sets(corpus).values() if "r02-0003" in data.wav]
    references = data.references()
    total = sum(read_audio(references[name]["r02-0003"], 16_000) for name in ("dog", "horn"))
    np.testing.assert_allclose(total[:-2], read_audio(data.wav["r02-0003"], 16_000)[:-2], atol=2e-3)


def test_what_is_named_and_not_there(
    corpus: Path, tone: Sound, write: Sound, capsys: pytest.CaptureFixture[str]
) -> None:
    write(corpus / "sources/dog/other.flac", tone(5.0, 400))
    assert prepare(corpus, "--references", str(corpus / "sources"), "--set", "rename={cat: dog}") == 0
    error = capsys.readouterr().err
    assert "sources: no source of any recording is there; one would be" in error
    assert "rename: 1 name(s) that no label has, first 'cat'" in error


def test_a_name_that_is_too_long_with_its_number(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (corpus / "audio/r02.flac").rename(corpus / f"audio/{'r' * 198}.flac")
    labels = corpus / "clip_labels.tsv"
    labels.write_text(labels.read_text().replace("r02.flac", f"{'r' * 198}.flac"))
    assert prepare(corpus) == 1
    assert "r-0001' cannot be an id" in capsys.readouterr().err
    assert not (corpus.parent / "data/train").exists()


@pytest.mark.parametrize("name", ["mix", "residual", "background"])
def test_names_that_our_own_files_have(name: str, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = corpus / "clip_labels.tsv"
    labels.write_text(labels.read_text().replace("horn", name))
    assert prepare(corpus) == 1
    error = capsys.readouterr().err
    assert f"'{name}' is taken: it names" in error and f"rename: {{{name}: {name}_1}}" in error
    assert prepare(corpus, "--set", f"rename={{{name}: horn}}") == 0
