"""Audio of clips on its way into a folder: a file for each sound, or an archive for all of a kind in a shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO

import numpy as np

from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.audio import encoded, write_audio
from weaksep.fileio.audioark import wrapped
from weaksep.fileio.audioread import refuse_no_sound
from weaksep.fileio.names import AudioFormat


def _place(name: str) -> str:
    return f"audio/{name}" if name else "audio"


class ClipWriter:
    """Writes the sounds of a shard's clips; to be used as a context, at whose end archives are whole. Several threads
    may write clips.

    Args:
        folder: the data folder.
        audio_format: of the sounds.
        sample_rate: Hz.
        claim: is called with the paths of files before they are written.
        subtype: see ``encoded``; what is not 16 bits is a WAV file whatever the format says.
    """

    def __init__(
        self,
        folder: Path,
        audio_format: AudioFormat,
        sample_rate: int,
        claim: Callable[[Iterable[Path]], None],
        subtype: str = "PCM_16",
    ) -> None:
        container, _, archive = audio_format.partition(".")
        self.folder, self.sample_rate, self.claim, self.subtype = folder, sample_rate, claim, subtype
        self.container = container if subtype == "PCM_16" else "wav"
        self._archives: dict[str, BinaryIO] | None = {} if archive else None
        self._first = ""  # clip, which archives are called after
        self._open = ExitStack()
        self._lock = Lock()

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.__exit__(kind, error, at)

    def write(self, utt: str, sounds: Mapping[str, np.ndarray]) -> dict[str, str]:
        """Write what there is of a clip.

        Not forced to the disk one by one: the tables that make them count are.

        Args:
            utt: the clip's id.
            sounds: name ("mix", or a class; empty where a clip has but one) -> float or int16 (N,).

        Returns:
            name -> entry of an scp file, relative to the folder.

        Raises:
            UserError: the samples are no sound, or the disk is full.
        """
        if self._archives is not None:
            with self._lock:
                return {name: self._add(self._archives, name, utt, samples) for name, samples in sounds.items()}
        entries = {name: f"{_place(name)}/{utt}.{self.container}" for name in sounds}
        with self._lock:
            self.claim(self.folder / entry for entry in entries.values())
        for name, samples in sounds.items():
            write_audio(self.folder / entries[name], samples, self.sample_rate, self.subtype, durable=False)
        return entries

    def remove(self, written: Iterable[Mapping[str, str]]) -> None:
        """Remove what was written of clips that are not to be had after all. An archive keeps it: no table names it."""
        if self._archives is None:
            for entry in (entry for own in written for entry in own.values()):
                (self.folder / entry).unlink()

    def _add(self, archives: dict[str, BinaryIO], name: str, utt: str, samples: np.ndarray) -> str:
        self._first = self._first or utt
        entry = f"{_place(name)}/{self._first}.ark"
        if samples.dtype != np.int16:
            refuse_no_sound(samples, self.folder / entry)
        if name not in archives:
            self.claim([self.folder / entry])
            temporary = self._open.enter_context(atomic_path(self.folder / entry, durable=False))
            archives[name] = self._open.enter_context(temporary.open("wb"))
        file = archives[name]
        file.write(f"{utt} ".encode())
        offset = file.tell()
        file.write(wrapped(encoded(samples, self.sample_rate, self.subtype, self.container)))
        return f"{entry}:{offset}"
