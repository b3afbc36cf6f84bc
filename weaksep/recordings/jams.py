"""JAMS files: JSON annotations of one recording each, as scaper and many annotation tools write them.

Tags come from annotations whose namespace begins with "tag"; events from those of the namespaces "scaper",
"segment_open" and "sound_event", where a value is a label or an object that has one. A file with events needs no tags;
one whose annotations are all of other namespaces says nothing of what occurs, while an empty annotation says: nothing.
The recording is that of file_metadata.title or, without it, of the JAMS file's own name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import MAX_EVENT_S, EventLabel
from weaksep.fileio.parsed import MAX_WHOLE_BYTES, open_regular
from weaksep.recordings.labels import Tagged, Timed

TAG_NAMESPACE = "tag"  # what their names begin with
EVENT_NAMESPACES = ("scaper", "segment_open", "sound_event")


def jams_files(path: Path) -> list[Path]:
    """The file, or all JAMS files of a folder."""
    return sorted(path.rglob("*.jams")) if path.is_dir() else [path]


def _observations(annotation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Entries of an annotation, which old files write by column."""
    data = annotation.get("data") or []
    if isinstance(data, dict):
        for values in zip(*(data[key] for key in ("time", "duration", "value")), strict=True):
            yield dict(zip(("time", "duration", "value"), values, strict=True))
        return
    yield from data


def _label(value: Any) -> str | None:
    """The label of a value; None for a background of scaper, which is no event."""
    if isinstance(value, dict):
        if value.get("role") == "background":
            return None
        value = value["label"]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no label")
    return value


def _is_ours(namespace: str) -> bool:
    return namespace.startswith(TAG_NAMESPACE) or namespace in EVENT_NAMESPACES


def _read(path: Path) -> tuple[tuple[str, ...], list[str], list[EventLabel] | None]:
    """Names of the recording, tags, and events (None: no annotation of events).

    ValueError and its kin when it is wrong, or has no annotation of either.
    """
    with open_regular(path, MAX_WHOLE_BYTES) as content:
        whole = json.load(content)
    title = (whole.get("file_metadata") or {}).get("title") or ""
    tags: list[str] = []
    events: list[EventLabel] | None = None
    namespaces = [str(annotation["namespace"]) for annotation in whole["annotations"]]
    if not any(map(_is_ours, namespaces)):
        raise ValueError(f"no annotation of either; namespaces: {', '.join(dict.fromkeys(namespaces)) or 'none'}")
    for namespace, annotation in zip(namespaces, whole["annotations"], strict=True):
        if not _is_ours(namespace):
            continue  # its values may be anything
        for entry in _observations(annotation):
            label = _label(entry["value"])
            if label is None:
                continue
            if namespace.startswith(TAG_NAMESPACE):
                tags.append(label)
            else:
                onset_s, length_s = float(entry["time"]), float(entry["duration"])
                if not (0 <= onset_s < onset_s + length_s <= MAX_EVENT_S):
                    raise ValueError(f"an event at {onset_s} s, {length_s} s long")
                events = [*(events or []), EventLabel(onset_s, onset_s + length_s, label)]
        if namespace in EVENT_NAMESPACES:
            events = events or []
    return (str(title), path.stem) if title else (path.stem,), tags, events


def read_jams(path: Path) -> tuple[list[Tagged], list[Timed]]:
    """Tags and events of one file or of a folder of them.

    Raises:
        UserError: no JAMS file, or listing every one that is none.
    """
    tagged, timed, problems = [], [], []
    files = jams_files(path)
    if not files:
        raise UserError(f"{path}: no .jams files in this folder")
    for file in files:
        try:
            names, tags, events = _read(file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            problems.append(f"{file}: not a JAMS file of tags or events ({type(error).__name__}: {error})")
            continue
        if events is not None:
            timed.append(Timed(str(file), names, tuple(events)))
        if tags or events is None:
            tagged.append(Tagged(str(file), names, tuple(dict.fromkeys(tags))))
    raise_problems(f"{path} cannot be used", problems)
    return tagged, timed
