"""Label files and audio brought together: which recording is which file, and what is known of it."""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from os.path import splitext
from pathlib import Path

from weaksep.errors import UserError, noted, refuse
from weaksep.fileio.audiostream import looks_like_audio
from weaksep.fileio.datadir import EventLabel
from weaksep.recordings import audioset, jams, tables
from weaksep.recordings.cut import stretch_of
from weaksep.recordings.labels import Entry, dev_meaning, join

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """A recording, or a stretch of one, and all that is known of it.

    What ``match`` gives is named as in the label files. ``sets.by_set`` puts ids and the recipe's classes in their
    place, and adds the references.

    Attributes:
        file: its audio.
        name: the file's path below the audio folder, without suffix; then what the ids of its clips begin with.
        group: what was recorded together and stays in one set.
        set_name: None where no label file names one.
        span_s: the stretch, which is cut out unless the file's length shows that it is the stretch; None: all of it.
        classes: that occur in it.
        events: None where their times are not known.
        unique: no other recording has its file name.
        references: class -> file with its source alone.
    """

    file: Path
    name: str
    group: str
    set_name: str | None
    span_s: tuple[float, float] | None
    classes: tuple[str, ...]
    events: tuple[EventLabel, ...] | None
    unique: bool
    references: Mapping[str, Path] = field(default_factory=dict)


def read_label_files(clip_labels: Path | None, events: Path | None) -> list[Entry]:
    """All entries of the label files, whatever their formats.

    Raises:
        UserError: none is given, or one cannot be read.
    """
    entries: list[Entry] = []
    for path in filter(None, (clip_labels, events)):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if path.is_dir() or path.suffix.lower() == ".jams":
            entries += jams.read_jams(path)
        elif path is clip_labels and audioset.is_segment_list(path):
            entries += audioset.read_segments(path)
        else:
            entries += tables.read_table(path, timed=path is events)
    if clip_labels is None and events is None:
        raise UserError("no labels: give --clip-labels, --events or both")
    named = {entry.set_name for entry in entries}
    if "dev" in named:
        logger.info("the set dev of the labels is taken for %s", dev_meaning(named))
    return [replace(entry, set_name=dev_meaning(named)) if entry.set_name == "dev" else entry for entry in entries]


def _composed(name: str) -> str:
    """A name with its accented letters as one sign each: macOS and old tools take them apart, label files rarely do."""
    return unicodedata.normalize("NFC", name)


class AudioIndex:
    """Audio files of a folder by all the names that a label file may give them.

    Args:
        folder: of the recordings.

    Raises:
        UserError: there is no such folder, or no audio in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(path for path in folder.rglob("*") if looks_like_audio(path) and path.is_file())
        faults = {"no such folder of recordings": not folder.is_dir(), "no audio files in this folder": not self.files}
        refuse({f"{folder}: {fault}": holds for fault, holds in faults.items()}, UserError)
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        for path in self.files:
            for name in {str(path.relative_to(folder).with_suffix("")), path.name, path.stem}:
                self.by_name[_composed(name)].append(path)
        whole = defaultdict(list)
        for path in self.files:
            whole[_composed(str(path.relative_to(folder)))].append(path)
        self.by_name |= whole  # a name with its folder and suffix never means another file

    def find(self, entry: Entry) -> tuple[Path, Entry]:
        """The file of an entry, and the entry: without a stretch where the file's name says that it is the stretch.

        Raises:
            ValueError: no file goes by one of its names, or several do.
        """
        for name in (*entry.names, *entry.whole_names):
            found = self.by_name.get(_composed(name), [])
            if len(found) > 1:
                raise ValueError(f"{name} may be {found[0]} or {found[1]}; name it with its folder")
            if found:
                return found[0], entry if name in entry.whole_names else replace(entry, span_s=None)
        others = self.by_name.get(_composed(splitext(name)[0]), [])  # a file that was converted, most likely
        hint = f"; there is {others[0].relative_to(self.folder)}: name that, or leave the suffix out" if others else ""
        raise ValueError(f"no audio for {name} in {self.folder}{hint}")


Place = tuple[Path, float | None]  # where events are: a file, and where a stretch of it begins (None: all of it)


def _places(file: Path, entry: Entry) -> list[Place]:
    """Where the events of an entry are: in its stretch, and anywhere in its file."""
    return [(file, None)] if entry.span_s is None else [(file, entry.span_s[0]), (file, None)]


def _timed(file: Path, entry: Entry, accept_truncated: bool) -> Entry:
    """The events of an entry with the times of their file, which is opened only where its name does not tell."""
    span_s = stretch_of(file, entry.span_s, accept_truncated)
    begin_s = span_s[0] if span_s else 0.0
    events = (EventLabel(e.onset_s + begin_s, e.offset_s + begin_s, e.label) for e in entry.events or ())
    return replace(entry, clip_labels=None, events=tuple(events), span_s=span_s)


def match(
    entries: Iterable[Entry], audio: Path, accept_truncated: bool = False
) -> tuple[list[Recording], list[str], list[Path]]:
    """Find the audio of every entry and join what is known of each recording.

    Returns:
        the recordings; entries without audio, with several files that it could be, or that do not agree, a line each;
        and audio files that no label file names.

    Raises:
        UserError: see ``AudioIndex``.
    """
    index = AudioIndex(audio)
    labelled: dict[Path, list[Entry]] = defaultdict(list)
    timed: dict[Place, list[Entry]] = defaultdict(list)
    problems: list[str] = []
    for given in entries:
        with noted(problems, given.place):
            file, entry = index.find(given)
            if entry.events is not None:
                events = _timed(file, entry, accept_truncated)
                timed[_places(file, events)[0]].append(events)
            if entry.clip_labels is not None:
                if entry.span_s is None and labelled[file]:
                    raise ValueError(f"{file} has labels already; one entry a file")
                labelled[file].append(replace(entry, events=None))
    groups = [
        (file, [entry, *(events for place in _places(file, entry) for events in timed.get(place, ()))])
        for file, own in labelled.items()
        for entry in own
    ]
    taken = {place for file, own in labelled.items() for entry in own for place in _places(file, entry)}
    groups += [(place[0], own) for place, own in timed.items() if place not in taken]
    recordings = []
    for file, own in groups:
        with noted(problems):
            entry = join(own, str(file))
            classes = dict.fromkeys([*(entry.clip_labels or ()), *(event.label for event in entry.events or ())])
            name, unique = str(file.relative_to(audio).with_suffix("")), index.by_name[file.name] == [file]
            group, span_s = entry.recording or name, entry.span_s
            recordings.append(
                Recording(file, name, group, entry.set_name, span_s, tuple(classes), entry.events, unique)
            )
    used = {file for file, _ in groups}
    return recordings, problems, [file for file in index.files if file not in used]
