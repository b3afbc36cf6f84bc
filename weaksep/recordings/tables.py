"""Label files with a header: DCASE's TSV files, FSD50K's CSV files and their like.

Clip labels, a line a recording or a line a label:

    filename  event_labels [set] [recording]         event_labels: "Speech,Dog"
    fname,labels,mids,split                          (FSD50K)

Events, a line an event; a recording with a line that has no times has no event at all:

    filename  onset  offset  event_label             (DCASE, strong labels)
    segment_id  start_time_seconds  end_time_seconds  label   (AudioSet, strong labels)

Columns are found by any of the names below, in any order; tabs part the cells of .tsv and .txt files, commas those of
.csv files, where quotes may hold commas.
"""

from __future__ import annotations

import csv
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import EventLabel
from weaksep.fileio.tables import read_lines
from weaksep.recordings.labels import Tagged, Timed, set_of, span_of, tags_of

COLUMNS = {
    "filename": ("filename", "file", "fname", "audio_filename", "segment_id"),
    "labels": ("event_labels", "event_label", "labels", "label", "tags", "classes", "class"),
    "onset": ("onset", "start", "start_time_seconds", "start_time", "onset_s"),
    "offset": ("offset", "end", "end_time_seconds", "end_time", "offset_s"),
    "set": ("set", "split", "subset"),
    "recording": ("recording", "recording_id"),
}

Row = dict[str, str]


def read_rows(path: Path) -> tuple[set[str], list[tuple[int, Row]]]:
    """The columns of a table by the keys of COLUMNS, and its lines as (line number, cells by these keys).

    Raises:
        UserError: the file cannot be read, has no column of file names or of labels, or (all at once) lines with
            another number of cells than its header.
    """
    lines = read_lines(path)
    cells = list(csv.reader(lines)) if path.suffix.lower() == ".csv" else [line.split("\t") for line in lines]
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
    return set(there), [(number, {key: row[place].strip() for key, place in there.items()}) for number, row in rows]


def read_tags(path: Path) -> list[Tagged]:
    """Clip labels of a table; lines about one recording are taken together.

    Raises:
        UserError: see ``read_rows``; it is a table of events; or (all at once) lines without a file name or with an
            unknown set.
    """
    found: dict[str, Tagged] = {}
    problems = []
    columns, rows = read_rows(path)
    if "onset" in columns:
        raise UserError(f"{path}:1: has onsets: a table of events; give it by --events (or events:)")
    for number, row in rows:
        place = f"{path}:{number}"
        name = row["filename"]
        try:
            set_name = set_of(row.get("set", ""))
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if not name:
            problems.append(f"{place}: no file name")
            continue
        before = found.get(name, Tagged(place, (name,), (), None, row.get("recording") or None, set_name))
        if before.set_name != set_name:
            problems.append(f"{place}: {name} in {set_name}, before in {before.set_name}")
        tags = tuple(dict.fromkeys([*before.tags, *tags_of(row["labels"])]))
        found[name] = Tagged(before.place, before.names, tags, None, before.recording, before.set_name)
    raise_problems(f"{path} cannot be used", problems)
    return list(found.values())


def read_events(path: Path) -> list[Timed]:
    """Events of a table, by recording.

    Raises:
        UserError: see ``read_rows``; it has no times; or (all at once) lines whose times are none.
    """
    events: dict[str, list[EventLabel]] = {}
    places: dict[str, str] = {}
    problems = []
    columns, rows = read_rows(path)
    if not {"onset", "offset"} <= columns:
        raise UserError(f"{path}:1: no columns onset and offset: clip labels; give it by --clip-labels")
    for number, row in rows:
        place = f"{path}:{number}"
        name = row["filename"]
        if not name:
            problems.append(f"{place}: no file name")
            continue
        places.setdefault(name, place)
        own = events.setdefault(name, [])
        if not row["onset"] and not row["offset"] and not row["labels"]:
            continue  # listened to, and nothing was heard
        try:
            onset_s, offset_s = span_of(row["onset"], row["offset"])
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if not row["labels"]:
            problems.append(f"{place}: an event without a label")
            continue
        own.append(EventLabel(onset_s, offset_s, row["labels"]))
    raise_problems(f"{path} cannot be used", problems)
    return [Timed(places[name], (name,), tuple(own)) for name, own in events.items()]
