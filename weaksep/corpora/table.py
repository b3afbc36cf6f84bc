"""Any corpus, as a table of its events: what a recipe's local/data.sh writes.

    filename  class  set  [recording]  [onset  offset]       (tab-separated, with this header)

``filename`` is relative to the table's folder, or absolute; ids are made of it. ``set`` is train, valid or test.
``recording`` says which lines were recorded together, and must not be in two sets; without it each file
is a recording. With ``onset`` and ``offset`` (seconds) a line is that part of the file, so that one file may hold many
events.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from weaksep.corpora.config import TableConfig
from weaksep.corpora.event import NO_CLASS, SETS, Corpus, SourceEvent
from weaksep.errors import UserError, noted, raise_problems, refuse, unknown_names
from weaksep.fileio.audio import INT16_SCALE, read_any
from weaksep.fileio.names import id_problem, plain_id
from weaksep.fileio.tables import to_span
from weaksep.fileio.tsv import read_tsv
from weaksep.signal.units import seconds_to_samples

COLUMNS = ("filename", "class", "set")
HOW_TO_GIVE = "a recipe's local/data.sh writes it, or give its folder by --db"


def event_name(filename: str) -> str:
    """A file's part of an event's id: its path without suffix, and of an absolute one just folder and name.

    >>> event_name("dogs/a 1.wav"), event_name("/data/somewhere/dogs/a 1.wav")
    ('dogs_a_1', 'dogs_a_1')
    """
    path = Path(filename).with_suffix("")
    return plain_id("/".join(path.parts[-2:]).lstrip("/") if path.is_absolute() else str(path))


def _event(row: dict[str, str], folder: Path, number: int) -> SourceEvent:
    """The event of one line; ValueError says what is wrong with it."""
    refuse(
        {
            f"set {row['set']!r} is none of {', '.join(SETS)}": row["set"] not in SETS,
            "filename or class is empty": not row["filename"] or not row["class"],
        }
    )
    times = row.get("onset", ""), row.get("offset", "")
    span = to_span(*times) if any(times) else None
    name = event_name(row["filename"])
    recording = plain_id(row.get("recording") or name)
    event_id = recording if recording == name else f"{recording}-{name}"
    event_id += "" if span is None else f"-{number:06d}"
    if problem := id_problem(event_id):
        raise ValueError(f"{event_id!r} cannot be an id: {problem}")
    return SourceEvent(event_id, row["class"], recording, folder / row["filename"], span)


def read_events(path: Path, classes: Sequence[str]) -> dict[str, list[SourceEvent]]:
    """Events of the wanted classes by set, sorted by id. Opens no audio.

    Raises:
        UserError: no table, a class that it does not name, or listing every line that cannot be right.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such table of events ({HOW_TO_GIVE})")
    sets: dict[str, list[SourceEvent]] = {name: [] for name in SETS}
    by_id: dict[str, SourceEvent] = {}
    homes: dict[Path | None, str] = {}
    problems: list[str] = []
    rows = read_tsv(path, COLUMNS)
    raise_problems(f"{path}: {NO_CLASS}", unknown_names(classes, (row["class"] for row in rows)))
    for number, row in enumerate(rows, start=2):
        if row["class"] not in classes and row["class"]:
            continue
        with noted(problems, f"{path}:{number}"):
            event = _event(row, path.parent, number)
            other = by_id.setdefault(event.event_id, event)
            if other is not event:
                same = other.path == event.path
                what = "onset and offset of each" if same else "each a recording of its own (column recording)"
                raise ValueError(f"{row['filename']} would have the id of {other.path}; give {what}")
            if homes.setdefault(event.path, row["set"]) != row["set"]:
                raise ValueError(
                    f"{row['filename']} is in {homes[event.path]} too; a file is one recording, of one set"
                )
            sets[row["set"]].append(event)
    raise_problems(f"{path} cannot be used", problems)
    return {name: sorted(events, key=lambda event: event.event_id) for name, events in sets.items()}


def without_silent_ends(audio: np.ndarray) -> np.ndarray:
    """A waveform (N,) without the digital silence before its first and behind its last sound.

    Silence is what rounds to zero at 16 bits: resampling leaves less than that around a sound's end.
    """
    sounding = np.flatnonzero(np.abs(audio) > 0.5 / INT16_SCALE)
    return audio[sounding[0] : sounding[-1] + 1] if len(sounding) else audio[:0]


@lru_cache(maxsize=1)  # the events of a file come one after another: for each of thousands it was read anew
def _whole(path: Path, sample_rate: int, accept_truncated: bool) -> np.ndarray:
    return read_any(path, sample_rate, accept_truncated)


def load_part(event: SourceEvent, sample_rate: int, trim: bool, accept_truncated: bool) -> np.ndarray:
    """One event, float32 (N,), mean of the channels, resampled."""
    assert event.path is not None
    audio = _whole(event.path, sample_rate, accept_truncated)
    if event.span_s is not None:
        start, stop = (seconds_to_samples(second, sample_rate) for second in event.span_s)
        if start >= len(audio):
            raise UserError(
                f"{event.path}: {len(audio) / sample_rate:.3f} s long; its table says {event.span_s[0]} s on"
            )
        audio = audio[start:stop]
    return without_silent_ends(audio) if trim else audio


def open_table(config: TableConfig, db: Path | None) -> Corpus:
    """The corpus that a table in the folder `db` describes.

    Raises:
        UserError: no folder was given; see also ``read_events``.
    """
    if db is None:
        raise UserError(f"no folder of the table of events: {HOW_TO_GIVE}")
    load = partial(load_part, trim=config.trim, accept_truncated=config.accept_truncated)
    return Corpus(read_events(db / config.table, config.classes), load)
