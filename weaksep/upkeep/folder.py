"""A data folder: its files, each parsed once, and the commands that repair them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from weaksep.fileio.datadir import MAX_EVENT_S, REFERENCED_NAME, TIMED_NAME, parse_events, parse_scp, split_labels
from weaksep.fileio.parsed import LOST, MISSING, REPAIR, Entry, Parsed, Problem
from weaksep.fileio.tables import parse_ids, parse_list, parse_table, to_float
from weaksep.mixtures.scene import parse_scenes, scene_problem
from weaksep.upkeep.problems import fix_command, stage_command

LABELS, EVENTS_TSV, SCENES = "labels.txt", "events.tsv", "scenes.jsonl"
LISTS = (TIMED_NAME, REFERENCED_NAME)
PARSERS = {LABELS: parse_list, EVENTS_TSV: parse_events, SCENES: parse_scenes, **dict.fromkeys(LISTS, parse_ids)}
# Tables that can be made again from another one (and, for utt2dur, the audio).
REMADE = {"spk2utt": "utt2spk", "utt2dur": "wav.scp"}


class Kind(NamedTuple):
    """What sort of folder it is: the stage that makes it, the table of its clips' classes."""

    name: str
    stage: int
    labels: str


MIXTURES = Kind("mixtures", 1, "utt2labels")  # data/<set>
RECORDINGS = Kind("recordings", 0, "utt2labels")  # data/<set> by weaksep prepare
EVENTS = Kind("events", 0, "utt2class")  # data/events/<set>


class Folder:
    """One data folder.

    Attributes:
        path: the folder.
        kind: what sort of folder it is.
        fix: the command that repairs its tables.
        stage: the command that makes it again.
        tables: files that have every clip of wav.scp and no other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = _kind(path)
        self.fix, self.stage = fix_command(path), stage_command(self.kind.stage)
        self.tables = ("wav.scp", "utt2spk", "utt2dur", self.kind.labels)
        self._parsed: dict[str, Parsed] = {}

    def __getitem__(self, name: str) -> Parsed:
        if name not in self._parsed:
            parser = parse_scp if name.endswith(".scp") else PARSERS.get(name, parse_table)
            self._parsed[name] = parser(self.path / name)
        return self._parsed[name]

    @cached_property
    def clips(self) -> dict[str, Entry]:
        """Clips of wav.scp."""
        return self["wav.scp"].entries

    @cached_property
    def names(self) -> list[str]:
        """All files with something to read in them."""
        more = [] if self.kind is EVENTS else [*self.sources, EVENTS_TSV, *self.lists]
        return [*self.tables, "spk2utt", LABELS, *more, *([SCENES] if self.kind is MIXTURES else [])]

    @cached_property
    def lists(self) -> list[str]:
        """Lists of the clips of which more is known than of others, where there are others."""
        return [name for name in LISTS if (self.path / name).exists()]

    @cached_property
    def sources(self) -> dict[str, str]:
        """src_<class>.scp -> class: of every class, unless no clip has references, and those that are there beyond."""
        expected = REFERENCED_NAME not in self.lists or self[REFERENCED_NAME].entries
        found = sorted(path.name[len("src_") : -len(".scp")] for path in self.path.glob("src_*.scp"))
        names = dict.fromkeys([*(self.classes if expected else ()), *found])
        return {} if self.kind is EVENTS else {f"src_{name}.scp": name for name in names}

    @cached_property
    def classes(self) -> list[str]:
        """Classes of labels.txt."""
        return list(self[LABELS].entries)

    @cached_property
    def lengths_s(self) -> dict[str, float]:
        """Clip -> seconds, of the clips whose entry is a length."""
        lengths = {}
        for utt, entry in self["utt2dur"].entries.items():
            with suppress(ValueError):
                lengths[utt] = to_float(entry.value)
        return {utt: length for utt, length in lengths.items() if 0 < length <= MAX_EVENT_S}

    @cached_property
    def clip_classes(self) -> dict[str, tuple[str, ...]]:
        """Clip -> its classes."""
        texts = {utt: entry.value for utt, entry in self[self.kind.labels].entries.items()}
        return {utt: (text,) if self.kind is EVENTS else split_labels(text) for utt, text in texts.items()}

    @cached_property
    def scenes(self) -> dict[str, Entry]:
        """Scenes that can be rendered."""
        entries = self[SCENES].entries if self.kind is MIXTURES else {}
        return {utt: entry for utt, entry in entries.items() if not scene_problem(entry.value)}

    def told(self, problems: Iterable[Problem]) -> list[Problem]:
        """Problems by file and line, each with the command for its remedy."""
        commands = [problem._replace(remedy=self._command(problem)) for problem in problems]
        return sorted(commands, key=lambda problem: (str(problem.file), problem.line or 0))

    def _command(self, problem: Problem) -> str:
        name, remedy = problem.file.name, problem.remedy
        remade = name in REMADE and (remedy == LOST or remedy == MISSING and (self.path / REMADE[name]).exists())
        # Nobody knows what the lost classes were, so their file is left alone.
        lost = name == LABELS and bool(self[LABELS].others)
        if remade or remedy == REPAIR and not lost:
            return self.fix
        if remedy == LOST and name in self.tables:
            return f"{self.stage} (or, without the clip, {self.fix})"
        return self.stage if remedy in (REPAIR, LOST, MISSING) else remedy


def _kind(path: Path) -> Kind:
    """What sort of folder it is meant to be, also when some tables are missing."""
    if any((path / name).exists() for name in LISTS):
        return RECORDINGS
    if any((path / name).exists() for name in ("utt2labels", SCENES, EVENTS_TSV)):
        return MIXTURES
    return EVENTS if (path / "utt2class").exists() or path.absolute().parent.name == "events" else MIXTURES
