"""weaksep validate and weaksep fix: options, what is printed, exit statuses."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from weaksep.bin.cli import run_command
from weaksep.bin.fix import main as fix
from weaksep.bin.validate import main as validate
from weaksep.bin.validate import with_values
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table

EVENTS = ("dog-a-00", "dog-b-00", "horn-c-00")


@pytest.fixture(autouse=True)
def logging_as_before():
    """run_command sets up the root logger; put back what pytest had there."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logging.captureWarnings(False)
    logger.handlers[:], logger.level = handlers, level


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/events/train of three events, under the current folder."""
    import numpy as np

    monkeypatch.chdir(tmp_path)
    path = Path("data/events/train")
    for event in EVENTS:
        write_audio(path / f"audio/{event}.wav", np.ones(800), 8000, "FLOAT")
    (path / "labels.txt").write_text("dog\nhorn\n")
    write_table(path / "utt2class", {event: event.split("-")[0] for event in EVENTS})
    write_table(path / "utt2spk", {event: event[:-3] for event in EVENTS})
    write_table(path / "spk2utt", {event[:-3]: event for event in EVENTS})
    write_table(path / "utt2dur", dict.fromkeys(EVENTS, "0.1000000"))
    write_table(path / "wav.scp", {event: f"audio/{event}.wav" for event in EVENTS})
    return path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--check-audio", "d"], ["--check-audio=true", "d"]),
        (["--check_feats", "--check-audio"], ["--check-feats=true", "--check-audio=true"]),
        (["--check-audio", "false", "d"], ["--check-audio", "false", "d"]),
        (["--check-audio", "True", "d"], ["--check-audio", "True", "d"]),
        (["--check_audio=false", "d"], ["--check-audio=false", "d"]),
        (["d", "--", "--check-audio"], ["d", "--", "--check-audio"]),
    ],
)
def test_a_bare_switch_takes_no_folder(given: list[str], expected: list[str]) -> None:
    assert with_values(given) == expected


@pytest.mark.parametrize("switch", [[], ["--check-audio"], ["--check-audio", "true"], ["--check_audio=true"]])
def test_a_valid_folder(folder: Path, capsys: pytest.CaptureFixture[str], switch: list[str]) -> None:
    assert run_command(validate, [*switch, str(folder)], name="validate") == 0
    read = ", audio read" if switch else ""
    assert capsys.readouterr().out == f"{folder}: valid (3 clips, 2 classes, 0.3 s{read})\n"


def test_problems_go_to_stderr_with_status_1_and_the_other_folders_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(folder, folder.with_name("valid")))
    write_table(other / "utt2spk", {event: f"v{event[:-3]}" for event in EVENTS})
    write_table(other / "spk2utt", {f"v{event[:-3]}": event for event in EVENTS})
    (folder / "utt2dur").write_text("dog-a-00 x\ndog-b-00 0.1\nhorn-c-00 0.1\n")
    (folder / f"audio/{EVENTS[2]}.wav").unlink()
    assert run_command(validate, [str(folder), str(other), "--nj", "1"], name="validate") == 1
    captured = capsys.readouterr()
    assert captured.out == f"{other}: valid (3 clips, 2 classes, 0.3 s)\n"
    assert captured.err.splitlines() == [
        f"weaksep validate: error: {folder}: not valid (2 problems):",
        f"  {folder}/utt2dur:1: dog-a-00: 'x' is not a length in seconds; utils/fix_data_dir.sh {folder}",
        f"  {folder}/wav.scp:3: horn-c-00: no file audio/horn-c-00.wav; run.sh --stage 0",
    ]


def test_fix_says_what_it_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "utt2class").write_text("dog-b-00 dog\nhorn-c-00 horn\n")
    (folder / "utt2dur").unlink()
    assert run_command(fix, [str(folder), "--backup", "old"], name="fix") == 0
    dropped, kept, next_step = capsys.readouterr().out.splitlines()
    (backup,) = Path("old").iterdir()
    assert dropped == "dropped dog-a-00: not in utt2class"
    assert kept == (f"{folder}: kept 2 of 3 clips; tables changed: utt2spk utt2dur spk2utt wav.scp; backup in {backup}")
    assert next_step.endswith("is out of date; run.sh --stage 1 makes it anew")
    assert run_command(fix, [str(folder)], name="fix") == 0
    assert capsys.readouterr().out == f"{folder}: nothing to repair in the tables, 2 clips\n"
    assert not (folder / ".backup").exists()


def test_fix_ends_with_status_1_when_something_is_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / f"audio/{EVENTS[2]}.wav").unlink()
    text = (folder / "wav.scp").read_text().splitlines()
    (folder / "wav.scp").write_text("\n".join(reversed(text)) + "\n")
    assert run_command(fix, [str(folder)], name="fix") == 1
    captured = capsys.readouterr()
    assert "kept 3 of 3 clips; tables changed: wav.scp; backup in " in captured.out
    assert captured.err.splitlines() == [
        f"weaksep fix: error: {folder} is not valid yet (1 problem):",
        f"  {folder}/wav.scp:3: horn-c-00: no file audio/horn-c-00.wav; run.sh --stage 0",
    ]


def test_fix_names_the_lines_that_go_without_a_clip(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open(folder / "utt2dur", "a") as table:
        table.write("x\u2028y 0.1\n")
    assert run_command(fix, [str(folder)], name="fix") == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "removed utt2dur:4: the id 'x\\u2028y' holds a blank or a character that cannot be printed"
    )


def test_fix_without_a_table_that_was_there_makes_no_backup(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "spk2utt").unlink()
    assert run_command(fix, [str(folder)], name="fix") == 0
    assert "tables changed: spk2utt; no table was there before, so no backup" in capsys.readouterr().out


def test_wrong_numbers_of_workers_and_of_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for main, arguments in ((validate, [str(folder), "--nj", "0"]), (validate, []), (fix, []), (fix, ["a", "b"])):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        assert capsys.readouterr().err.count("error: ") == 1
