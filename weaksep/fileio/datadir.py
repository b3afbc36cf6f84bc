"""A data folder (data/train, data/test): Kaldi tables, labels, and references for those who may see them.

Nothing but ``wav.scp`` and ``labels.txt`` is opened until it is asked for, so weak training works with
``src_*.scp`` (and, for clip labels, ``events.tsv``) removed.

An entry of an scp file says where to read (``fileio/scp.py``), in another folder too. Names of files that are written
come from clip ids and class names alone (``fileio/names.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from weaksep.errors import UserError
from weaksep.fileio.names import BACKGROUND
from weaksep.fileio.parsed import LOST, REPAIR, Parsed, Problem
from weaksep.fileio.scp import text_locator
from weaksep.fileio.tables import (
    MAX_EVENT_S,
    parse,
    parse_ids,
    parse_table,
    read_lines,
    read_list,
    read_table,
    split_entry,
    to_float,
)
from weaksep.fileio.tsv import parse_tsv

# Beside what was made from a data folder: the folder's fingerprint.
SOURCE_NAME = "source.sha256"
CONFIDENCE_NAME = "confidence.tsv"  # of separated files: how sure the net is of each
FINGERPRINT_TABLES = ("wav.scp", "labels.txt", "utt2labels", "scenes.jsonl")
# What every data folder has, beside src_<class>.scp.
DATA_TABLES = ("wav.scp", "utt2spk", "spk2utt", "utt2dur", "labels.txt", "utt2labels", "events.tsv")
# Where not all clips have them: ids of the clips whose events' times, and whose isolated sources, are known.
TIMED_NAME = "clips_with_events.txt"
REFERENCED_NAME = "clips_with_references.txt"
EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")
# Times are written to a tenth of a microsecond; this is under half a sample at any audio rate.
TOLERANCE_S = 1e-5
SECONDS = ".7f"  # a tenth of a microsecond: reads back to the very sample at any audio rate


class EventLabel(NamedTuple):
    """One labelled event of a clip: from onset_s up to, not including, offset_s."""

    onset_s: float
    offset_s: float
    label: str


def _split_file(line: str) -> tuple[str, str, str]:
    key, value, plain = split_entry(line)
    if "|" in (value[0], value[-1]):
        raise ValueError(f"{key}: shell pipes are not run, expected the path of a file")
    return key, value, plain


def parse_scp(path: str | Path) -> Parsed:
    """A table of files."""
    return parse(path, _split_file)


def scp_files(path: str | Path) -> dict[str, str]:
    """A table of files as text, see ``text_locator``; UserError when it is none, or an entry is a shell pipe."""
    locate = text_locator(Path(path).parent)
    return {key: locate(value) for key, value in parse_scp(path).values("a valid list of files").items()}


def read_scp(path: str | Path) -> dict[str, Path]:
    """The same as paths."""
    return {key: Path(file) for key, file in scp_files(path).items()}


def _split_length(line: str) -> tuple[str, float, str]:
    key, text, plain = split_entry(line)
    with suppress(ValueError):
        if 0 < (length_s := to_float(text)) <= MAX_EVENT_S:
            return key, length_s, plain
    raise ValueError(f"{key}: {text!r} is not a length in seconds")


def parse_lengths(path: str | Path) -> Parsed:
    """utt2dur: clip -> its length in seconds."""
    return parse(path, _split_length)


def split_labels(text: str) -> tuple[str, ...]:
    """Classes of a value of utt2labels.

    >>> split_labels("dog,horn"), split_labels("-")
    (('dog', 'horn'), ())
    """
    return () if text == "-" else tuple(text.split(","))


def labels_problem(names: Collection[str], known: Collection[str]) -> str | None:
    """What is wrong with the classes of a clip; None when nothing is."""
    unknown = [repr(name) for name in names if name not in known]
    if unknown:
        return f"not in labels.txt: {', '.join(unknown)}"
    return "a class is named twice" if len(set(names)) < len(names) else None


def _event(cells: Mapping[str, str]) -> tuple[str, EventLabel]:
    name, onset, offset, label = (cells[column] for column in EVENT_COLUMNS)
    try:
        onset_s, offset_s = to_float(onset), to_float(offset)
    except ValueError as error:
        raise ValueError(f"onset and offset must be seconds: {error}") from None
    if max(abs(onset_s), abs(offset_s)) > MAX_EVENT_S:
        raise ValueError(f"onset and offset must be seconds of a clip, found {onset} and {offset}")
    return name.removesuffix(".wav"), EventLabel(onset_s, offset_s, label)


def parse_events(path: str | Path) -> Parsed:
    """events.tsv (DCASE columns; filename is ``<utt>.wav``): line number -> (clip, EventLabel)."""
    return parse_tsv(path, EVENT_COLUMNS, _event)


def check_events(
    events: Parsed, clips: Collection[str], labels: Collection[str], lengths_s: Mapping[str, float]
) -> Iterator[Problem]:
    """Rows of events.tsv with an unknown clip or class, or with times outside their clip.

    Args:
        events: of ``parse_events``.
        clips, labels: those that there are; empty where nobody knows.
        lengths_s: seconds of each clip, where they are known.
    """
    for line, (_, (utt, event), _) in events.entries.items():
        length_s = lengths_s.get(utt, MAX_EVENT_S)
        span = f"{utt}: an event from {event.onset_s:g} to {event.offset_s:g} s"
        if clips and utt not in clips:
            yield Problem(events.path, line, f"{utt!r} is no clip of wav.scp", REPAIR)
        if labels and event.label not in labels:
            yield Problem(events.path, line, f"class {event.label!r} is not in labels.txt", LOST)
        if event.offset_s <= event.onset_s:
            yield Problem(events.path, line, f"{span} ends before it begins", LOST)
        elif event.onset_s < 0 or event.offset_s > length_s + TOLERANCE_S:
            yield Problem(events.path, line, f"{span} leaves its clip of {length_s:g} s", REPAIR)


@dataclass(frozen=True)
class DataDir:
    """One set of clips.

    Attributes:
        path: the folder.
        classes: their names; their order is the class axis of every label array.
        wav: clip id -> audio file.
    """

    path: Path
    classes: tuple[str, ...]
    wav: dict[str, Path]

    @classmethod
    def load(cls, path: str | Path) -> DataDir:
        """Open a data folder.

        Raises:
            UserError: the folder, wav.scp or labels.txt is missing or malformed.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise UserError(f"{folder}: no such data folder (stage 1 makes it)")
        return cls(folder, tuple(read_list(folder / "labels.txt")), read_scp(folder / "wav.scp"))

    def clip_labels(self) -> dict[str, tuple[str, ...]]:
        """Classes that occur in each clip, from utt2labels (``utt classA,classB``; ``-`` for none)."""
        table = parse_table(self.path / "utt2labels")
        for utt in self.wav.keys() - table.entries.keys() if table.there else ():
            table.note(None, f"{utt} has no labels", LOST)
        for utt, entry in table.entries.items():
            if problem := labels_problem(split_labels(entry.value), self.classes):
                table.note(entry.line, f"{utt}: {problem}", LOST)
        found = table.values("a table that fits the data folder")
        return {utt: split_labels(found[utt]) for utt in self.wav}

    def _listed(self, name: str) -> frozenset[str]:
        """Clips of a list that only some folders have; all clips where it is missing."""
        path = self.path / name
        return frozenset(parse_ids(path).values("a list of clips") if path.exists() else self.wav) & self.wav.keys()

    def timed(self) -> frozenset[str]:
        """Clips whose events' times are known; the others have clip labels alone."""
        return self._listed(TIMED_NAME)

    def referenced(self) -> frozenset[str]:
        """Clips whose isolated sources are known: of a class without a file, silence."""
        return self._listed(REFERENCED_NAME)

    def recordings(self) -> dict[str, str]:
        """What each clip was cut from, from utt2spk: clips with the same value are not independent. Of a folder without
        that table nobody knows, and it is empty."""
        path = self.path / "utt2spk"
        return read_table(path) if path.is_file() else {}

    def fingerprint(self) -> str:
        """A hash of the clips, their labels and scenes: two folders that differ in it hold different mixtures."""
        digest = hashlib.sha256()
        for table in (self.path / name for name in FINGERPRINT_TABLES):
            if table.is_file():
                content = table.read_bytes()
                digest.update(f"{table.name} {len(content)}\n".encode())
                digest.update(content)
        return digest.hexdigest()

    def check_source(self, folder: Path, remedy: str) -> None:
        """Refuse results that were made from another data folder; a folder without a note of its source may pass.

        Raises:
            UserError: ``folder`` was made from other mixtures.
        """
        note = folder / SOURCE_NAME
        if note.is_file() and read_lines(note) != [self.fingerprint()]:
            raise UserError(f"{folder}: made from other mixtures than those now in {self.path}; {remedy}")

    def events(self) -> dict[str, list[EventLabel]]:
        """Labelled events of each clip, from events.tsv.

        Raises:
            UserError: listing every line with an unknown clip or class, or times that are none.
        """
        table = parse_events(self.path / "events.tsv")
        table.problems += check_events(table, self.wav, self.classes, {})
        events: dict[str, list[EventLabel]] = {utt: [] for utt in self.wav}
        for utt, event in table.values("a table that fits the data folder").values():
            events[utt].append(event)
        return events

    @property
    def sources(self) -> tuple[str, ...]:
        """What there are tables of references of: the classes, and ``BACKGROUND`` in a set with backgrounds."""
        return (*self.classes, BACKGROUND) if (self.path / f"src_{BACKGROUND}.scp").is_file() else self.classes

    def references(self) -> dict[str, dict[str, Path]]:
        """Reference audio of each of the ``sources``, source -> clip id -> file, for the clips in which it sounds."""
        if not self.referenced():
            return {name: {} for name in self.classes}
        return {name: read_scp(self.path / f"src_{name}.scp") for name in self.sources}
