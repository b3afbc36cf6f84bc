"""Problems for people: one line each, of each kind the first ones, and a file with the others."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from weaksep.errors import SHOWN, UserError, raise_problems
from weaksep.fileio.parsed import LOST, REPAIR, Problem
from weaksep.upkeep.folder import Folder


def listed(problems: list[str]) -> list[str]:
    """Lines of the error."""
    with pytest.raises(UserError) as caught:
        raise_problems("d is not valid", problems)
    return str(caught.value).splitlines()


def test_problems_are_told_by_file_and_line_with_their_commands(tmp_path: Path) -> None:
    (tmp_path / "utt2labels").write_text("")
    wav, labels = tmp_path / "wav.scp", tmp_path / "utt2labels"
    problems = [Problem(wav, line, f"no {line}", LOST) for line in (300, 2)]
    problems += [Problem(labels, None, "empty", "make it"), Problem(labels, 3, "twice", REPAIR)]
    fix = f"utils/fix_data_dir.sh {tmp_path}"
    assert [str(problem) for problem in Folder(tmp_path).told(problems)] == [
        f"{labels}: empty; make it",
        f"{labels}:3: twice; {fix}",
        f"{wav}:2: no 2; run.sh --stage 1 (or, without the clip, {fix})",
        f"{wav}:300: no 300; run.sh --stage 1 (or, without the clip, {fix})",
    ]


def test_the_first_of_each_kind_are_shown_and_a_file_has_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    many = [f"d/wav.scp:{line}: mix-{line} is not in utt2spk; fix d" for line in range(1, 5001)]
    few = [f"d/wav.scp:{line}: mix-{line} is not in utt2dur; fix d" for line in range(1, SHOWN + 1)]
    title, *lines = listed([*many, *few])
    (file,) = tmp_path.iterdir()
    assert title == f"d is not valid ({5000 + SHOWN} problems):"
    assert lines[:SHOWN] == [f"  {problem}" for problem in many[:SHOWN]]
    assert lines[SHOWN:] == [
        f"  ... and {5000 - SHOWN} more like it",
        *(f"  {problem}" for problem in few),
        f"  all {5000 + SHOWN} are listed in {file}",
    ]
    assert file.read_text().splitlines() == [*many, *few]
    assert listed(many[:2]) == ["d is not valid (2 problems):", *(f"  {problem}" for problem in many[:2])]
    assert list(tmp_path.iterdir()) == [file], "a short list needs no file"


def test_without_a_place_for_the_file_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    *_, last = listed([f"d/wav.scp:{line}: mix-{line} is not in utt2spk; fix d" for line in range(SHOWN + 1)])
    reason = "cannot be listed in a file (No such file or directory); set TMPDIR to a folder with room"
    assert last == f"  all {SHOWN + 1} {reason}"


def test_a_problem_is_one_line_whatever_the_id() -> None:
    text = str(Problem(Path("d/a\nb"), 1, "the id 'é\u2028\x1b[2J' is none", "rename it"))
    assert text == r"d/a\nb:1: the id 'é\u2028\x1b[2J' is none; rename it"


def test_the_command_can_be_pasted() -> None:
    assert Folder(Path("my data/test")).fix == "utils/fix_data_dir.sh 'my data/test'"
