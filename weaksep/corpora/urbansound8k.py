"""UrbanSound8K in its official layout.

Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research", ACM MM 2014.

    metadata/UrbanSound8K.csv   slice_file_name,fsID,start,end,salience,fold,classID,class
    audio/fold<1..10>/<slice_file_name>      a .flac of the same stem is taken where the .wav is not there

A recording (fsID) whose chosen clips fall into two sets (five recordings sit in two folds under
different classes) is moved whole to the set that holds most of its chosen clips; on a tie to the earlier of
train, valid, test, so that a tie never brings a sound of the training folds into the test set.
"""

import csv
import glob
import io
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from weaksep.corpora.config import N_FOLDS, UrbanSound8KConfig
from weaksep.corpora.event import NO_CLASS, SETS, Corpus, SourceEvent
from weaksep.errors import UserError, noted, raise_problems, refuse, unknown_names
from weaksep.fileio.audio import read_any
from weaksep.fileio.names import id_problem
from weaksep.fileio.parsed import read_text
from weaksep.fileio.tables import to_span

logger = logging.getLogger(__name__)

METADATA = Path("metadata/UrbanSound8K.csv")
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
HOW_TO_GIVE = "set URBANSOUND8K= in db.sh or give --db DIR, or fetch it with --download true"


def _parse_row(row: dict[str, str], audio_dir: Path) -> SourceEvent:
    """One metadata line. ValueError says what is wrong with it."""
    if None in row or None in row.values():
        raise ValueError("the number of cells is not that of the header")
    name = row["slice_file_name"].strip()
    stem, _, suffix = name.rpartition(".")
    if id_problem(stem) or suffix.lower() not in ("wav", "flac"):
        raise ValueError(f"slice_file_name {name!r} is not the name of a .wav file")
    digits = {column: row[column].strip() for column in ("fsID", "salience", "fold", "classID")}
    whole = {column: text.isascii() and text.isdigit() and len(text) < 16 for column, text in digits.items()}
    refuse({f"{column} {row[column]!r} is not a whole number": not is_so for column, is_so in whole.items()})
    recording, salience, fold, _ = map(int, digits.values())
    to_span(row["start"], row["end"], ("start", "end"))
    refuse(
        {
            f"salience {row['salience']!r} is neither 1 nor 2": salience not in (1, 2),
            f"fold {row['fold']!r} is not one of 1 to {N_FOLDS}": not 1 <= fold <= N_FOLDS,
            "class is empty": not row["class"].strip(),
        }
    )
    path = audio_dir / f"fold{fold}" / name
    if not path.exists() and path.with_suffix(".flac").exists():
        path = path.with_suffix(".flac")
    return SourceEvent(stem, row["class"].strip(), str(recording), path, fold=fold, salience=salience)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by column). UserError when the file is no text, its header is wrong or a line is no CSV."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        reader.fieldnames = header = [column.strip() for column in reader.fieldnames or []]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise UserError(f"{path}:1: missing columns: {', '.join(missing)} (expected {','.join(COLUMNS)})")
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num + 1}: not CSV ({error})") from None


def read_metadata(folder: Path) -> list[SourceEvent]:
    """All clips of the corpus, in the order of the metadata. Opens no audio.

    Raises:
        UserError: `folder` is not UrbanSound8K, or (all at once, with file:line) rows that cannot be right.
    """
    path = folder / METADATA
    if not path.is_file():
        state = "no such folder" if not folder.is_dir() else f"holds no {METADATA}"
        raise UserError(
            f"{folder}: {state}; expected the folder of UrbanSound8K with {METADATA} and audio/fold1..10 "
            f"({HOW_TO_GIVE})"
        )
    events: dict[str, tuple[int, SourceEvent]] = {}
    problems: list[str] = []
    for line, row in _rows(path):
        with noted(problems, f"{path}:{line}"):
            event = _parse_row(row, folder / "audio")
            first, _ = events.setdefault(event.event_id, (line, event))
            if first != line:
                raise ValueError(f"{event.event_id} is already on line {first}")
    raise_problems(f"{path} cannot be read", problems)
    return [event for _, event in events.values()]


def split_by_recording(events: list[SourceEvent], fold_set: dict[int, str]) -> dict[str, list[SourceEvent]]:
    """Events of each set, sorted by id, no recording in two (see the module for the rule); moves are logged.

    Args:
        events: the chosen events.
        fold_set: fold -> set; events of other folds are left out.
    """
    chosen = sorted((event for event in events if event.fold in fold_set), key=lambda event: event.event_id)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for event in chosen:
        votes[event.recording_id][fold_set[event.fold]] += 1
    home = {recording: max(SETS, key=lambda name: count[name]) for recording, count in votes.items()}
    crossing = sorted(recording for recording, count in votes.items() if len(count) > 1)
    for recording in crossing:
        counts = ", ".join(f"{name} {votes[recording][name]}" for name in SETS if votes[recording][name])
        logger.info("recording %s is in two sets (%s clips): all go to %s", recording, counts, home[recording])
    moved = sum(fold_set[event.fold] != home[event.recording_id] for event in chosen)
    logger.info("%d recordings were in two sets, %d clips moved", len(crossing), moved)
    return {name: [event for event in chosen if home[event.recording_id] == name] for name in SETS}


def load_clip(event: SourceEvent, sample_rate: int, accept_truncated: bool) -> np.ndarray:
    """One clip, float32 (N,), mean of its channels, resampled."""
    assert event.path is not None
    if not event.path.exists():
        found = sorted(event.path.parents[1].glob(f"fold*/{glob.escape(event.path.stem)}.*"))
        elsewhere = [path for path in found if path.exists()]  # a link may lead nowhere
        hint = f"do the metadata name the wrong fold? {elsewhere[0]} is there" if elsewhere else "nor is there a .flac"
        raise UserError(f"{event.path}: missing ({hint})")
    return read_any(event.path, sample_rate, accept_truncated)


def open_urbansound8k(config: UrbanSound8KConfig, db: Path | None) -> Corpus:
    """The chosen events of the corpus in the folder `db`.

    Raises:
        UserError: no folder was given, or a class that the corpus does not have; see also ``read_metadata``.
    """
    if db is None:
        raise UserError(f"no folder for UrbanSound8K: {HOW_TO_GIVE}")
    clips = read_metadata(db)
    raise_problems(f"{db / METADATA}: {NO_CLASS}", unknown_names(config.classes, (clip.class_name for clip in clips)))
    events = [e for e in clips if e.class_name in config.classes and e.salience in config.salience]
    fold_set = {fold: name for name in SETS for fold in getattr(config.split, name)}
    unused = Counter(event.fold for event in events if event.fold not in fold_set)
    if unused:
        folds = ", ".join(map(str, sorted(unused)))
        logger.info("%d clips are in folds that split does not name (%s): left out", unused.total(), folds)
    return Corpus(split_by_recording(events, fold_set), partial(load_clip, accept_truncated=config.accept_truncated))
