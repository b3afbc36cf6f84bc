"""What is wrong with a folder: one line each, with the place and the command that mends it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weaksep.fileio.names import one_line


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        file: the table (or other file, or folder) it is found in.
        line: its line there, from 1; None when it is about the whole file.
        what: what is wrong.
        mend: the command, or the act, that mends it.
    """

    file: Path
    line: int | None
    what: str
    mend: str

    @property
    def where(self) -> str:
        """``file:line``, or the file alone."""
        return str(self.file) if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return one_line(f"{self.where}: {self.what}; {self.mend}")


def fix_command(folder: Path) -> str:
    """The command that mends the tables of a data folder."""
    return f"utils/fix_data_dir.sh {shlex.quote(str(folder))}"


def stage_command(stage: int) -> str:
    """The command that makes a folder again from what it was made of."""
    return f"run.sh --stage {stage}"


def count(number: int, name: str, ending: str = "s") -> str:
    """A number and its noun.

    >>> count(1, "problem"), count(2, "class", "es")
    ('1 problem', '2 classes')
    """
    return f"{number} {name}" if number == 1 else f"{number} {name}{ending}"


def describe(problems: Iterable[Problem]) -> str:
    """Every problem, grouped by file (in the order in which the files come), by line within a file."""
    groups: dict[Path, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.file, []).append(problem)
    lines = [f"{count(sum(map(len, groups.values())), 'problem')} in {count(len(groups), 'file')}"]
    for file, group in groups.items():
        lines.append(one_line(f"{file} ({count(len(group), 'problem')}):"))
        lines += [f"  {problem}" for problem in sorted(group, key=lambda problem: problem.line or 0)]
    return "\n".join(lines)
