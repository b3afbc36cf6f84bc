"""The events of one set, as stage 0 wrote them, and their audio with a bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.datadir import read_scp
from weaksep.fileio.tables import read_list, read_table
from weaksep.signal.level import rms

CACHE_BYTES = 256 * 2**20
POOL_TABLES = ("wav.scp", "utt2class", "utt2spk", "labels.txt")  # of events, and of backgrounds


@dataclass(frozen=True)
class EventPool:
    """Events of one set by class.

    Args:
        folder: data/events/<set>.
        classes: in the project's order.
        by_class: class -> its events, each with the recording that it was cut from, sorted by id.
        wav: event id -> file.
        sample_rate: Hz, of the first file; the others are checked when they are read.
    """

    folder: Path
    classes: tuple[str, ...]
    by_class: dict[str, tuple[tuple[str, str], ...]]
    wav: dict[str, Path]
    sample_rate: int

    @classmethod
    def load(cls, folder: Path) -> EventPool:
        """Read data/events/<set>.

        Raises:
            UserError: the folder is missing, or (all at once) its tables disagree.
        """
        if not (folder / "wav.scp").is_file():
            raise UserError(f"{folder}: no events here (wav.scp is missing; stage 0 writes it)")
        classes = tuple(read_list(folder / "labels.txt"))
        wav = read_scp(folder / "wav.scp")
        class_of, recordings = read_table(folder / "utt2class"), read_table(folder / "utt2spk")
        found = {event: class_of[event] for event in wav if event in class_of}
        tables = {"utt2class": class_of, "utt2spk": recordings}
        problems = [f"{event}: not in {name}" for name in tables for event in wav if event not in tables[name]]
        problems += [
            f"{event}: class {name} is not in labels.txt" for event, name in found.items() if name not in classes
        ]
        problems += [f"class {name}: no event" for name in classes if name not in found.values()]
        raise_problems(f"{folder} is not a valid folder of events", problems)
        by_class = {
            name: tuple((event, recordings[event]) for event in wav if class_of[event] == name) for name in classes
        }
        return cls(folder, classes, by_class, wav, sample_rate=audio_info(next(iter(wav.values())))[1])


class EventAudio:
    """Event files by id, the last used ones kept in memory.

    Args:
        pool: where the files are.
        cache_bytes: memory for waveforms.
    """

    def __init__(self, pool: EventPool, cache_bytes: int = CACHE_BYTES) -> None:
        self.pool = pool
        self.cache_bytes = cache_bytes
        self._held: OrderedDict[str, tuple[np.ndarray, float]] = OrderedDict()
        self._bytes = 0

    def __call__(self, event_id: str) -> tuple[np.ndarray, float]:
        """Waveform float32 (N,) and its RMS over the whole file.

        Raises:
            UserError: unreadable file, another rate, or silence.
        """
        if event_id in self._held:
            self._held.move_to_end(event_id)
            return self._held[event_id]
        waveform = read_audio(self.pool.wav[event_id], self.pool.sample_rate)
        level = rms(waveform)
        if level == 0.0:
            raise UserError(f"{self.pool.wav[event_id]}: digital silence, no level can be set")
        self._held[event_id] = (waveform, level)
        self._bytes += waveform.nbytes
        while self._bytes > self.cache_bytes and len(self._held) > 1:
            _, (dropped, _) = self._held.popitem(last=False)
            self._bytes -= dropped.nbytes
        return waveform, level
