"""Label files with a header: DCASE's TSV files, FSD50K's CSV files and their like.

Clip labels, a line a recording or a line a label:

    filename  event_labels [set] [recording]                  event_labels: "Speech,Dog"
    fname,labels,mids,split                          (FSD50K)

Events, a line an event; a recording with a line that has no times has no event at all:

    filename  onset  offset  event_label [set] [recording]    (DCASE, strong labels)
    segment_id  start_time_seconds  end_time_seconds  label   (AudioSet, strong labels)

Columns are found by any of the names below, in any order; tabs part the cells of .tsv and .txt files, commas those of
.csv files, where quotes may hold commas. An AudioSet id in a column segment_id stands for the segment's audio, whatever
its downloader calls it; its events have the segment's times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import EventLabel
from weaksep.fileio.tables import read_lines
from weaksep.recordings.audioset import file_names, segment_of, video_names
from weaksep.recordings.labels import Entry, Tagged, Timed, agreed, csv_cells, set_of, span_of, tags_of

SEGMENT_ID = "segment_id"
COLUMNS = {
    "filename": ("filename", "file", "fname", "audio_filename", SEGMENT_ID),
    "labels": ("event_labels", "event_label", "labels", "label", "tags", "classes", "class"),
    "onset": ("onset", "start", "start_time_seconds", "start_time", "onset_s"),
    "offset": ("offset", "end", "end_time_seconds", "end_time", "offset_s"),
    "set": ("set", "split", "subset"),
    "recording": ("recording", "recording_id"),
}

Row = dict[str, str]


def read_rows(path: Path) -> tuple[set[str], list[tuple[int, Row]]]:
    """The columns of a table by the keys of COLUMNS, and its lines as (line number, cells by these keys).

    SEGMENT_ID is among the columns where it is what names the files.

    Raises:
        UserError: the file cannot be read, is no CSV, has no column of file names or of labels, or (all at once) lines
            with another number of cells than its header.
    """
    lines = read_lines(path)
    cells = csv_cells(path, lines) if path.suffix.lower() == ".csv" else [line.split("\t") for line in lines]
    if not cells:
        raise UserError(f"{path}: empty; its first line must name its columns")
    header = [name.strip().lower() for name in cells[0]]
    places = {
        key: next((header.index(name) for name in names if name in header), None) for key, names in COLUMNS.items()
    }
    missing = [COLUMNS[key] for key in ("filename", "labels") if places[key] is None]
    if missing:
        raise UserError(f"{path}:1: no column {' or '.join(missing[0])}; found {', '.join(header)}")
    rows = [(number, row) for number, row in enumerate(cells[1:], start=2) if any(row)]
    odd = [(number, len(row)) for number, row in rows if len(row) != len(header)]
    wrong = [f"{path}:{number}: {size} cells, the header has {len(header)}" for number, size in odd]
    raise_problems(f"{path} is not a valid table", wrong)
    there = {key: place for key, place in places.items() if place is not None}
    columns = {*there, *({SEGMENT_ID} if header[there["filename"]] == SEGMENT_ID else ())}
    return columns, [(number, {key: row[place].strip() for key, place in there.items()}) for number, row in rows]


def _entry(place: str, row: Row) -> Entry:
    """What a line says of its recording. ValueError without a file name or with an unknown set."""
    if not row["filename"]:
        raise ValueError("no file name")
    set_name = set_of(row.get("set", ""))
    return Entry(place, (row["filename"],), recording=row.get("recording") or None, set_name=set_name)


def _joined(lines: Mapping[str, Sequence[Entry]], segments: bool, problems: list[str]) -> dict[str, Entry]:
    """One entry for all lines about a recording; lines that differ are added to the problems.

    Args:
        lines: by the recordings' names.
        segments: these may be AudioSet's ids.
        problems: of the table.
    """
    joined = {}
    for name, own in lines.items():
        try:
            recording, set_name = agreed(own, name)
        except ValueError as error:
            problems.append(str(error))
            continue
        entry = replace(own[0], recording=recording, set_name=set_name)
        segment = segment_of(name) if segments else None
        if segment is not None:
            video, span_s = segment
            names, whole = file_names(video, *span_s), video_names(video)
            entry = replace(entry, names=names, whole_names=whole, span_s=span_s, recording=recording or video)
        joined[name] = entry
    return joined


def read_tags(path: Path) -> list[Tagged]:
    """Clip labels of a table; lines about one recording are taken together.

    Raises:
        UserError: see ``read_rows``; it is a table of events; or (all at once) lines without a file name, with an
            unknown set, or with another set or recording than a line before.
    """
    lines: dict[str, list[Entry]] = {}
    tags: dict[str, list[str]] = {}
    problems: list[str] = []
    columns, rows = read_rows(path)
    if "onset" in columns:
        raise UserError(f"{path}:1: has onsets: a table of events; give it by --events (or events:)")
    for number, row in rows:
        place = f"{path}:{number}"
        try:
            entry = _entry(place, row)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        lines.setdefault(row["filename"], []).append(entry)
        tags.setdefault(row["filename"], []).extend(tags_of(row["labels"]))
    joined = _joined(lines, SEGMENT_ID in columns, problems)
    raise_problems(f"{path} cannot be used", problems)
    return [Tagged(**vars(entry), tags=tuple(dict.fromkeys(tags[name]))) for name, entry in joined.items()]


def read_events(path: Path) -> list[Timed]:
    """Events of a table, by recording.

    Raises:
        UserError: see ``read_rows`` and ``read_tags``; it has no times; or (all at once) lines whose times are none.
    """
    lines: dict[str, list[Entry]] = {}
    events: dict[str, list[EventLabel]] = {}
    problems: list[str] = []
    columns, rows = read_rows(path)
    if not {"onset", "offset"} <= columns:
        raise UserError(f"{path}:1: no columns onset and offset: clip labels; give it by --clip-labels")
    for number, row in rows:
        place = f"{path}:{number}"
        try:
            entry = _entry(place, row)
            silent = not (row["onset"] or row["offset"] or row["labels"])  # listened to, and nothing was heard
            span_s = None if silent else span_of(row["onset"], row["offset"])
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        lines.setdefault(row["filename"], []).append(entry)
        own = events.setdefault(row["filename"], [])
        if span_s is None:
            continue
        if not row["labels"]:
            problems.append(f"{place}: an event without a label")
            continue
        own.append(EventLabel(*span_s, row["labels"]))
    joined = _joined(lines, SEGMENT_ID in columns, problems)
    raise_problems(f"{path} cannot be used", problems)
    return [Timed(**vars(entry), events=tuple(events[name])) for name, entry in joined.items()]
