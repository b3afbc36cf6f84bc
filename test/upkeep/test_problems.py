"""Problems for people: one line each, grouped by file, none left out."""

from __future__ import annotations

from pathlib import Path

from weaksep.upkeep.problems import Problem, describe, fix_command


def test_all_problems_are_shown_grouped_by_file_and_sorted_by_line() -> None:
    problems = [Problem(Path("d/wav.scp"), line, f"no {line}", "mend it") for line in (300, 2, 10)]
    problems += [Problem(Path("d/utt2dur"), None, "no such file", "make it"), problems.pop(0)]
    assert describe(problems).splitlines() == [
        "4 problems in 2 files",
        "d/wav.scp (3 problems):",
        "  d/wav.scp:2: no 2; mend it",
        "  d/wav.scp:10: no 10; mend it",
        "  d/wav.scp:300: no 300; mend it",
        "d/utt2dur (1 problem):",
        "  d/utt2dur: no such file; make it",
    ]
    many = [Problem(Path("d/wav.scp"), line, "x", "y") for line in range(1, 5001)]
    assert len(describe(many).splitlines()) == 5002


def test_a_problem_is_one_line_whatever_the_id() -> None:
    text = str(Problem(Path("d/a\nb"), 1, "the id 'é\u2028\x1b[2J' is none", "mend"))
    assert text == r"d/a\nb:1: the id 'é\u2028\x1b[2J' is none; mend"


def test_the_command_can_be_pasted() -> None:
    assert fix_command(Path("my data/test")) == "utils/fix_data_dir.sh 'my data/test'"
