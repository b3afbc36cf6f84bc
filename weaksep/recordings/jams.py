"""JAMS files: JSON annotations of one recording each, as scaper and many annotation tools write them.

Clip labels come from annotations whose namespace begins with "tag"; events from those of the namespaces "scaper",
"segment_open" and "sound_event", where a value is a label or an object that has one. A file with events needs no clip
labels; one whose annotations are all of other namespaces says nothing of what occurs, while an empty annotation says:
nothing. The recording is that of file_metadata.title or, without it, of the JAMS file's own name.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import EventLabel
from weaksep.fileio.parsed import MAX_WHOLE_BYTES, open_regular
from weaksep.fileio.tables import to_span
from weaksep.recordings.labels import Entry

EVENT_NAMESPACES = ("scaper", "segment_open", "sound_event")
KEYS = ("time", "duration", "value")


def jams_files(path: Path) -> list[Path]:
    """The file, or all JAMS files of a folder."""
    return sorted(path.rglob("*.jams")) if path.is_dir() else [path]


def _observations(annotations: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and observation, of all annotations; a background of scaper is no event, and left out."""
    for annotation in annotations:
        data = annotation.get("data") or []
        if isinstance(data, dict):  # old files write by column
            data = [dict(zip(KEYS, row, strict=True)) for row in zip(*(data[key] for key in KEYS), strict=True)]
        for observation in data:
            value = observation["value"]
            if isinstance(value, dict) and value.get("role") == "background":
                continue
            label = value["label"] if isinstance(value, dict) else value
            if not isinstance(label, str) or not label:
                raise ValueError(f"{label!r} is no label")
            yield label, observation


def _event(label: str, observation: dict[str, Any]) -> EventLabel:
    onset_s, length_s = float(observation["time"]), float(observation["duration"])
    return EventLabel(*to_span(str(onset_s), str(onset_s + length_s)), label)


def _read(path: Path) -> Entry:
    """What a JAMS file says. ValueError and its kin when it is wrong, or has neither clip labels nor events."""
    with open_regular(path, MAX_WHOLE_BYTES) as content:
        whole = json.load(content)
    title = (whole.get("file_metadata") or {}).get("title")
    annotations = [(str(annotation["namespace"]), annotation) for annotation in whole["annotations"]]
    of_clip = [annotation for namespace, annotation in annotations if namespace.startswith("tag")]
    of_events = [annotation for namespace, annotation in annotations if namespace in EVENT_NAMESPACES]
    if not of_clip and not of_events:
        namespaces = ", ".join(dict.fromkeys(namespace for namespace, _ in annotations)) or "none"
        raise ValueError(f"no annotation of either; namespaces: {namespaces}")
    labels = tuple(dict.fromkeys(label for label, _ in _observations(of_clip)))
    events = tuple(_event(*observation) for observation in _observations(of_events))
    names = (str(title), path.stem) if title else (path.stem,)
    return Entry(str(path), names, labels if labels or not of_events else None, events if of_events else None)


def read_jams(path: Path) -> list[Entry]:
    """Clip labels and events of one file or of a folder of them.

    Raises:
        UserError: no JAMS file, or listing every one that is none.
    """
    entries, problems = [], []
    files = jams_files(path)
    if not files:
        raise UserError(f"{path}: no .jams files in this folder")
    for file in files:
        try:
            entries.append(_read(file))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            problems.append(f"{file}: not a JAMS file of clip labels or events ({type(error).__name__}: {error})")
    raise_problems(f"{path} cannot be used", problems)
    return entries
