"""A data folder and its tables, each read once and leniently."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from weaksep.fileio.datadir import REFERENCED_NAME, TIMED_NAME
from weaksep.fileio.names import folded, label_problem
from weaksep.upkeep.lines import Text, read_text
from weaksep.upkeep.problems import Problem, fix_command, stage_command
from weaksep.upkeep.tables import Table, TableReader


@dataclass(frozen=True)
class Kind:
    """What sort of folder it is.

    Args:
        stage: the stage that makes it.
        labels: the table with the class or classes of each clip.
        names: tables that have every clip of wav.scp and no other.
    """

    stage: int
    labels: str
    names: tuple[str, ...]


MIXTURES = Kind(1, "utt2labels", ("utt2spk", "utt2dur", "utt2labels"))  # data/<set>
RECORDINGS = Kind(0, "utt2labels", ("utt2spk", "utt2dur", "utt2labels"))  # data/<set> by weaksep prepare
EVENTS = Kind(0, "utt2class", ("utt2spk", "utt2dur", "utt2class"))  # data/events/<set>

# Tables that can be made again from another one (and, for utt2dur, the audio).
REMADE = {"spk2utt": "utt2spk", "utt2dur": "wav.scp"}


@dataclass(frozen=True)
class ClassList:
    """labels.txt.

    Attributes:
        whole: whether the file can be opened and all its lines are text; else nobody knows what the classes are.
        lines: class -> its line, in the order of the class axis.
        problems: of its lines by themselves.
    """

    whole: bool = False
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class Folder:
    """One data folder.

    Attributes:
        path: the folder.
        kind: what sort of folder it is.
        fix: the command that mends its tables.
        stage: the command that makes it again.
        drop: the two of them, where mending costs the clip.
        unreadable: files that are there and could not be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = _kind(path)
        self.fix = fix_command(path)
        self.stage = stage_command(self.kind.stage)
        self.drop = f"{self.stage} (or, without the clip, {self.fix})"
        self.unreadable: set[str] = set()
        self._tables: dict[str, Table] = {}

    def problem(self, name: str, line: int | None, what: str, mend: str) -> Problem:
        """A problem of the folder's file ``name``."""
        return Problem(self.path / name, line, what, mend)

    def read_text(self, name: str) -> tuple[Text | None, list[Problem]]:
        """Lines of a file and what is wrong with its bytes; None when it cannot be opened."""
        try:
            text = read_text(self.path / name)
        except FileNotFoundError:
            mend = self.fix if (self.path / REMADE.get(name, name)).exists() else self.stage
            return None, [self.problem(name, None, "no such file", mend)]
        except OSError as error:
            self.unreadable.add(name)
            return None, [self.problem(name, None, f"cannot be read ({error.strerror})", "make it readable")]
        fix = self.stage if text.broken and name == "labels.txt" else self.fix
        problems = [self.problem(name, line, what, fix) for line, what in text.slips]
        problems += [self.problem(name, line, what, self._mend_lost(name)) for line, what in text.broken]
        return text, problems

    def _mend_lost(self, name: str) -> str:
        """What mends a line that says nothing."""
        if name in REMADE:
            return self.fix
        return self.drop if name in ("wav.scp", *self.kind.names) else self.stage

    def table(self, name: str) -> Table:
        """A table by its file name."""
        if name not in self._tables:
            text, problems = self.read_text(name)
            table = Table(self.path / name)
            if text is not None:
                clash = self.fix if name in REMADE else self.drop
                table = TableReader(table.path, self.fix, self._mend_lost(name), clash).read(text)
            table.problems[:0] = problems
            self._tables[name] = table
        return self._tables[name]

    @property
    def wav(self) -> Table:
        """wav.scp, whose keys are the clips of the folder."""
        return self.table("wav.scp")

    @cached_property
    def reference_names(self) -> dict[str, str]:
        """File name of every src_<class>.scp that is there -> the class, by name."""
        names = sorted(path.name for path in self.path.glob("src_*.scp"))
        return {name: name[len("src_") : -len(".scp")] for name in names}

    def listed(self, name: str) -> set[str] | None:
        """Clips in a list of those that are better known (clips_with_events.txt); None where all of them are."""
        if not (self.path / name).exists():
            return None
        text, _ = self.read_text(name)
        return set() if text is None else {line for _, line in text.lines}

    @cached_property
    def labels(self) -> ClassList:
        """labels.txt."""
        text, problems = self.read_text("labels.txt")
        if text is None:
            return ClassList(problems=problems)
        lines: dict[str, int] = {}
        fix = self.stage if text.broken else self.fix
        for number, line in text.lines:
            name = line.strip()
            twin = next((other for other in lines if other != name and folded(other) == folded(name)), None)
            wrong = label_problem(name) or (twin and f"is {twin} but for the case")
            if name != line or not name:
                problems.append(self.problem("labels.txt", number, f"surplus blanks, or no class: {line!r}", fix))
            if name in lines:
                what = f"class {name} again, first in line {lines[name]}"
                problems.append(self.problem("labels.txt", number, what, fix))
            elif name and wrong:
                mend = f"rename it in conf/data.yaml, then {stage_command(0)}"
                problems.append(self.problem("labels.txt", number, f"the class {name!r} {wrong}", mend))
            if name:
                lines.setdefault(name, number)
        if not lines:
            problems.append(self.problem("labels.txt", None, "no class in it", self.stage))
        return ClassList(not text.broken, lines, problems)


def _kind(path: Path) -> Kind:
    """What sort of folder it is meant to be, also when some tables are missing."""
    if (path / TIMED_NAME).exists() or (path / REFERENCED_NAME).exists():
        return RECORDINGS
    if any((path / name).exists() for name in ("utt2labels", "scenes.jsonl", "events.tsv")):
        return MIXTURES
    return EVENTS if (path / "utt2class").exists() or path.absolute().parent.name == "events" else MIXTURES
