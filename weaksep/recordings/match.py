"""Label files and audio brought together: which recording is which file, and what is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.audiostream import looks_like_audio
from weaksep.fileio.datadir import EventLabel
from weaksep.recordings import audioset, jams, tables
from weaksep.recordings.labels import Tagged, Timed


@dataclass(frozen=True)
class Stretch:
    """A recording, or a stretch of it, and all that its labels say; names are still those of the label files.

    Attributes:
        file: its audio.
        name: the file's path below the audio folder, without suffix.
        alone: no other recording has its file name.
        tags: its clip labels; those of its events where there are no others.
        events: None where their times are not known.
        span_s: the stretch; None for the whole file.
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
        problems: entries without audio, or whose audio could be one of several files.
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
    return tagged, timed


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

    def __init__(self, index: AudioIndex) -> None:
        self.index = index
        self.problems: list[str] = []

    def file_of(self, entry: Tagged | Timed) -> Path | None:
        try:
            file = self.index.find(entry.names)
        except ValueError as error:
            self.problems.append(f"{entry.place}: {error}")
            return None
        if file is None:
            self.problems.append(f"{entry.place}: no audio for {entry.names[-1]} in {self.index.folder}")
        return file


def match(tagged: Sequence[Tagged], timed: Sequence[Timed], audio: Path) -> Matched:
    """Find the audio of every entry and join what is known of each recording.

    Raises:
        UserError: see ``AudioIndex``.
    """
    index = AudioIndex(audio)
    found = _Found(index)
    events: dict[Path, tuple[EventLabel, ...]] = {}
    for entry in timed:
        file = found.file_of(entry)
        if file is not None:
            events[file] = (*events.get(file, ()), *entry.events)
    stretches: list[Stretch] = []
    tagged_files: Counter[Path] = Counter()
    for tags in tagged:
        file = found.file_of(tags)
        if file is None:
            continue
        tagged_files[file] += 1
        if tagged_files[file] > 1 and tags.span_s is None:
            found.problems.append(f"{tags.place}: {file} has labels already; one entry a file")
            continue
        name = str(file.relative_to(audio).with_suffix(""))
        recording = tags.recording or name
        stretches.append(
            Stretch(file, name, index.alone(file), tags.tags, events.get(file), tags.span_s, recording, tags.set_name)
        )
    for file, own in events.items():
        if not tagged_files[file]:
            name = str(file.relative_to(audio).with_suffix(""))
            tags_of_events = tuple(dict.fromkeys(e.label for e in own))
            stretches.append(Stretch(file, name, index.alone(file), tags_of_events, own, None, name, None))
    labelled = {*tagged_files, *events}
    return Matched(stretches, found.problems, [file for file in index.files if file not in labelled])
