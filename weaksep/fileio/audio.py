"""Audio files in and out: mono float32 arrays inside the toolkit, whatever lies on the disk."""

import io
import math
import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.audioread import (
    NO_SAMPLES,
    NOT_COUNTED,
    checked_parts,
    opened,
    read_blocks,
    refuse_no_sound,
    samples_problem,
)
from weaksep.fileio.parsed import open_regular
from weaksep.fileio.scp import split_offset

INT16_SCALE = 32768.0
PLAIN_BYTES = 1 << 26  # larger files are checked before they are read

_PLAIN = {"PCM_16": (1, "<i2", INT16_SCALE), "FLOAT": (3, "<f4", 1.0)}  # what WAV calls it, its type, its full scale
_LONGEST_HEADER = 58


def _header(n_bytes: int, sample_rate: int, subtype: str) -> bytes:
    """What comes before so many bytes of mono samples in a WAV file."""
    tag, kind, _ = _PLAIN[subtype]
    width = np.dtype(kind).itemsize
    form, fact = struct.pack("<HHIIHH", tag, 1, sample_rate, width * sample_rate, width, 8 * width), b""
    if subtype == "FLOAT":
        form, fact = form + b"\0\0", struct.pack("<4sII", b"fact", 4, n_bytes // width)
    chunks = struct.pack("<4sI", b"fmt ", len(form)) + form + fact + struct.pack("<4sI", b"data", n_bytes)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + n_bytes, b"WAVE") + chunks


def _read(path: str | Path, accept_truncated: bool | None = None) -> tuple[np.ndarray, int]:
    """Samples (N, channels) in float32 and the rate; every failure becomes one line."""
    with opened(path, accept_truncated) as file:
        rate = file.samplerate
        blocks = list(checked_parts(path, file, accept_truncated))
    if not sum(map(len, blocks)):
        raise UserError(f"{path}: {NO_SAMPLES}")
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks), rate


def _plain_bytes(path: str | Path) -> bytes:
    """A file, if it is not large; of an archive the sound alone, however large the others in it are."""
    name, offset = split_offset(os.fspath(path))
    with open_regular(name, PLAIN_BYTES if offset is None else math.inf) as stream:
        if offset is None:
            return stream.read()
        stream.seek(offset)
        head = stream.read(_LONGEST_HEADER)
        # Of both kinds of header the last number is that of the bytes to come; where it is another's, nothing fits.
        length = 44 if head[36:40] == b"data" else _LONGEST_HEADER
        size = min(int.from_bytes(head[length - 4 : length], "little"), PLAIN_BYTES)
        return head[: length + size] + stream.read(max(0, length + size - len(head)))


def _read_plain(path: str | Path, sample_rate: int) -> np.ndarray | None:
    """A sound just as ``encoded`` makes it, a mono WAV file, in a tenth of the time that a decoder takes; None for any
    other, which is then read, or refused, like one from elsewhere."""
    try:
        content = _plain_bytes(path)
    except OSError:
        return None
    for subtype, (_, kind, full_scale) in _PLAIN.items():
        begin = len(_header(0, sample_rate, subtype))
        size = len(content) - begin
        if size > 0 and content.startswith(_header(size, sample_rate, subtype)):
            samples = np.frombuffer(content, kind, offset=begin) / np.float32(full_scale)
            return samples if subtype == "PCM_16" or not samples_problem(samples) else None
    return None


def read_audio(path: str | Path, sample_rate: int) -> np.ndarray:
    """Read a mono file that must already be at ``sample_rate``: float32 (N,).

    Raises:
        UserError: missing, unreadable, truncated, empty, not finite, not mono, or at another rate.
    """
    if (plain := _read_plain(path, sample_rate)) is not None:
        return plain
    samples, rate = _read(path)
    if rate != sample_rate or samples.shape[1] != 1:
        raise UserError(
            f"{path}: {rate} Hz with {samples.shape[1]} channel(s), expected {sample_rate} Hz mono "
            "(rerun the stage that wrote it)"
        )
    return samples[:, 0]


def read_any(path: str | Path, sample_rate: int, accept_truncated: bool | None = None) -> np.ndarray:
    """Read a file of any rate, depth and channel count: mean of the channels, resampled (soxr VHQ), float32 (N,).

    Args:
        path: the file.
        sample_rate: that is wanted, Hz.
        accept_truncated: see ``opened``.

    Raises:
        UserError: missing, unreadable, truncated, empty or not finite.
    """
    samples, rate = _read(path, accept_truncated)
    mono = samples.mean(axis=1, dtype=np.float64)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate, quality="VHQ")
    if mono.size == 0:
        raise UserError(f"{path}: shorter than one sample at {sample_rate} Hz")
    return mono.astype(np.float32)


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Float waveform in [-1, 1) -> int16, rounded to nearest, clipped at the ends."""
    return np.clip(np.rint(waveform * INT16_SCALE), -32768, 32767).astype(np.int16)


def encoded(waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16", container: str = "wav") -> bytes:
    """A whole mono file; the same bytes for the same samples.

    Args:
        waveform: float (N,), or int16 (N,) which is taken as it is.
        sample_rate: in Hz.
        subtype: "PCM_16" (floats are rounded, clipped) or "FLOAT", which only a WAV file holds.
        container: "wav" or "flac".
    """
    if waveform.dtype == np.int16:
        subtype = "PCM_16"
    elif subtype == "PCM_16":
        waveform = to_int16(waveform)
    if container == "wav":
        samples = waveform.astype(_PLAIN[subtype][1], copy=False).tobytes()
        return _header(len(samples), sample_rate, subtype) + samples
    # Imported where it is needed: that takes longer than most commands' own work.
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def write_audio(
    path: str | Path, waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16", *, durable: bool = True
) -> None:
    """Write a mono file atomically, FLAC where the name ends so, else WAV.

    Args:
        path: target.
        waveform, sample_rate, subtype: see ``encoded``.
        durable: see ``atomic_path``.

    Raises:
        UserError: the samples are no sound, see ``samples_problem``.
    """
    if waveform.dtype != np.int16:
        refuse_no_sound(waveform, path)
    with atomic_path(path, durable=durable) as temporary:
        container = "flac" if str(path).endswith(".flac") else "wav"
        temporary.write_bytes(encoded(waveform, sample_rate, subtype, container))


class AudioInfo(NamedTuple):
    """What a file's header says; samples are those of a channel."""

    samples: int
    sample_rate: int
    channels: int


def audio_info(path: str | Path, accept_truncated: bool | None = None) -> AudioInfo:
    """The header of a file; where it does not say how long the file is, that is read to its end.

    Args:
        path: the file.
        accept_truncated: see ``opened``.

    Raises:
        UserError: see ``opened``.
    """
    with opened(path, accept_truncated) as file:
        samples = int(file.frames)
        if samples >= NOT_COUNTED:
            samples = sum(block.shape[1] for block in read_blocks(path, accept_truncated))
        return AudioInfo(samples, file.samplerate, file.channels)
