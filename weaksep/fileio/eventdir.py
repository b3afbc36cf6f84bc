"""A folder of isolated events, data/events/<set>: what mixtures are drawn from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from weaksep.fileio.atomic import write_text
from weaksep.fileio.datadir import SECONDS
from weaksep.fileio.tables import invert, write_table

logger = logging.getLogger(__name__)

EVENT_TABLES = ("wav.scp", "utt2class", "utt2spk", "spk2utt", "utt2dur", "labels.txt")


def event_path(event_id: str) -> str:
    """Path of an event's file inside its folder."""
    return f"audio/{event_id}.wav"


def write_event_tables(
    folder: Path,
    classes: Sequence[str],
    utt2class: Mapping[str, str],
    utt2spk: Mapping[str, str],
    lengths_s: Mapping[str, float],
) -> None:
    """Write all tables, wav.scp last (a folder with a wav.scp is complete), and log what the events are like.

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
    recordings = {name: [utt2spk[event] for event in utt2class if utt2class[event] == name] for name in classes}
    told = ", ".join(f"{name} {len(own)} ({len(set(own))})" for name, own in recordings.items())
    total_s = sum(lengths_s.values())
    logger.info("%s: %d events, %.0f s; events (recordings) by class: %s", folder, len(utt2class), total_s, told)
