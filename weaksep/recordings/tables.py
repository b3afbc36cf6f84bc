"""Label files with a header: DCASE's TSV files, FSD50K's CSV files and their like.

Clip labels, a line a recording or a line a label:

    filename  event_labels [set] [recording]                  event_labels: "Speech,Dog"
    fname,labels,mids,split                          (FSD50K)

Events, a line an event; a recording with a line that has no times has no event at all:

    filename  onset  offset  event_label [set] [recording]    (DCASE, strong labels)
    segment_id  start_time_seconds  end_time_seconds  label   (AudioSet, strong labels)

Columns are found by any of the names below, in any order. Tabs separate the cells or, where the first line has none,
commas or semicolons, whatever the file is called; a cell that holds a comma between commas stands in quotes:
"Speech,Dog". An AudioSet id in a column segment_id stands for the segment's audio, whatever its downloader calls it;
its events have the segment's times.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from sys import intern
from typing import NamedTuple

from weaksep.errors import UserError, count, noted, raise_problems, refuse
from weaksep.fileio.datadir import EventLabel
from weaksep.fileio.tables import read_lines, to_span
from weaksep.recordings.audioset import of_segment_id
from weaksep.recordings.labels import SEPARATORS, Entry, check_separator, csv_cells, join, labels_of, set_of

SEGMENT_ID = "segment_id"
COLUMNS = {
    "filename": ("filename", "file", "fname", "audio_filename", SEGMENT_ID),
    "labels": ("event_labels", "event_label", "labels", "label", "tags", "classes", "class"),
    "onset": ("onset", "start", "start_time_seconds", "start_time", "onset_s"),
    "offset": ("offset", "end", "end_time_seconds", "end_time", "offset_s"),
    "set": ("set", "split", "subset"),
    "recording": ("recording", "recording_id"),
}


def read_table(path: Path, timed: bool) -> list[Entry]:
    """One entry for each recording of a table.

    Args:
        timed: it is a table of events, not of clip labels.

    Raises:
        UserError: the file cannot be read, lacks a column or is of the other kind; or (all at once) lines that are no
            CSV, have another number of cells than the header, no file name, an unknown set, wrong times, or another
            set or recording than a line before.
    """
    first, *rows = read_lines(path) or [""]
    separator = next((sign for sign in SEPARATORS if sign in first), "\t")
    split: Callable[[str], list[str]] = (
        (lambda line: line.split("\t")) if separator == "\t" else partial(csv_cells, separator=separator)
    )
    try:
        header = [name.strip().lower() for name in split(first)]
    except ValueError as error:
        raise UserError(f"{path}:1: {error}") from None
    columns = _columns(path, header, timed)
    check_separator(path, rows, separator)
    by_name: dict[str, list[_Line]] = defaultdict(list)
    problems: list[str] = []
    ragged: list[str] = []  # lines with too many or too few cells, mostly for one reason: they are told as one
    for number, line in enumerate(rows, start=2):
        try:
            cells = split(line)
            if not any(cells):
                continue
            if len(cells) != len(header):
                ragged.append(f"{path}:{number}: {len(cells)} cells, the header has {len(header)}")
                continue
            row = {key: cells[column].strip() for key, column in columns.items()}
            said = _line(number, row, timed)
            by_name[row["filename"]].append(said)
        except ValueError as error:  # not noted(): a context for each of a million lines takes as long as the rest
            problems.append(f"{path}:{number}: {error}")
    if ragged:
        more = f", and so on in {count(len(ragged) - 1, 'line')} below" if len(ragged) > 1 else ""
        hint = "" if separator == "\t" else f'; a cell that holds a {separator} stands in quotes: "Speech,Dog"'
        problems.append(f"{ragged[0]} (read as separated by {SEPARATORS[separator]}){more}{hint}")
    joined = []
    for name, lines in by_name.items():
        with noted(problems):
            joined.append(join([line.entry(path, name) for line in lines], name))
        lines.clear()  # or a million lines would be held twice
    raise_problems(f"{path} cannot be used", problems)
    return [of_segment_id(entry) for entry in joined] if header[columns["filename"]] == SEGMENT_ID else joined


def _columns(path: Path, header: Sequence[str], timed: bool) -> dict[str, int]:
    """Where a table has the columns of COLUMNS."""
    found = {key: [header.index(name) for name in names if name in header] for key, names in COLUMNS.items()}
    lacking = " and ".join(" or ".join(COLUMNS[key]) for key in ("filename", "labels") if not found[key])
    times = found["onset"] and found["offset"]
    refuse(
        {
            f"{path}: empty; its first line must name its columns": not any(header),
            f"{path}:1: no column {lacking}; found {', '.join(header)}": lacking,
            f"{path}:1: no columns onset and offset: clip labels; give it by --clip-labels": timed and not times,
            f"{path}:1: has onsets: a table of events; give it by --events (or events:)": not timed and found["onset"],
        },
        UserError,
    )
    return {key: places[0] for key, places in found.items() if places}


class _Line(NamedTuple):
    """What a line says of its recording: little, since AudioSet's strong labels have a million."""

    number: int
    clip_labels: tuple[str, ...] | None
    events: tuple[EventLabel, ...] | None
    recording: str | None
    set_name: str | None

    def entry(self, path: Path, name: str) -> Entry:
        """The line as an entry of the recording ``name``."""
        place, labels = f"{path}:{self.number}", (self.clip_labels, self.events)
        return Entry(place, (name,), *labels, recording=self.recording, set_name=self.set_name)


def _line(number: int, row: Mapping[str, str], timed: bool) -> _Line:
    """A line by its cells. ValueError when it cannot be right."""
    if not row["filename"]:
        raise ValueError("no file name")
    labels, events = (None, _events(row)) if timed else (labels_of(row["labels"]), None)
    return _Line(number, labels, events, row.get("recording") or None, set_of(row.get("set", "")))


def _events(row: Mapping[str, str]) -> tuple[EventLabel, ...]:
    if not (row["onset"] or row["offset"] or row["labels"]):
        return ()  # listened to, and nothing was heard
    span_s = to_span(row["onset"], row["offset"])
    if not row["labels"]:
        raise ValueError("an event without a label")
    return (EventLabel(*span_s, intern(row["labels"])),)
