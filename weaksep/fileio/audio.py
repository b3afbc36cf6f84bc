"""Audio files in and out: mono float32 arrays inside the toolkit, whatever lies on the disk.

libsndfile takes what a truncated WAV file still holds for the whole, without a word. Here the length that the header
promises is compared with the file's first.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.io import wavfile

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path

INT16_SCALE = 32768.0
RATES_HZ = (1000, 768_000)  # another rate is a damaged header, and resampling from 1 Hz would fill the memory

_SAMPLES_A_BYTE = 8192  # FLAC's best, for silence

_CHUNK = struct.Struct("<4sI")
_MAX_CHUNKS = 1000
_NO_LENGTH = 0x7FFFF000  # from here on, what programs write that cannot go back to fill it in (sox, ffmpeg in a pipe)


def _missing_samples(descriptor: int, size: int) -> tuple[int, int] | None:
    """(samples promised by the header of a RIFF/WAVE file, samples held) when some are missing, else None."""
    head = os.pread(descriptor, 64, 0)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    place, frame_bytes = 12, 1
    for _ in range(_MAX_CHUNKS):
        chunk = head[place : place + 24] if place + 24 <= len(head) else os.pread(descriptor, 24, place)
        if len(chunk) < _CHUNK.size:
            return None
        name, length = _CHUNK.unpack_from(chunk)
        place += _CHUNK.size
        if name == b"data":
            missing = place + length > size and length < _NO_LENGTH
            return (length // frame_bytes, (size - place) // frame_bytes) if missing else None
        if name == b"fmt " and len(chunk) >= 22:
            frame_bytes = max(1, int.from_bytes(chunk[20:22], "little"))
        place += length + length % 2
    return None


def missing_samples(path: str | Path) -> tuple[int, int] | None:
    """(samples promised, samples held) of a WAV file that was cut short; None for a whole one, and for other kinds.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return _missing_samples(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _truncated(path: str | Path, promised: int, held: int) -> str:
    return f"{path}: truncated: its header promises {promised} samples, it holds {held}; get the whole file"


@contextmanager
def opened(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """An audio file, its header checked; every failure inside the block becomes one line.

    Raises:
        UserError: missing, unreadable, empty or truncated.
    """
    descriptor = -1
    try:
        # Not to wait for somebody to write, should it be a named pipe; for a file it means nothing.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: not a file")
        if status.st_size == 0:
            raise UserError(f"{path}: the file is empty (0 bytes); get the whole file")
        missing = _missing_samples(descriptor, status.st_size)
        if missing:
            raise UserError(_truncated(path, *missing))
        # By its number, so that the name's ending plays no part, and without opening it twice.
        with soundfile.SoundFile(descriptor, closefd=False) as file:
            if not RATES_HZ[0] <= file.samplerate <= RATES_HZ[1]:
                raise UserError(f"{path}: a sample rate of {file.samplerate} Hz; is its header damaged?")
            if file.frames > _SAMPLES_A_BYTE * status.st_size:
                raise UserError(f"{path}: its header promises more samples than it can hold, or does not say how many")
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, soundfile.SoundFileError, MemoryError, ValueError) as error:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        reason = str(reason).strip().rstrip(".")
        raise UserError(f"{path}: cannot be read as audio ({reason}); damaged, or of another kind?") from None
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _read(path: str | Path) -> tuple[np.ndarray, int]:
    """Samples (N, channels) in float32 and the rate; every failure becomes one line."""
    with opened(path) as file:
        rate, promised = file.samplerate, file.frames
        samples = file.read(dtype="float32", always_2d=True)
    if samples.shape[0] == 0:
        raise UserError(f"{path}: holds no samples; get the whole file")
    if samples.shape[0] < promised:
        raise UserError(_truncated(path, promised, samples.shape[0]))
    if not np.isfinite(samples).all():
        raise UserError(f"{path}: holds NaN or infinite samples; make the file again")
    return samples, rate


def read_audio(path: str | Path, sample_rate: int) -> np.ndarray:
    """Read a mono file that must already be at ``sample_rate``: float32 (N,).

    Raises:
        UserError: missing, unreadable, truncated, empty, not finite, not mono, or at another rate.
    """
    samples, rate = _read(path)
    if rate != sample_rate or samples.shape[1] != 1:
        raise UserError(
            f"{path}: {rate} Hz with {samples.shape[1]} channel(s), expected {sample_rate} Hz mono "
            "(rerun the stage that wrote it)"
        )
    return samples[:, 0]


def read_any(path: str | Path, sample_rate: int) -> np.ndarray:
    """Read a file of any rate, depth and channel count: mean of the channels, resampled (soxr VHQ), float32 (N,).

    Raises:
        UserError: missing, unreadable, truncated, empty or not finite.
    """
    samples, rate = _read(path)
    mono = samples.mean(axis=1, dtype=np.float64)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate, quality="VHQ")
    if mono.size == 0:
        raise UserError(f"{path}: shorter than one sample at {sample_rate} Hz")
    return mono.astype(np.float32)


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Float waveform in [-1, 1) -> int16, rounded to nearest, clipped at the ends."""
    return np.clip(np.rint(waveform * INT16_SCALE), -32768, 32767).astype(np.int16)


def write_audio(
    path: str | Path, waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16", *, durable: bool = True
) -> None:
    """Write a mono WAV file atomically.

    Args:
        path: target.
        waveform: float (N,), or int16 (N,) which is written as it is.
        sample_rate: in Hz.
        subtype: "PCM_16" (floats are rounded, clipped) or "FLOAT".
        durable: see ``atomic_path``.
    """
    if waveform.dtype != np.int16:
        waveform = to_int16(waveform) if subtype == "PCM_16" else waveform.astype(np.float32, copy=False)
    # Not soundfile: it stamps float files with the time of day, so that one seed gives many files, and it syncs
    # every file to the disk by itself, which costs more than rendering a mixture.
    with atomic_path(path, durable=durable) as temporary:
        wavfile.write(temporary, sample_rate, waveform)


def audio_info(path: str | Path) -> tuple[int, int, int]:
    """(n_samples, sample_rate, channels) from the header.

    Raises:
        UserError: missing, unreadable or truncated.
    """
    with opened(path) as file:
        return file.frames, file.samplerate, file.channels
