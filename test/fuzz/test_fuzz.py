"""The fuzzers themselves, and a few thousand of their inputs; tools/fuzz.py --inputs 1000000 feeds more."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from weaksep.errors import UserError

INPUTS = 3000
# Of all inputs, some must be refused and some must not: else only one half of a reader was looked at.
LEAST = INPUTS // 20


@pytest.fixture
def fuzz(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """tools/fuzz.py as a module."""
    monkeypatch.syspath_prepend(str(root / "tools"))
    yield importlib.import_module("fuzz")
    for name in ("fuzz", "fuzz_mutate", "fuzz_network", "fuzz_options", "fuzz_targets"):
        sys.modules.pop(name, None)


def run(root: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "tools/fuzz.py"), "--keep", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("target", ["ark", "scp", "tsv", "options", "wav", "yaml", "scenes", "network"])
def test_damaged_input_ends_in_a_value_or_an_error_that_says_why(root: Path, tmp_path: Path, target: str) -> None:
    done = run(root, tmp_path, "--target", target, "--inputs", str(INPUTS), "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" s, failures: 0\n")
    ends = {name: int(number) for name, number in re.findall(r"(a value|an error that says why) (\d+)", done.stdout)}
    assert sum(ends.values()) == INPUTS and min(ends.values()) > LEAST
    assert list(tmp_path.iterdir()) == []


def test_all_targets_share_the_inputs(root: Path, tmp_path: Path) -> None:
    done = run(root, tmp_path, "--inputs", "800")
    assert done.returncode == 0 and re.findall(r"(\w+): 100 inputs", done.stdout) == [
        "ark", "scp", "tsv", "options", "wav", "yaml", "scenes", "network"]  # fmt: skip


def test_an_input_depends_on_seed_target_and_number_alone(fuzz: ModuleType) -> None:
    def inputs(seed: int, target: str) -> list[bytes]:
        return [fuzz_mutate.mutate(b"one two\n" * 9, fuzz.Draws(seed, target, number)) for number in range(50)]

    fuzz_mutate = importlib.import_module("fuzz_mutate")
    assert inputs(0, "scp") == inputs(0, "scp")
    assert len(set(inputs(0, "scp"))) > 30
    assert inputs(0, "scp") != inputs(1, "scp") and inputs(0, "scp") != inputs(0, "tsv")


def test_what_should_not_happen_is_noticed(fuzz: ModuleType, tmp_path: Path) -> None:
    def crash() -> object:
        raise ZeroDivisionError("oops")

    def silent() -> object:
        return None

    def two_lines() -> object:
        raise UserError("one\ntwo")

    def moves_the_cursor() -> object:
        raise UserError("a.scp:1: found \33[2J")

    def hungry() -> object:
        return len(bytearray(50_000_000))

    def refuses() -> object:
        raise UserError("a.scp is not a valid table (2 problems):\n  a.scp:1: no\n  a.scp:2: no")

    class Plain(fuzz.Target):  # type: ignore[name-defined]
        def prepare(self) -> list[bytes]:
            return [b"x"]

        def feed(self, content: bytes, draws: object) -> object:
            return end()

    expected = {
        crash: "ZeroDivisionError: oops",
        silent: "no value and no error",
        two_lines: "not a message for people",
        moves_the_cursor: "not a message for people",
        hungry: "bytes of memory for an input of",
        refuses: None,
    }
    target = Plain(tmp_path)
    for end, message in expected.items():
        ends, failures = fuzz.fuzz("plain", target, 0, 0, 1, tmp_path)
        assert (ends["A FAILURE"], len(failures)) == ((1, 1) if message else (0, 0)), end
        if message:
            assert message in failures[0] and "--target plain --seed 0 --first 0 --inputs 1" in failures[0]
            assert (tmp_path / "fuzz-plain-0-0").is_file()


def test_every_kind_of_audio_whole_cut_short_and_with_another_header(root: Path) -> None:
    command = [sys.executable, str(root / "tools/fuzz_audio.py"), "--cuts", "2", "--headers", "2", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = set(re.findall(r"^([A-Z0-9]+): .*whole: whole \d", done.stdout, re.MULTILINE))
    assert kinds >= {"AIFF", "AU", "CAF", "FLAC", "MP3", "OGG", "RF64", "W64", "WAV"}
    assert re.search(r"^WAV: cut: refused \d+, header", done.stdout, re.MULTILINE), "none is taken, nor said to be"
