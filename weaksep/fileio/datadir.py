"""A data folder (data/train, data/test): Kaldi tables, labels, and references for those who may see them.

Nothing but ``wav.scp`` and ``labels.txt`` is opened until it is asked for, so weak training works with
``src_*.scp`` (and, for clip labels, ``events.tsv``) removed.

An entry of an scp file says where to read: relative to the scp's folder, ``../`` and absolute paths included, as Kaldi
users expect (the unprocessed mixture's tables lead out of their folder). Names of files that are written come from clip
ids and class names alone, and those cannot lead anywhere (``fileio/names.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.tables import read_lines, read_list, read_table, read_tsv, to_float

# Beside what was made from a data folder: the folder's fingerprint.
SOURCE_NAME = "source.sha256"
FINGERPRINT_TABLES = ("wav.scp", "labels.txt", "utt2labels", "scenes.jsonl")
# What every data folder has, beside src_<class>.scp.
DATA_TABLES = ("wav.scp", "utt2spk", "spk2utt", "utt2dur", "labels.txt", "utt2labels", "events.tsv")
# Where not all clips have them: ids of the clips whose events' times, and whose isolated sources, are known.
TIMED_NAME = "clips_with_events.txt"
REFERENCED_NAME = "clips_with_references.txt"
EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")
# Among separated files: what belongs to no class.
RESIDUAL = "residual"
MAX_EVENT_S = 1e6  # 11 days: a later end is no time in a clip, and would not fit into a sample number for long


SECONDS = ".7f"  # a tenth of a microsecond: reads back to the very sample at any audio rate


def audio_name(folder: str, utt_id: str) -> str:
    """Path of a file inside the data folder; `folder` is "mix" or a class."""
    return f"audio/{folder}/{utt_id}.wav"


@dataclass(frozen=True)
class EventLabel:
    """One labelled event of a clip: from onset_s up to, not including, offset_s."""

    onset_s: float
    offset_s: float
    label: str


def hash_files(paths: Iterable[Path]) -> str:
    """SHA-256 of the files' names and contents, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read_scp(path: str | Path) -> dict[str, Path]:
    """A table of files; relative entries are taken from the scp's own folder.

    Raises:
        UserError: not a table, or an entry is a shell pipe.
    """
    table = read_table(path)
    pipes = [
        f"{path}:{number}: {key}: shell pipes are not run; write the file's path"
        for number, (key, value) in enumerate(table.items(), start=1)
        if value.startswith("|") or value.endswith("|")
    ]
    raise_problems(f"{path} is not a valid list of files", pipes)
    folder = Path(path).parent
    return {key: folder / value for key, value in table.items()}


@dataclass(frozen=True)
class DataDir:
    """One set of clips.

    Attributes:
        path: the folder.
        labels: class names; their order is the class axis of every label array.
        wav: clip id -> audio file.
    """

    path: Path
    labels: tuple[str, ...]
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

    @property
    def utt_ids(self) -> list[str]:
        """Clip ids in the table's order."""
        return list(self.wav)

    def clip_labels(self) -> dict[str, tuple[str, ...]]:
        """Classes that occur in each clip, from utt2labels (``utt classA,classB``; ``-`` for none)."""
        path = self.path / "utt2labels"
        table = {utt: () if text == "-" else tuple(text.split(",")) for utt, text in read_table(path).items()}
        problems = [f"{path}: {utt} has no labels" for utt in self.wav if utt not in table]
        for utt, names in table.items():
            problems += [
                f"{path}: {utt}: class {name} is not in labels.txt" for name in names if name not in self.labels
            ]
        raise_problems(f"{path} does not fit the data folder", problems)
        return {utt: table[utt] for utt in self.wav}

    def _listed(self, name: str) -> frozenset[str]:
        """Clips of a list that only some folders have; all clips where it is missing."""
        path = self.path / name
        return frozenset(read_lines(path)) & self.wav.keys() if path.is_file() else frozenset(self.wav)

    def timed(self) -> frozenset[str]:
        """Clips whose events' times are known; the others have clip labels alone."""
        return self._listed(TIMED_NAME)

    def referenced(self) -> frozenset[str]:
        """Clips whose isolated sources are known: of a class without a file, silence."""
        return self._listed(REFERENCED_NAME)

    def fingerprint(self) -> str:
        """A hash of the clips, their labels and scenes: two folders that differ in it hold different mixtures."""
        tables = (self.path / name for name in FINGERPRINT_TABLES)
        return hash_files(table for table in tables if table.is_file())

    def check_source(self, folder: Path, mend: str) -> None:
        """Refuse results that were made from another data folder; a folder without a note of its source may pass.

        Raises:
            UserError: ``folder`` was made from other mixtures.
        """
        note = folder / SOURCE_NAME
        if note.is_file() and read_lines(note) != [self.fingerprint()]:
            raise UserError(f"{folder}: made from other mixtures than those now in {self.path}; {mend}")

    def events(self) -> dict[str, list[EventLabel]]:
        """Labelled events of each clip, from events.tsv (DCASE columns; filename is ``<utt>.wav``).

        Raises:
            UserError: listing every line with an unknown clip or class, or times that are none.
        """
        path = self.path / "events.tsv"
        events: dict[str, list[EventLabel]] = {utt: [] for utt in self.wav}
        problems = []
        for number, row in enumerate(read_tsv(path, EVENT_COLUMNS), start=2):
            utt = row["filename"].removesuffix(".wav")
            if utt not in events:
                problems.append(f"{path}:{number}: {row['filename']!r} is no clip of wav.scp")
                continue
            try:
                events[utt].append(self._event(row))
            except ValueError as error:
                problems.append(f"{path}:{number}: {error}")
        raise_problems(f"{path} does not fit the data folder", problems)
        return events

    def _event(self, row: dict[str, str]) -> EventLabel:
        """One row of events.tsv. ValueError says what is wrong with it."""
        label = row["event_label"]
        if label not in self.labels:
            raise ValueError(f"class {label!r} is not in labels.txt")
        try:
            onset_s, offset_s = to_float(row["onset"]), to_float(row["offset"])
        except ValueError as error:
            raise ValueError(f"onset and offset must be seconds: {error}") from None
        if not 0 <= onset_s < offset_s <= MAX_EVENT_S:
            raise ValueError(f"an event from {row['onset']} to {row['offset']} s; expected 0 <= onset < offset")
        return EventLabel(onset_s, offset_s, label)

    def references(self) -> dict[str, dict[str, Path]]:
        """Reference audio of each class, class -> clip id -> file, for the clips in which the class is active."""
        if not self.referenced():
            return {label: {} for label in self.labels}
        return {label: read_scp(self.path / f"src_{label}.scp") for label in self.labels}
