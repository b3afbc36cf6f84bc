"""What label files say, whatever their format: one entry for each stretch of a recording that was listened to."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from weaksep.errors import raise_problems
from weaksep.fileio.datadir import MAX_EVENT_S, EventLabel
from weaksep.fileio.tables import to_float

# What others call the sets. "eval" is what a corpus keeps for the end; for "dev" see ``dev_meaning``.
SET_NAMES = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["dev", "development"], "dev"),
    **dict.fromkeys(["valid", "val", "validation"], "valid"),
    **dict.fromkeys(["test", "testing", "eval", "evaluation"], "test"),
}


@dataclass(frozen=True)
class Entry:
    """A recording, or a stretch of it, of which a label file speaks.

    Attributes:
        place: "file:line", for messages.
        names: what the file may be called, the likeliest first; without suffix any will do.
        whole_names: what it may be called, after those, where it may hold more than the stretch.
        span_s: the stretch; None for all of it.
        recording: what was recorded together and must not lie on two sides of the split.
        set_name: train, valid or test, where the label file says so; or dev, see ``dev_meaning``.
    """

    place: str
    names: tuple[str, ...]
    whole_names: tuple[str, ...] = field(default=(), kw_only=True)
    span_s: tuple[float, float] | None = field(default=None, kw_only=True)
    recording: str | None = field(default=None, kw_only=True)
    set_name: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Tagged(Entry):
    """The clip labels of a recording, or of a stretch of it.

    Attributes:
        tags: as the label file spells them.
    """

    tags: tuple[str, ...]


@dataclass(frozen=True)
class Timed(Entry):
    """Everything that happens in a recording, or in a stretch of it, with its times.

    Attributes:
        events: by the label file's names; times are those of the file, or of the stretch where there is one.
    """

    events: tuple[EventLabel, ...]


AnyEntry = TypeVar("AnyEntry", bound=Entry)


def agreed(entries: Sequence[Entry], name: str) -> tuple[str | None, str | None]:
    """Recording and set by the entries of one file, of which some may not say. ValueError when two differ."""
    found: list[str | None] = []
    for what in ("recording", "set_name"):
        said = [(value, entry.place) for entry in entries if (value := getattr(entry, what)) is not None]
        for value, place in said:
            if value != said[0][0]:
                first, before = said[0]
                column = what.removesuffix("_name")
                raise ValueError(f"{place}: {name} has the {column} {value}, at {before} {first}; leave one of them")
        found.append(said[0][0] if said else None)
    return found[0], found[1]


def dev_meaning(named: set[str | None]) -> str:
    """The set that others call dev, by all the sets that the label files name.

    To Kaldi and ESPnet, with train and test beside it, it is what they validate with; to DCASE and FSD50K, with eval
    beside it, all that is not kept for the end.

    >>> dev_meaning({"train", "dev", "test"}), dev_meaning({"dev", "test"})
    ('valid', 'train')
    """
    return "valid" if "train" in named and "valid" not in named else "train"


def settle_dev(entries: Sequence[AnyEntry], named: set[str | None]) -> list[AnyEntry]:
    """Entries with what dev means, see ``dev_meaning``, in its place."""
    return [replace(entry, set_name=dev_meaning(named)) if entry.set_name == "dev" else entry for entry in entries]


def set_of(text: str) -> str | None:
    """A set by any of its usual names; None for an empty cell. ValueError for anything else.

    >>> set_of("val"), set_of("")
    ('valid', None)
    """
    if not text:
        return None
    try:
        return SET_NAMES[text.lower()]
    except KeyError:
        raise ValueError(f"set {text!r} is none of {', '.join(SET_NAMES)}") from None


def csv_cells(path: Path, lines: Sequence[str], *, blanks: bool = False) -> list[list[str]]:
    """The cells of each line of a CSV file; a row is a line, so that a quote left open does not swallow others.

    Args:
        path: for messages.
        lines: of the file.
        blanks: they may stand around cells.

    Raises:
        UserError: listing every line whose quotes are wrong.
    """
    cells: list[list[str]] = []
    problems = []
    for number, line in enumerate(lines, start=1):
        text = line.strip() if blanks else line
        try:
            cells += list(csv.reader([text], strict=True, skipinitialspace=blanks))
        except csv.Error as error:
            problems.append(f"{path}:{number}: no CSV ({error}); a cell's quotes begin and end it, on one line")
    raise_problems(f"{path} is not a valid CSV file", problems)
    return cells


def span_of(onset: str, offset: str) -> tuple[float, float]:
    """Onset and offset in seconds. ValueError when they are no span of time."""
    try:
        onset_s, offset_s = to_float(onset.strip()), to_float(offset.strip())
    except ValueError:
        raise ValueError(f"onset {onset!r}, offset {offset!r} are not seconds") from None
    if not 0 <= onset_s < offset_s <= MAX_EVENT_S:
        raise ValueError(f"onset {onset} to offset {offset} is no span of time")
    return onset_s, offset_s


def tags_of(text: str) -> tuple[str, ...]:
    """Names in a cell, parted by commas.

    >>> tags_of("Speech, Dog,,Speech")
    ('Speech', 'Dog')
    """
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def plain(tag: str) -> str:
    """A tag as the name of a class: what is no letter or digit becomes _.

    >>> plain("Walk, footsteps"), plain("/m/09x0r")
    ('Walk_footsteps', 'm_09x0r')
    """
    return re.sub(r"[\W_]+", "_", tag).strip("_")


def class_of(tag: str, rename: dict[str, str]) -> str:
    """The class that a tag of the label files stands for."""
    return rename.get(tag) or plain(tag)


def all_classes(tags: Iterable[str], rename: dict[str, str]) -> list[str]:
    """Classes of all tags, sorted."""
    return sorted({class_of(tag, rename) for tag in tags} - {""})
