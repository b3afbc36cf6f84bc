"""A data folder: its files, each parsed once, and the commands that repair them."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from weaksep.fileio.datadir import REFERENCED_NAME, TIMED_NAME, parse_events, parse_lengths, parse_scp, split_labels
from weaksep.fileio.names import BACKGROUND
from weaksep.fileio.parsed import LOST, MISSING, REPAIR, Parsed, Problem
from weaksep.fileio.scp import locator
from weaksep.fileio.tables import parse_ids, parse_list, parse_table
from weaksep.mixtures.scene import parse_scenes

LABELS, EVENTS_TSV, SCENES = "labels.txt", "events.tsv", "scenes.jsonl"
LISTS = (TIMED_NAME, REFERENCED_NAME)
PARSERS: dict[str, Callable[[Path], Parsed]] = {
    LABELS: parse_list,
    "utt2dur": parse_lengths,
    EVENTS_TSV: parse_events,
    SCENES: parse_scenes,
    **dict.fromkeys(LISTS, parse_ids),
}
# Tables that can be made again from another one (and, for utt2dur, the audio).
REMADE = {"spk2utt": "utt2spk", "utt2dur": "wav.scp"}


# What sort of folder it is: data/<set>, data/<set> by weaksep prepare, data/events/<set>.
MIXTURES, RECORDINGS, EVENTS = "mixtures", "recordings", "events"


class Folder:
    """One data folder.

    Attributes:
        path: the folder.
        locate: finds the file of an entry of its scp tables.
        kind: what sort of folder it is, MIXTURES, RECORDINGS or EVENTS.
        made_by: the stage that makes it.
        label_table: the table of its clips' classes.
        fix: the command that repairs its tables.
        stage: the command that makes it again.
        clips: those of wav.scp, by id.
        classes: those of labels.txt, by name.
        lengths_s: clip -> seconds, by utt2dur.
        clip_classes: clip -> its classes.
        clip_sources: the same, with the background where its scene has one: what there are references of.
        scenes: clip -> its scene.
        lists: lists of the clips of which more is known than of others, where there are others.
        sources: src_<class>.scp -> class: of every class and the backgrounds, unless no clip has references, and those
            that are there.
        tables: files that have every clip of wav.scp and no other.
        names: all files with something to read in them.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.locate = path, locator(path)
        self.kind = _kind(path)
        self.made_by = 1 if self.kind == MIXTURES else 0
        self.label_table = "utt2class" if self.kind == EVENTS else "utt2labels"
        self.fix, self.stage = f"utils/fix_data_dir.sh {shlex.quote(str(path))}", f"run.sh --stage {self.made_by}"
        self._parsed: dict[str, Parsed] = {}
        self.clips, self.classes = self["wav.scp"].entries, self[LABELS].entries
        self.lengths_s = {utt: entry.value for utt, entry in self["utt2dur"].entries.items()}
        texts = {utt: entry.value for utt, entry in self[self.label_table].entries.items()}
        split = split_labels if self.kind != EVENTS else lambda text: (text,)
        self.clip_classes: dict[str, tuple[str, ...]] = {utt: split(text) for utt, text in texts.items()}
        self.scenes = self[SCENES].entries if self.kind == MIXTURES else {}
        self.lists = [name for name in LISTS if (path / name).exists()]
        below = {utt for utt, entry in self.scenes.items() if entry.value.background is not None}
        more = {utt: (*names, BACKGROUND) for utt, names in self.clip_classes.items() if utt in below}
        self.clip_sources = self.clip_classes | more
        found = sorted(source.name[len("src_") : -len(".scp")] for source in path.glob("src_*.scp"))
        if REFERENCED_NAME not in self.lists or self[REFERENCED_NAME].entries:
            found = [*self.classes, *([BACKGROUND] if below else []), *found]
        self.sources = {f"src_{name}.scp": name for name in found if self.kind != EVENTS}
        self.tables = ("wav.scp", "utt2spk", "utt2dur", self.label_table)
        self.names = [*self.tables, "spk2utt", LABELS, *self.sources, *self.lists]
        self.names += {MIXTURES: [EVENTS_TSV, SCENES], RECORDINGS: [EVENTS_TSV], EVENTS: []}[self.kind]

    def __getitem__(self, name: str) -> Parsed:
        if name not in self._parsed:
            parser = parse_scp if name.endswith(".scp") else PARSERS.get(name, parse_table)
            self._parsed[name] = parser(self.path / name)
        return self._parsed[name]

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


def _kind(path: Path) -> str:
    """What sort of folder it is meant to be, also when some tables are missing."""
    signs = {RECORDINGS: LISTS, MIXTURES: ("utt2labels", SCENES, EVENTS_TSV), EVENTS: ("utt2class",)}
    found = (kind for kind, names in signs.items() if any((path / name).exists() for name in names))
    return next(found, EVENTS if path.absolute().parent.name == "events" else MIXTURES)
