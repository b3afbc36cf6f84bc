"""Audio files of any kind, opened, checked and read block by block: the one way in for all sound."""

import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from weaksep.errors import UserError
from weaksep.fileio import containers
from weaksep.fileio.audioark import open_sound

logger = logging.getLogger(__name__)

RATES_HZ = (1000, 768_000)  # another rate is a damaged header, and resampling from 1 Hz would fill the memory
BLOCK_S = 5.0
BLOCK_NUMBERS = 1 << 20  # at most, of all channels: a damaged header may name a thousand of them
LARGEST = 1e12  # of a sample, where full scale is 1: far beyond, sums of squares are no longer float32 numbers
NO_SAMPLES = "holds no samples; get the whole file"

_SAMPLES_A_BYTE = 8192  # FLAC's best, for silence
NOT_COUNTED = 2**62  # from here on, what libsndfile gives for a FLAC file that does not say how many samples it holds


class Sound(soundfile.SoundFile):
    """An audio file that is read from its beginning on."""

    def __init__(self, descriptor: int, length: containers.Length) -> None:
        # By its number, so that the name's ending plays no part, and without opening it twice.
        super().__init__(descriptor, closefd=False)
        self.length = length

    def seekable(self) -> bool:
        """Whether soundfile may look for its place after every read: not in a file without a known end."""
        return bool(super().seekable()) and self.frames < NOT_COUNTED


@functools.lru_cache(maxsize=1000)
def _warn_once(message: str) -> None:
    """A file is opened several times, to measure its level and to read it; what is odd about it is said once."""
    logger.warning("%s", message)


def _truncated(path: str | Path, missing: str, accept: bool | None) -> None:
    """Say what of a file is missing, where that is accepted.

    Raises:
        UserError: it is not.
    """
    if accept:
        _warn_once(f"{path}: truncated: {missing}; what is there is taken")
        return
    raise UserError(
        f"{path}: truncated: {missing}; get the whole file{'' if accept is None else ', or see --accept-truncated'}"
    )


@contextmanager
def opened(path: str | Path, accept_truncated: bool | None = None) -> Iterator[Sound]:
    """An audio file, its header checked; every failure inside the block becomes one line.

    Args:
        path: the file; or a sound in an archive, ``file.ark:offset``.
        accept_truncated: whether to take what is there of a file that is not whole; None where nobody can choose.

    Raises:
        UserError: missing, unreadable, truncated, or without samples.
    """
    try:
        with open_sound(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size == 0:
                raise UserError(f"{path}: the file is empty (0 bytes); get the whole file")
            length = containers.length(stream.fileno())
            if length.missing:
                _truncated(path, length.missing, accept_truncated)
            with Sound(stream.fileno(), length) as file:
                _check_header(path, file, size)
                yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, soundfile.SoundFileError, MemoryError, ValueError) as error:
        reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or error
        reason = str(reason).strip().rstrip(".")
        raise UserError(f"{path}: cannot be read as audio ({reason}); damaged, or of another kind?") from None


def _check_header(path: str | Path, file: Sound, size: int) -> None:
    if not RATES_HZ[0] <= file.samplerate <= RATES_HZ[1]:
        raise UserError(f"{path}: a sample rate of {file.samplerate} Hz; is its header damaged?")
    counted = file.length.known or file.frames < NOT_COUNTED
    if counted and file.frames > _SAMPLES_A_BYTE * size:
        raise UserError(f"{path}: its header promises more samples than it can hold; is it damaged?")
    if file.frames < file.length.samples:
        held = f"it holds {file.length.samples} samples, of which libsndfile would read {file.frames}"
        raise UserError(f"{path}: {held}, for want of a header with their number; convert it, to FLAC for example")
    if file.frames == 0:
        raise UserError(f"{path}: {NO_SAMPLES}")
    if not file.length.known:
        _warn_once(f"{path}: does not say how long it is: whether it is whole cannot be checked")


def samples_problem(samples: np.ndarray) -> str | None:
    """What makes float samples no sound, None for nothing: NaN, infinity, or a size whose square overflows."""
    largest = float(np.maximum(samples.max(initial=0.0), -samples.min(initial=0.0)))
    if largest <= LARGEST:
        return None
    return f"samples as large as {largest:.3g} (full scale is 1)" if np.isfinite(largest) else "NaN or infinite samples"


def refuse_no_sound(samples: np.ndarray, where: object) -> None:
    """What every way out of the toolkit asks of its samples.

    Raises:
        UserError: there is a problem with them.
    """
    if problem := samples_problem(samples):
        raise UserError(f"{where}: it would hold {problem}; is the model, or what went in, damaged?")


def parts(file: Sound, accept_truncated: bool | None = None) -> Iterator[np.ndarray]:
    """All that a decoder gives of a file, float32 (n, C); up to where it fails, where that is accepted."""
    size = max(1, min(int(BLOCK_S * file.samplerate), file.frames, BLOCK_NUMBERS // file.channels))
    while True:
        block = np.empty((size, file.channels), dtype=np.float32)
        if accept_truncated:
            block[:] = np.nan  # which stays where the decoder has given nothing
        try:
            found = file.read(out=block)
        except soundfile.SoundFileError:
            if not accept_truncated:
                raise
            yield block[: np.append(np.isnan(block[:, 0]), True).argmax()]
            return
        if not len(found):
            return
        yield found


def checked_parts(path: str | Path, file: Sound, accept_truncated: bool | None) -> Iterator[np.ndarray]:
    """All samples of an open file, float32 (n, C).

    Raises:
        UserError: no sound (``samples_problem``), or fewer samples than the header promises.
    """
    held = 0
    for block in parts(file, accept_truncated):
        if problem := samples_problem(block):
            raise UserError(f"{path}: holds {problem}; make the file again")
        held += len(block)
        yield block
    promised = file.frames if file.length.known and not file.length.missing else 0  # where nobody knows
    if held < promised:
        share = f"{100 * (promised - held) / promised:.3g} % is missing"
        missing = f"its header promises {promised} samples, {held} can be read ({share})"
        _truncated(path, missing, accept_truncated)


def read_blocks(path: str | Path, accept_truncated: bool | None = None) -> Iterator[np.ndarray]:
    """Blocks of a file, float32 (C, n).

    Args:
        path: the file.
        accept_truncated: see ``opened``.

    Raises:
        UserError: see ``opened`` and ``checked_parts``.
    """
    with opened(path, accept_truncated) as file:
        for block in checked_parts(path, file, accept_truncated):
            yield block.T
