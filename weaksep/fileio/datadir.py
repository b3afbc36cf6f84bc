"""A data folder (data/train, data/test): Kaldi tables, labels, and references for those who may see them.

Nothing but ``wav.scp`` and ``labels.txt`` is opened until it is asked for, so weak training works with
``src_*.scp`` (and, for clip labels, ``events.tsv``) removed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.tables import read_list, read_table, read_tsv

# Beside what was made from a data folder: the folder's fingerprint.
SOURCE_NAME = "source.sha256"
EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")


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
        f"{path}: {key}: shell pipes are not run; write the file's path" for key, v in table.items() if v.endswith("|")
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

    def fingerprint(self) -> str:
        """A hash of the clips, their labels and scenes: two folders that differ in it hold different mixtures."""
        tables = (self.path / name for name in ("wav.scp", "labels.txt", "utt2labels", "scenes.jsonl"))
        return hash_files(table for table in tables if table.is_file())

    def check_source(self, folder: Path, mend: str) -> None:
        """Refuse results that were made from another data folder; a folder without a note of its source may pass.

        Raises:
            UserError: ``folder`` was made from other mixtures.
        """
        note = folder / SOURCE_NAME
        if note.is_file() and note.read_text(encoding="utf-8").strip() != self.fingerprint():
            raise UserError(f"{folder}: made from other mixtures than those now in {self.path}; {mend}")

    def events(self) -> dict[str, list[EventLabel]]:
        """Labelled events of each clip, from events.tsv (DCASE columns; filename is ``<utt>.wav``)."""
        path = self.path / "events.tsv"
        events: dict[str, list[EventLabel]] = {utt: [] for utt in self.wav}
        problems = []
        for number, row in enumerate(read_tsv(path, EVENT_COLUMNS), start=2):
            utt = row["filename"].removesuffix(".wav")
            if utt not in events or row["event_label"] not in self.labels:
                problems.append(f"{path}:{number}: unknown clip {utt} or class {row['event_label']}")
                continue
            try:
                event = EventLabel(float(row["onset"]), float(row["offset"]), row["event_label"])
            except ValueError:
                problems.append(
                    f"{path}:{number}: onset and offset must be seconds, found {row['onset']}, {row['offset']}"
                )
                continue
            if not 0 <= event.onset_s < event.offset_s < math.inf:
                problems.append(f"{path}:{number}: an event from {row['onset']} to {row['offset']} s")
                continue
            events[utt].append(event)
        raise_problems(f"{path} does not fit the data folder", problems)
        return events

    def references(self) -> dict[str, dict[str, Path]]:
        """Reference audio of each class, class -> clip id -> file, for the clips in which the class is active."""
        return {label: read_scp(self.path / f"src_{label}.scp") for label in self.labels}
