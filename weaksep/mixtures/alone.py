"""Pieces of mixtures in which one class is active alone, cut out as events of that class.

Frame labels say when each class is active, so where only one is, the mixture itself is a recording of it. Mixtures of
such pieces have references without anybody having isolated a sound: the baseline that weak training has to beat.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from weaksep.errors import raise_problems
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.datadir import DataDir, EventLabel
from weaksep.fileio.eventdir import EVENT_AUDIO, EVENT_TABLES, write_event_tables
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step
from weaksep.mixtures.config import AloneConfig
from weaksep.signal.level import db_to_gain, rms
from weaksep.signal.units import seconds_to_samples

logger = logging.getLogger(__name__)

FADE_S = 0.005  # at both ends: a cut in the middle of a sound would click


def alone_segments(events: Iterable[EventLabel], min_s: float) -> list[EventLabel]:
    """Stretches of a clip in which exactly one class is active, in the order of time.

    Events of one class that overlap or touch are one stretch.

    >>> dog, horn = EventLabel(0.0, 2.0, "dog"), EventLabel(1.5, 3.0, "horn")
    >>> [(s.onset_s, s.offset_s, s.label) for s in alone_segments([dog, horn], 0.2)]
    [(0.0, 1.5, 'dog'), (2.0, 3.0, 'horn')]
    """
    events = list(events)
    times = sorted({time for event in events for time in (event.onset_s, event.offset_s)})
    segments: list[EventLabel] = []
    for start, end in zip(times, times[1:], strict=False):
        active = {event.label for event in events if event.onset_s <= start and event.offset_s >= end}
        if len(active) != 1:
            continue
        label = active.pop()
        if segments and segments[-1].offset_s == start and segments[-1].label == label:
            start = segments.pop().onset_s
        segments.append(EventLabel(start, end, label))
    return [segment for segment in segments if segment.offset_s - segment.onset_s >= min_s]


def faded(piece: np.ndarray, sample_rate: int) -> np.ndarray:
    """A piece (N,) with a raised cosine at both ends."""
    length = min(seconds_to_samples(FADE_S, sample_rate), len(piece) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))).astype(piece.dtype)
    piece = piece.copy()
    piece[:length] *= ramp
    piece[len(piece) - length :] *= ramp[::-1]
    return piece


def alone_step(data_dir: Path, folder: Path, config: AloneConfig) -> Step:
    """The cutting of one set as a step: it reads mixtures and frame labels, and no reference.

    Raises:
        UserError: an scp is malformed.
    """
    return Step(
        name=str(folder),
        folder=folder,
        settings=config.model_dump(mode="json"),
        tables=tables_of(data_dir, ("wav.scp", "labels.txt", "events.tsv")),
        files=files_of(data_dir, ["wav.scp"]),
        code=["weaksep.mixtures.alone"],
        outputs=(*EVENT_TABLES, *EVENT_AUDIO),
        kind="mixtures",
    )


def _pieces(data: DataDir, min_s: float, sample_rate: int) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Stretches in which one class is active: (event id, class, clip, waveform (N,))."""
    for utt, labelled in data.events().items():
        segments = alone_segments(labelled, min_s)
        mixture = read_audio(data.wav[utt], sample_rate) if segments else np.empty(0)
        for number, segment in enumerate(segments, start=1):
            first, last = (seconds_to_samples(t, sample_rate) for t in (segment.onset_s, segment.offset_s))
            yield f"{utt}-{number:03d}", segment.label, utt, mixture[first:last]


def write_alone_events(data_dir: Path, config: AloneConfig, notes: Shards) -> None:
    """Cut the events of data/<set>, into a folder that then looks like one of stage 0.

    Args:
        data_dir: data/<set>: wav.scp, labels.txt and events.tsv are read.
        config: which pieces to take.
        notes: of the step; their folder is data/events_<variant>/<set>. The work is short and not cut into shards.

    Raises:
        UserError: the data cannot be read, or a class is never alone.
    """
    folder, data = notes.folder, DataDir.load(data_dir)
    check_place(folder, "events", notes.known(), [data_dir, *data.wav.values()])
    sample_rate = audio_info(next(iter(data.wav.values())))[1]
    events: dict[str, tuple[str, str, float]] = {}
    entries: dict[str, str] = {}
    faint = 0
    with notes.unfinished(folder / name for name in EVENT_TABLES):
        with ClipWriter(folder, "wav", sample_rate, notes.claims("audio"), "FLOAT") as writer:
            for event, label, utt, piece in _pieces(data, config.min_s, sample_rate):
                if rms(piece) < db_to_gain(config.min_level_db):
                    faint += 1
                    continue
                entries[event] = writer.write(event, {"": faded(piece, sample_rate)})[""]
                events[event] = label, utt, len(piece) / sample_rate
        found = {label for label, _, _ in events.values()}
        never = [f"{data_dir}/events.tsv: {name} is never active alone" for name in data.classes if name not in found]
        raise_problems(f"no events of every class can be cut out of {data_dir}", never)
        write_event_tables(folder, data.classes, events, entries)
    if faint:
        logger.info("%s: %d pieces left out, fainter than %g dB", folder, faint, config.min_level_db)
