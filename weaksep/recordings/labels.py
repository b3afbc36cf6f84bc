"""What label files say, whatever their format: one entry for each stretch of a recording that was listened to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from weaksep.fileio.datadir import MAX_EVENT_S, EventLabel
from weaksep.fileio.tables import to_float

# What others call the sets. "eval" is what a corpus keeps for the end.
SET_NAMES = {
    **dict.fromkeys(["train", "training", "dev", "development"], "train"),
    **dict.fromkeys(["valid", "val", "validation"], "valid"),
    **dict.fromkeys(["test", "testing", "eval", "evaluation"], "test"),
}


@dataclass(frozen=True)
class Tagged:
    """The clip labels of a recording, or of a stretch of it.

    Attributes:
        place: "file:line", for messages.
        names: what the file may be called, the likeliest first; without suffix any will do.
        tags: as the label file spells them.
        span_s: the stretch; None for all of it.
        recording: what was recorded together and must not lie on two sides of the split.
        set_name: train, valid or test, where the label file says so.
    """

    place: str
    names: tuple[str, ...]
    tags: tuple[str, ...]
    span_s: tuple[float, float] | None = None
    recording: str | None = None
    set_name: str | None = None


@dataclass(frozen=True)
class Timed:
    """Everything that happens in a recording, with its times.

    Attributes:
        place, names: as for ``Tagged``.
        events: by the label file's names; times are those of the file.
    """

    place: str
    names: tuple[str, ...]
    events: tuple[EventLabel, ...]


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
