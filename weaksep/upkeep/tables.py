"""Kaldi tables, read leniently: the entries, and beside them all that is wrong with their lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from weaksep.fileio.names import id_problem
from weaksep.upkeep.lines import Text
from weaksep.upkeep.problems import Problem

_LINE = re.compile(r"[ \t]*([^ \t]+)[ \t]+([^ \t](?:.*[^ \t])?)[ \t]*")


class Entry(NamedTuple):
    """A value and the line it is on."""

    line: int
    value: str


@dataclass(frozen=True)
class Table:
    """A table of ``key value`` lines.

    Attributes:
        there: whether the file can be opened.
        entries: the first entry of every key.
        twice: keys that have a second entry with another value.
        problems: of its lines by themselves.
    """

    path: Path
    there: bool = False
    entries: dict[str, Entry] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


class TableReader:
    """Lines to entries.

    Args:
        path: the table.
        fix: what mends a line of which nothing is lost.
        lost: what mends a line that says nothing.
        clash: what mends two values of one key.
    """

    def __init__(self, path: Path, fix: str, lost: str, clash: str) -> None:
        self._fix, self._lost, self._clash = fix, lost, clash
        self._table = Table(path, True)
        self._previous = ""
        self._late: list[tuple[int, str, str]] = []  # line, key, the key before it

    def read(self, text: Text) -> Table:
        """The table of these lines."""
        for number, line in text.lines:
            parts = _LINE.fullmatch(line)
            if parts:
                self._take(number, line, parts[1], parts[2])
            elif line.strip():
                self._note(number, f"expected 'key value', found {line!r}", self._lost)
            else:
                self._note(number, "an empty line", self._fix)
        if self._late:
            first, key, other = self._late[0]
            what = f"{key} comes after {other}, not sorted as by LC_ALL=C sort (lines like it: {len(self._late)})"
            self._note(first, what, self._fix)
        return self._table

    def _note(self, number: int, what: str, mend: str) -> None:
        self._table.problems.append(Problem(self._table.path, number, what, mend))

    def _take(self, number: int, line: str, key: str, value: str) -> None:
        if line != f"{key} {value}":
            self._note(number, f"expected 'key value' with one blank between, found {line!r}", self._fix)
        # Python sorts strings by code points, which is the order of their UTF-8 bytes.
        if key < self._previous:
            self._late.append((number, key, self._previous))
        self._previous = key
        first = self._table.entries.get(key)
        if first is None:
            self._table.entries[key] = Entry(number, value)
        elif first.value == value:
            self._note(number, f"{key} again, first in line {first.line}", self._fix)
        else:
            self._table.twice.add(key)
            self._note(number, f"{key} again with another value, first in line {first.line}", self._clash)


def check_ids(table: Table, drop: str) -> list[Problem]:
    """Keys that cannot be the stem of a file's name."""
    wrong = ((key, entry.line, id_problem(key)) for key, entry in table.entries.items())
    return [Problem(table.path, line, f"the id {key!r} {what}", drop) for key, line, what in wrong if what]


def check_inverse(utt2spk: Table, spk2utt: Table, fix: str) -> list[Problem]:
    """spk2utt must say the same as utt2spk, the other way round."""
    groups: dict[str, list[str]] = {}
    for utt in sorted(utt2spk.entries):
        groups.setdefault(utt2spk.entries[utt].value, []).append(utt)
    problems = []
    for group, members in groups.items():
        entry = spk2utt.entries.get(group)
        if entry is None:
            line = utt2spk.entries[members[0]].line
            problems.append(Problem(utt2spk.path, line, f"{group} is not in {spk2utt.path.name}", fix))
        elif entry.value != " ".join(members):
            listed = entry.value.split()
            missing = [utt for utt in members if utt not in listed]
            surplus = [utt for utt in listed if utt not in members]
            parts = [f"{verb} {' '.join(utts)}" for verb, utts in (("lacks", missing), ("has", surplus)) if utts]
            what = f"{group} {' and '.join(parts) or 'is not in order'}, against {utt2spk.path.name}"
            problems.append(Problem(spk2utt.path, entry.line, what, fix))
    for group, entry in spk2utt.entries.items():
        if group not in groups:
            problems.append(Problem(spk2utt.path, entry.line, f"{group} is not in {utt2spk.path.name}", fix))
    return problems
