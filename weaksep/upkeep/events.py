"""Timed events of the clips, events.tsv: read leniently, checked against the clips, their lengths and their labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from weaksep.fileio.datadir import EVENT_COLUMNS, TIMED_NAME
from weaksep.fileio.tables import to_float
from weaksep.upkeep.durations import MAX_S, durations
from weaksep.upkeep.folder import Folder
from weaksep.upkeep.labels import clip_classes
from weaksep.upkeep.problems import Problem

NAME = "events.tsv"
# Times are written to a tenth of a microsecond; this is under half a sample at any audio rate.
TOLERANCE_S = 1e-5


@dataclass(frozen=True)
class EventRow:
    """A row whose times are numbers."""

    line: int
    cells: tuple[str, ...]
    utt: str
    onset_s: float
    offset_s: float
    label: str

    @property
    def order(self) -> tuple[str, float, float, str]:
        """What the rows are sorted by."""
        return self.utt, self.onset_s, self.offset_s, self.label


@dataclass(frozen=True)
class EventFile:
    """events.tsv.

    Attributes:
        header: its columns; empty when they are not those that are needed.
        rows: the rows that say something, in the file's order.
        others: (line, text) of all further lines but the empty ones.
        problems: of its lines by themselves.
    """

    header: tuple[str, ...] = ()
    rows: list[EventRow] = field(default_factory=list)
    others: list[tuple[int, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_events(folder: Folder) -> EventFile:
    """Read a folder's events.tsv."""
    text, problems = folder.read_text(NAME)
    if text is None:
        return EventFile(problems=problems)
    if not text.lines:
        return EventFile(problems=[*problems, folder.problem(NAME, None, "empty", folder.stage)])
    (first, names), *lines = text.lines
    header = tuple(names.split("\t"))
    missing = [column for column in EVENT_COLUMNS if header.count(column) != 1]
    if first != 1 or missing:
        what = f"the first line must name each of the columns {', '.join(EVENT_COLUMNS)} once, found {names!r}"
        return EventFile(problems=[*problems, folder.problem(NAME, 1, what, folder.stage)])
    events = EventFile(header, problems=problems)
    for number, line in lines:
        if not line.strip():
            problems.append(folder.problem(NAME, number, "an empty line", folder.fix))
            continue
        try:
            events.rows.append(_row(number, line, header))
        except ValueError as error:
            events.others.append((number, line))
            problems.append(folder.problem(NAME, number, str(error), folder.stage))
    return events


def _row(number: int, line: str, header: tuple[str, ...]) -> EventRow:
    """One row. ValueError says what is wrong with it."""
    cells = tuple(line.split("\t"))
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells, the header has {len(header)}")
    name, onset, offset, label = (cells[header.index(column)] for column in EVENT_COLUMNS)
    try:
        onset_s, offset_s = to_float(onset), to_float(offset)
    except ValueError as error:
        raise ValueError(f"onset and offset must be seconds: {error}") from None
    if not max(abs(onset_s), abs(offset_s)) <= MAX_S:
        raise ValueError(f"onset and offset must be seconds of a clip, found {onset} and {offset}")
    return EventRow(number, cells, name.removesuffix(".wav"), onset_s, offset_s, label)


def check_events(folder: Folder, events: EventFile) -> Iterator[Problem]:
    """All that is wrong with the rows, and between them and the other tables."""
    yield from events.problems
    lengths = durations(folder)
    for row in events.rows:
        yield from _check_row(folder, row, lengths)
    late = [row for before, row in zip(events.rows, events.rows[1:], strict=False) if row.order < before.order]
    if late:
        what = f"not sorted by filename, onset, offset and class (lines that come too late: {len(late)})"
        yield folder.problem(NAME, late[0].line, what, folder.fix)
    if events.header:
        yield from _check_labels(folder, events)


def _check_row(folder: Folder, row: EventRow, lengths: dict[str, float]) -> Iterator[Problem]:
    clips, known = folder.wav.entries, folder.labels.lines
    length_s = lengths.get(row.utt, math.inf)
    span = f"{row.utt}: an event from {row.onset_s:g} to {row.offset_s:g} s"
    if clips and row.utt not in clips:
        yield folder.problem(NAME, row.line, f"{row.utt!r} is no clip of wav.scp", folder.fix)
    if known and row.label not in known:
        yield folder.problem(NAME, row.line, f"class {row.label!r} is not in labels.txt", folder.stage)
    if row.offset_s <= row.onset_s:
        yield folder.problem(NAME, row.line, f"{span} ends before it begins", folder.stage)
    elif row.onset_s < 0 or row.offset_s > length_s + TOLERANCE_S:
        yield folder.problem(NAME, row.line, f"{span} leaves its clip of {length_s:g} s", folder.fix)


def _check_labels(folder: Folder, events: EventFile) -> Iterator[Problem]:
    """Clip labels are the classes of the events, no more and no less."""
    found: dict[str, set[str]] = {}
    for row in events.rows:
        found.setdefault(row.utt, set()).add(row.label)
    table = folder.table("utt2labels")
    timed = folder.listed(TIMED_NAME)
    for utt, names in clip_classes(folder).items():
        if timed is not None and utt not in timed:
            continue
        if set(names) != found.get(utt, set()) and utt in folder.wav.entries:
            what = f"{utt} is labelled {table.entries[utt].value}, its events are of {_listed(found.get(utt, set()))}"
            yield folder.problem("utt2labels", table.entries[utt].line, what, folder.stage)


def _listed(names: set[str]) -> str:
    return ",".join(sorted(names)) or "no class"
