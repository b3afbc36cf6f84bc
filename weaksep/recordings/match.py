"""Label files and audio brought together: which recording is which file, and what is known of it."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.audiostream import looks_like_audio
from weaksep.fileio.datadir import EventLabel
from weaksep.recordings import audioset, jams, tables
from weaksep.recordings.cut import stretch_of
from weaksep.recordings.labels import Entry, Tagged, Timed, agreed, dev_meaning, settle_dev

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stretch:
    """A recording, or a stretch of it, and all that its labels say; names are still those of the label files.

    Attributes:
        file: its audio.
        name: the file's path below the audio folder, without suffix.
        alone: no other recording has its file name.
        tags: its clip labels; those of its events where there are no others.
        events: None where their times are not known.
        span_s: the stretch, which is cut out unless the file's length shows that it is the stretch; None: all of it.
        recording: what was recorded together.
        set_name: None where no label file says so.
    """

    file: Path
    name: str
    alone: bool
    tags: tuple[str, ...]
    events: tuple[EventLabel, ...] | None
    span_s: tuple[float, float] | None
    recording: str
    set_name: str | None


@dataclass(frozen=True)
class Matched:
    """What was found.

    Attributes:
        stretches: in the order of the label files.
        problems: entries without audio, or whose audio could be one of several files; entries that do not agree.
        unlabelled: audio files that no label file names.
    """

    stretches: list[Stretch]
    problems: list[str]
    unlabelled: list[Path]


def read_label_files(clip_labels: Path | None, events: Path | None) -> tuple[list[Tagged], list[Timed]]:
    """All entries of the label files, whatever their formats.

    Raises:
        UserError: none is given, or one cannot be read.
    """
    tagged: list[Tagged] = []
    timed: list[Timed] = []
    for path in (clip_labels, events):
        if path is not None and not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if path is not None and (path.is_dir() or path.suffix.lower() == ".jams"):
            tags, times = jams.read_jams(path)
            tagged += tags
            timed += times
        elif path is not None and path is events:
            timed += tables.read_events(path)
        elif path is not None:
            tagged += audioset.read_segments(path) if audioset.is_segment_list(path) else tables.read_tags(path)
    if clip_labels is None and events is None:
        raise UserError("no labels: give --clip-labels, --events or both")
    named = {entry.set_name for entry in (*tagged, *timed)}
    if "dev" in named:
        logger.info("the set dev of the labels is taken for %s", dev_meaning(named))
    return settle_dev(tagged, named), settle_dev(timed, named)


class AudioIndex:
    """Audio files of a folder by all the names that a label file may give them.

    Args:
        folder: of the recordings.

    Raises:
        UserError: there is no such folder, or no audio in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder of recordings")
        self.folder = folder
        self.files = sorted(path for path in folder.rglob("*") if looks_like_audio(path) and path.is_file())
        if not self.files:
            raise UserError(f"{folder}: no audio files in this folder")
        self._by_path = {str(path.relative_to(folder)): path for path in self.files}
        self._by_name: dict[str, list[Path]] = {}
        for inside, path in self._by_path.items():
            for name in {str(Path(inside).with_suffix("")), path.name, path.stem}:
                self._by_name.setdefault(name, []).append(path)

    def find(self, names: Iterable[str]) -> Path | None:
        """The file that goes by one of these names; ValueError when several do."""
        for name in names:
            exact = self._by_path.get(name)
            found = [exact] if exact is not None else self._by_name.get(name, [])
            if len(found) > 1:
                raise ValueError(f"{name} may be {found[0]} or {found[1]}; name it with its folder")
            if found:
                return found[0]
        return None

    def alone(self, path: Path) -> bool:
        """Whether no other file of the folder has this one's name."""
        return len({str(other) for other in self._by_name[path.name]}) == 1


class _Found:
    """Entries with their files, and what is wrong with the others."""

    def __init__(self, index: AudioIndex, accept_truncated: bool) -> None:
        self.index = index
        self.accept_truncated = accept_truncated
        self.problems: list[str] = []
        self.stretches: list[Stretch] = []

    def file_of(self, entry: Entry) -> tuple[Path, tuple[float, float] | None] | None:
        """The file of an entry, and the stretch to look for in it: none where the name says that it is the stretch."""
        try:
            file, span_s = self.index.find(entry.names), None
            if file is None:
                file, span_s = self.index.find(entry.whole_names), entry.span_s
        except ValueError as error:
            self.problems.append(f"{entry.place}: {error}")
            return None
        if file is None:
            name = (*entry.names, *entry.whole_names)[-1]
            self.problems.append(f"{entry.place}: no audio for {name} in {self.index.folder}")
            return None
        return file, span_s

    def heard(self, timed: Sequence[Timed]) -> dict[tuple[Path, float | None], list[Timed]]:
        """Events with the times of their file, by file and begin of the stretch; None: they are of all of it."""
        heard: dict[tuple[Path, float | None], list[Timed]] = defaultdict(list)
        for entry in timed:
            place = self.file_of(entry)
            if place is None:
                continue
            file, span_s = place
            try:
                # Opens the file only where its name does not tell.
                begin_s, end_s = stretch_of(file, span_s, self.accept_truncated)
            except UserError as error:
                self.problems.append(f"{entry.place}: {error}")
                continue
            events = tuple(EventLabel(e.onset_s + begin_s, e.offset_s + begin_s, e.label) for e in entry.events)
            span_s = None if end_s is None else span_s
            heard[file, span_s and span_s[0]].append(replace(entry, events=events, span_s=span_s))
        return heard

    def add(self, file: Path, span_s: tuple[float, float] | None, tags: Tagged | None, times: Sequence[Timed]) -> None:
        """A stretch by all its entries; a problem where they differ about its recording or set."""
        try:
            recording, set_name = agreed([*([tags] if tags else []), *times], str(file))
        except ValueError as error:
            self.problems.append(str(error))
            return
        events = tuple(event for entry in times for event in entry.events) if times else None
        labels = tags.tags if tags else tuple(dict.fromkeys(event.label for event in events or ()))
        name, alone = str(file.relative_to(self.index.folder).with_suffix("")), self.index.alone(file)
        self.stretches.append(Stretch(file, name, alone, labels, events, span_s, recording or name, set_name))


def match(
    tagged: Sequence[Tagged], timed: Sequence[Timed], audio: Path, accept_truncated: bool = False
) -> Matched:
    """Find the audio of every entry and join what is known of each recording.

    Raises:
        UserError: see ``AudioIndex``.
    """
    index = AudioIndex(audio)
    found = _Found(index, accept_truncated)
    heard = found.heard(timed)
    used: set[tuple[Path, float | None]] = set()
    tagged_files: Counter[Path] = Counter()
    for tags in tagged:
        place = found.file_of(tags)
        if place is None:
            continue
        file, span_s = place
        tagged_files[file] += 1
        if tagged_files[file] > 1 and span_s is None:
            found.problems.append(f"{tags.place}: {file} has labels already; one entry a file")
            continue
        keys = dict.fromkeys([(file, span_s and span_s[0]), (file, None)])  # events of the stretch, and of the file
        used.update(keys)
        found.add(file, span_s, tags, [entry for key in keys for entry in heard.get(key, ())])
    for (file, begin_s), times in heard.items():
        if (file, begin_s) not in used:
            found.add(file, times[0].span_s, None, times)
    labelled = {*tagged_files, *(file for file, _ in heard)}
    return Matched(found.stretches, found.problems, [file for file in index.files if file not in labelled])
