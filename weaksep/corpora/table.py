"""Any corpus, as a table of its events: what a recipe's local/data.sh writes.

    filename  class  set  [recording]  [onset  offset]       (tab-separated, with this header)

``filename`` is relative to the table's folder, or absolute; ids are made of it. ``set`` is train, valid or test.
``recording`` says which lines were recorded together, and must not be on two sides of the split; without it each file
is a recording. With ``onset`` and ``offset`` (seconds) a line is that part of the file, so that one file may hold many
events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.corpora.config import TableConfig
from weaksep.corpora.event import SETS, SourceEvent
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.audio import INT16_SCALE, read_any
from weaksep.fileio.tables import id_problem, plain_id, read_tsv, to_float
from weaksep.signal.units import seconds_to_samples

COLUMNS = ("filename", "class", "set")
HOW_TO_GIVE = "a recipe's local/data.sh writes it, or give its folder by --db"


@dataclass(frozen=True)
class Line:
    """One line of the table: an event and its place in the file, seconds (None: all of it)."""

    event: SourceEvent
    set_name: str
    span_s: tuple[float, float] | None


def event_name(filename: str) -> str:
    """A file's part of an event's id: its path without suffix, and of an absolute one just folder and name.

    >>> event_name("dogs/a 1.wav"), event_name("/data/somewhere/dogs/a 1.wav")
    ('dogs_a_1', 'dogs_a_1')
    """
    path = Path(filename).with_suffix("")
    return plain_id("/".join(path.parts[-2:]).lstrip("/") if path.is_absolute() else str(path))


def _span(row: dict[str, str]) -> tuple[float, float] | None:
    texts = [row.get(name, "") for name in ("onset", "offset")]
    if texts == ["", ""]:
        return None
    try:
        onset_s, offset_s = map(to_float, texts)
    except ValueError:
        raise ValueError(f"onset {texts[0]!r}, offset {texts[1]!r} are not seconds") from None
    if not 0 <= onset_s < offset_s:
        raise ValueError(f"onset {texts[0]} to offset {texts[1]} is no span of time")
    return onset_s, offset_s


def _line(row: dict[str, str], folder: Path, number: int) -> Line:
    """One line; ValueError says what is wrong with it."""
    if row["set"] not in SETS:
        raise ValueError(f"set {row['set']!r} is none of {', '.join(SETS)}")
    if not row["filename"] or not row["class"]:
        raise ValueError("filename or class is empty")
    span = _span(row)
    name = event_name(row["filename"])
    recording = plain_id(row.get("recording") or name)
    event_id = recording if recording == name else f"{recording}-{name}"
    event_id += "" if span is None else f"-{number:06d}"
    problem = id_problem(event_id)
    if problem:
        raise ValueError(f"{event_id!r} cannot be an id: {problem}")
    duration_s = None if span is None else span[1] - span[0]
    event = SourceEvent(event_id, row["class"], recording, 0, 1, folder / row["filename"], duration_s)
    return Line(event, row["set"], span)


def _on_both_sides(lines: Sequence[Line], path: Path) -> list[str]:
    sets: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        sets[line.event.recording_id].add(line.set_name)
    return [
        f"{path}: recording {recording} is in {' and '.join(name for name in SETS if name in names)}"
        for recording, names in sets.items()
        if len(names) > 1
    ]


def read_events(path: Path, classes: Sequence[str]) -> list[Line]:
    """Lines of the table whose class is wanted. Opens no audio.

    Raises:
        UserError: no table, or listing every line that cannot be right.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such table of events ({HOW_TO_GIVE})")
    lines: dict[str, Line] = {}
    problems = []
    for number, row in enumerate(read_tsv(path, COLUMNS), start=2):
        if row["class"] not in classes and row["class"]:
            continue
        try:
            line = _line(row, path.parent, number)
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
            continue
        other = lines.setdefault(line.event.event_id, line).event
        if lines[line.event.event_id] is not line:
            same = other.path == line.event.path
            mend = "give onset and offset of each" if same else "give each a recording of its own (column recording)"
            problems.append(f"{path}:{number}: {row['filename']} would have the id of {other.path}; {mend}")
    found = Counter((line.set_name, line.event.class_name) for line in lines.values())
    if not problems:
        problems = [f"{path}: no event of class {c} in {s}" for c in classes for s in SETS if not found[s, c]]
    raise_problems(f"{path} cannot be used", problems + _on_both_sides(list(lines.values()), path))
    return list(lines.values())


def without_silent_ends(audio: np.ndarray) -> np.ndarray:
    """A waveform (N,) without the digital silence before its first and behind its last sound.

    Silence is what rounds to zero at 16 bits: resampling leaves less than that around a sound's end.
    """
    sounding = np.flatnonzero(np.abs(audio) > 0.5 / INT16_SCALE)
    return audio[sounding[0] : sounding[-1] + 1] if len(sounding) else audio[:0]


@dataclass(frozen=True)
class TableCorpus:
    """See the module. Made by :func:`open_table`."""

    config: TableConfig
    lines: dict[str, Line]

    def sets(self) -> dict[str, list[SourceEvent]]:
        """Events by set, sorted by id."""
        found: dict[str, list[SourceEvent]] = {name: [] for name in SETS}
        for event_id in sorted(self.lines):
            line = self.lines[event_id]
            found[line.set_name].append(line.event)
        return found

    def load(self, event: SourceEvent, sample_rate: int) -> np.ndarray:
        """One event, float32 (N,), mean of the channels, resampled."""
        assert event.path is not None
        audio = read_any(event.path, sample_rate, self.config.accept_truncated)
        span = self.lines[event.event_id].span_s
        if span is not None:
            start, stop = (seconds_to_samples(second, sample_rate) for second in span)
            if start >= len(audio):
                raise UserError(f"{event.path}: {len(audio) / sample_rate:.3f} s long; its table says {span[0]} s on")
            audio = audio[start:stop]
        return without_silent_ends(audio) if self.config.trim else audio


def open_table(config: TableConfig, db: Path | None) -> TableCorpus:
    """The corpus that a table in the folder `db` describes.

    Raises:
        UserError: no folder was given; see also ``read_events``.
    """
    if db is None:
        raise UserError(f"no folder of the table of events: {HOW_TO_GIVE}")
    lines = read_events(db / config.table, config.classes)
    return TableCorpus(config, {line.event.event_id: line for line in lines})
