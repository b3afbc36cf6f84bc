"""Names that become parts of paths, and how strange ones are shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from weaksep.fileio import names
from weaksep.fileio.names import (
    BACKGROUND,
    RESIDUAL,
    clashes,
    doubled,
    id_problem,
    label_problem,
    name_problem,
    one_line,
)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a dog (2)", None),
        ("Häuser\u202f1", None),
        ("x" * 255, None),
        ("x" * 256, "is longer than 255 bytes"),
        ("ä" * 128, "is longer than 255 bytes"),
        ("", "is empty or begins with a dot"),
        (".", "is empty or begins with a dot"),
        ("..", "is empty or begins with a dot"),
        (".hidden", "is empty or begins with a dot"),
        ("a/b", "holds a slash"),
        ("a\tb", "holds a control character"),
        ("a\nb", "holds a control character"),
        ("a\x1b[2J", "holds a control character"),
        ("a\x9bb", "holds a control character"),
        ("a\u2028b", "holds a control character"),
        (os.fsdecode(b"a\xff"), "is not UTF-8"),
    ],
)
def test_names_of_files(name: str, problem: str | None) -> None:
    assert name_problem(name) == problem
    if problem:
        assert id_problem(name) and label_problem(name)


@pytest.mark.parametrize("name", ["mix", RESIDUAL, BACKGROUND])
def test_names_of_ours_are_no_classes(name: str) -> None:
    assert (label_problem(name) or "").startswith("is taken: it names") and not label_problem(f"{name}s")


def test_what_cannot_be_printed_is_shown_all_the_same() -> None:
    assert one_line("wie hübsch") == "wie hübsch"
    assert one_line("a\nb\tc\x1b[2J\x9b\u202e") == r"a\nb\tc\x1b[2J\x9b\u202e"
    assert one_line(os.fsdecode(b"a\xe4")) == r"a\xe4"


def test_names_that_differ_in_case_or_normal_form_alone() -> None:
    assert doubled(["dog", "cat", "dog"]) == ["dog"]
    assert doubled(["dog", "cat", "Dog"]) == ["Dog", "dog"]
    assert doubled(["\u00e4", "a\u0308", "\u00c4"]) == sorted(["\u00e4", "a\u0308", "\u00c4"])


def test_clashes_are_those_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = ["deep/Two", "deep/two", "other"]
    (tmp_path / "probe").mkdir()
    told_apart = not (tmp_path / "PROBE").exists()
    assert bool(clashes(pairs, tmp_path / "not/yet/there")) != told_apart
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]
    monkeypatch.setattr(names, "_is_one", lambda first, other, folder: True)
    assert clashes(pairs, Path("out")) == ["deep/two and deep/Two are one to the disk of out; rename one"]
