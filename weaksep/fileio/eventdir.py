"""A folder of isolated events, data/events/<set>: what mixtures are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from weaksep.fileio.atomic import write_text
from weaksep.fileio.datadir import SECONDS
from weaksep.fileio.tables import invert, write_table

EVENT_TABLES = ("wav.scp", "utt2class", "utt2spk", "spk2utt", "utt2dur", "labels.txt")


def event_path(event_id: str) -> str:
    """Path of an event's file inside its folder."""
    return f"audio/{event_id}.wav"


def write_event_tables(
    folder: Path,
    classes: Iterable[str],
    utt2class: Mapping[str, str],
    utt2spk: Mapping[str, str],
    lengths_s: Mapping[str, float],
) -> None:
    """Write all tables, wav.scp last: a folder with a wav.scp is complete.

    Args:
        classes: in the order of the class axis.
        utt2class: event id -> class.
        utt2spk: event id -> the recording that it was cut from.
        lengths_s: event id -> its length in seconds.
    """
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in classes))
    write_table(folder / "utt2class", utt2class)
    write_table(folder / "utt2spk", utt2spk)
    write_table(folder / "spk2utt", invert(utt2spk))
    write_table(folder / "utt2dur", {event: f"{length:{SECONDS}}" for event, length in lengths_s.items()})
    write_table(folder / "wav.scp", {event: event_path(event) for event in utt2class})
