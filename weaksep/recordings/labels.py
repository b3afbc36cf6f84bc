"""What label files say of recordings, whatever their format: entries, and how their cells are read."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.datadir import EventLabel

# What others call the sets. "eval" is what a corpus keeps for the end; for "dev" see ``dev_meaning``.
SET_NAMES = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["dev", "development"], "dev"),
    **dict.fromkeys(["valid", "val", "validation"], "valid"),
    **dict.fromkeys(["test", "testing", "eval", "evaluation"], "test"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a label file says of a recording, or of a stretch of it.

    Attributes:
        place: "file:line", for messages.
        names: what its audio file may be called, the likeliest first; without a suffix, any suffix will do.
        clip_labels: what occurs, as the label file spells it; None where it does not say.
        events: everything that happens, with times of the file, or of the stretch; None where no times are known.
        whole_names: what a file may be called, after ``names``, that may hold more than the stretch.
        span_s: the stretch, from onset to offset; None for the whole file.
        recording: what was recorded together and must stay in one set.
        set_name: train, valid or test, where the label file says so; or dev, see ``dev_meaning``.
    """

    place: str
    names: tuple[str, ...]
    clip_labels: tuple[str, ...] | None = None
    events: tuple[EventLabel, ...] | None = None
    whole_names: tuple[str, ...] = ()
    span_s: tuple[float, float] | None = None
    recording: str | None = None
    set_name: str | None = None


def join(entries: Sequence[Entry], name: str) -> Entry:
    """All that is said of one recording, as one entry. ValueError when two entries give it different groups or sets."""
    labels = [label for entry in entries for label in entry.clip_labels or ()]
    events = [event for entry in entries for event in entry.events or ()]
    return replace(
        entries[0],
        clip_labels=None if all(entry.clip_labels is None for entry in entries) else tuple(dict.fromkeys(labels)),
        events=None if all(entry.events is None for entry in entries) else tuple(events),
        recording=_agreed(name, "recording", [(entry.place, entry.recording) for entry in entries]),
        set_name=_agreed(name, "set", [(entry.place, entry.set_name) for entry in entries]),
    )


def _agreed(name: str, column: str, cells: Sequence[tuple[str, str | None]]) -> str | None:
    """The one value in a column, of which some cells may be empty."""
    said = [(place, value) for place, value in cells if value is not None]
    for place, value in said:
        if value != said[0][1]:
            raise ValueError(f"{place}: {name} has the {column} {value}, at {' '.join(said[0])}; leave one of them")
    return said[0][1] if said else None


def dev_meaning(named: set[str | None]) -> str:
    """The set that others call dev, by all the sets that the label files name.

    To Kaldi and ESPnet, with train and test beside it, it is what they validate with; to DCASE and FSD50K, with eval
    beside it, all that is not kept for the end.

    >>> dev_meaning({"train", "dev", "test"}), dev_meaning({"dev", "test"})
    ('valid', 'train')
    """
    return "valid" if "train" in named and "valid" not in named else "train"


def set_of(text: str) -> str | None:
    """A set by any of its usual names; None for an empty cell. ValueError for anything else.

    >>> set_of("val"), set_of("")
    ('valid', None)
    """
    if text and text.lower() not in SET_NAMES:
        raise ValueError(f"set {text!r} is none of {', '.join(SET_NAMES)}")
    return SET_NAMES.get(text.lower())


def csv_cells(line: str, separator: str = ",", *, blanks: bool = False) -> list[str]:
    """The cells of a line of a CSV file; a row is one line, so that an unclosed quote does not swallow others.

    Args:
        separator: of the cells.
        blanks: they may stand around cells.

    Raises:
        ValueError: the quotes are wrong.
    """
    try:
        lines = [line.strip() if blanks else line]
        return next(csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=blanks))
    except csv.Error as error:
        raise ValueError(f"no CSV ({error}); a cell's quotes begin and end it, on one line") from None


SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}


def check_separator(path: Path, rows: Iterable[str], separator: str) -> None:
    """Refuse a file whose lines are separated in another way than they are read, by one line instead of one for each.

    Args:
        path: for the message.
        rows: its lines below the header.
        separator: that they are read by.

    Raises:
        UserError: in every line another separator comes first, and it is a tab, or no line holds the right one.
    """
    lines = [row for row in rows if row.strip()]
    first = {match[0] if (match := re.search("[\t,;]", line)) else separator for line in lines}
    if len(first) == 1 and separator not in first and ("\t" in first or not any(separator in line for line in lines)):
        other, own = SEPARATORS[first.pop()], SEPARATORS[separator]
        what = f"its lines look separated by {other} and are read as separated by {own}"
        raise UserError(f"{path}: {what}; use the same from the first line on")


def labels_of(text: str) -> tuple[str, ...]:
    """The labels in a cell, separated by commas.

    >>> labels_of("Speech, Dog,,Speech")
    ('Speech', 'Dog')
    """
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
