"""A folder of isolated events, data/events/<set>: what mixtures are drawn from."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from weaksep.fileio.datadir import SECONDS
from weaksep.fileio.tables import write_tables

logger = logging.getLogger(__name__)

EVENT_TABLES = ("wav.scp", "utt2class", "utt2spk", "spk2utt", "utt2dur", "labels.txt")
EVENT_AUDIO = ("audio/*.wav", "audio/*.ark")


def write_event_tables(
    folder: Path,
    classes: Sequence[str],
    events: Mapping[str, tuple[str, str, float]],
    entries: Mapping[str, str],
) -> None:
    """Write all tables, wav.scp last (a folder with a wav.scp is complete), and log what the events are like.

    Args:
        classes: in the order of the class axis.
        events: event id -> its class, the recording that it was cut from, its length in seconds.
        entries: where the audio of each is, see ``ClipWriter.write``.
    """
    more = {
        "utt2class": {event: name for event, (name, _, _) in events.items()},
        "utt2dur": {event: f"{length_s:{SECONDS}}" for event, (_, _, length_s) in events.items()},
        "wav.scp": dict(entries),
    }
    write_tables(folder, classes, {event: recording for event, (_, recording, _) in events.items()}, more)
    found = {name: [recording for label, recording, _ in events.values() if label == name] for name in classes}
    told = ", ".join(f"{name} {len(own)} ({len(set(own))})" for name, own in found.items())
    total_s = sum(length_s for _, _, length_s in events.values())
    logger.info("%s: %d events, %.0f s; events (recordings) by class: %s", folder, len(events), total_s, told)
