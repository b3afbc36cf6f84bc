"""Pieces of mixtures in which one class is active alone, cut out as events of that class.

Frame labels say when each class is active, so where only one is, the mixture itself is a recording of it. Mixtures of
such pieces have references without anybody having isolated a sound: the baseline that weak training has to beat.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from weaksep.errors import raise_problems
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import audio_info, read_audio, write_audio
from weaksep.fileio.datadir import DataDir, EventLabel
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step
from weaksep.fileio.tables import invert, write_table
from weaksep.mixtures.config import AloneConfig
from weaksep.signal.level import db_to_gain, rms
from weaksep.signal.units import seconds_to_samples

logger = logging.getLogger(__name__)

FADE_S = 0.005  # at both ends: a cut in the middle of a sound would click
TABLES = ("wav.scp", "utt2class", "utt2spk", "spk2utt", "utt2dur", "labels.txt")


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
        outputs=(*TABLES, "audio/*.wav"),
    )


def write_alone_events(data_dir: Path, folder: Path, config: AloneConfig, shards: Shards | None = None) -> None:
    """Cut the events of data/<set> into ``folder``, which then looks like one of stage 0.

    Args:
        data_dir: data/<set>: wav.scp, labels.txt and events.tsv are read.
        folder: data/events_<variant>/<set>.
        config: which pieces to take.
        shards: notes of the step; the work is short, so they are only cleared.

    Raises:
        UserError: the data cannot be read, or a class is never alone.
    """
    notes = shards or Shards(folder)
    data = DataDir.load(data_dir)
    check_place(folder, "events", notes.known(), [data_dir, *data.wav.values()])
    notes.begin(folder / name for name in TABLES)
    claim = notes.claims("audio")
    least = db_to_gain(config.min_level_db)
    classes: dict[str, str] = {}
    mixtures: dict[str, str] = {}
    seconds: dict[str, float] = {}
    faint = 0
    _, sample_rate, _ = audio_info(next(iter(data.wav.values())))
    for utt, events in data.events().items():
        segments = alone_segments(events, config.min_s)
        if not segments:
            continue
        mixture = read_audio(data.wav[utt], sample_rate)
        for number, segment in enumerate(segments, start=1):
            first, last = (seconds_to_samples(t, sample_rate) for t in (segment.onset_s, segment.offset_s))
            piece = mixture[first:last]
            if not len(piece) or rms(piece) < least:
                faint += 1
                continue
            event = f"{utt}-{number:03d}"
            claim([folder / f"audio/{event}.wav"])
            write_audio(folder / f"audio/{event}.wav", faded(piece, sample_rate), sample_rate, "FLOAT", durable=False)
            classes[event], mixtures[event], seconds[event] = segment.label, utt, len(piece) / sample_rate
    counts = Counter(classes.values())
    never = [f"{data_dir}/events.tsv: {label} is never active alone" for label in data.labels if not counts[label]]
    raise_problems(f"no events of every class can be cut out of {data_dir}", never)
    write_text(folder / "labels.txt", "".join(f"{label}\n" for label in data.labels))
    write_table(folder / "utt2class", classes)
    write_table(folder / "utt2spk", mixtures)
    write_table(folder / "spk2utt", invert(mixtures))
    write_table(folder / "utt2dur", {event: f"{length:.7f}" for event, length in seconds.items()})
    write_table(folder / "wav.scp", {event: f"audio/{event}.wav" for event in classes})
    shown = ", ".join(f"{label} {counts[label]}" for label in data.labels)
    logger.info("%s: %d events, %.0f s: %s", folder, len(classes), sum(seconds.values()), shown)
    if faint:
        logger.info("%s: %d pieces left out, fainter than %g dB", folder, faint, config.min_level_db)
    if shards is None:
        notes.finish()
