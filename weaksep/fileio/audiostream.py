"""Long audio in and out, block by block: memory does not grow with its length."""

import errno
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
import soxr

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.audioread import refuse_no_sound

logger = logging.getLogger(__name__)

# The largest file that a WAV header can describe; beyond, the same with 64-bit lengths.
WAV_BYTES = 4_000_000_000
FORMATS = {"flac": "FLAC", "wav": "WAV"}
SUBTYPE = "PCM_24"  # what several outputs lose by rounding must not show in their sum
MAX_FLAC_CHANNELS = 8
MAX_FLAC_RATE_HZ = 655_350
MAX_FLAC_ODD_RATE_HZ = 65_535  # beyond, a frame's header counts tens of Hz
CHECKED_SAMPLES = 10_000  # at the end of a file; a block of FLAC has fewer
PROBE_BYTES = 1_000_000  # more than libsndfile writes at once: what found no room has none for so much either


def looks_like_audio(path: Path) -> bool:
    """Whether the ending of a file's name is that of a format that libsndfile reads."""
    kinds = {*soundfile.available_formats(), "AIF", "OGA", "OPUS"} - {"RAW"}
    return path.suffix[1:].upper() in kinds


def audio_files(folder: Path) -> list[Path]:
    """Audio files in a folder and below, sorted; the log tells of hidden ones, which are left out."""
    found = sorted(file for file in folder.rglob("*") if file.is_file() and looks_like_audio(file))
    hidden = [file for file in found if any(part[0] == "." for part in file.relative_to(folder).parts)]
    if hidden:
        logger.info("%s: %d hidden files are left out, first %s", folder, len(hidden), hidden[0])
    left_out = set(hidden)
    return [file for file in found if file not in left_out]


def resampled(blocks: Iterator[np.ndarray], rate_in: int, rate_out: int) -> Iterator[np.ndarray]:
    """A stream (C, n) at another rate (soxr VHQ); as it is when the rates are equal.

    The whole has rate_out / rate_in times as many samples, give or take one.
    """
    if rate_in == rate_out:
        yield from blocks
        return
    for first in blocks:
        channels = len(first)
        stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float32", quality="VHQ")
        end = np.zeros((channels, 0), dtype=np.float32)  # what the stream holds back comes with it
        for block in chain([first], blocks, [end]):
            changed = stream.resample_chunk(np.ascontiguousarray(block.T).reshape(-1, channels), last=block is end)
            if len(changed):
                yield changed.reshape(-1, channels).T


class Writers:
    """Several files of one stream, written together.

    Args:
        files: open for writing, one a source.
        paths: what they will be called.
    """

    def __init__(self, files: Sequence[soundfile.SoundFile], paths: Sequence[Path]) -> None:
        self.files = files
        self.paths = paths
        self.clipped = 0
        self.samples = 0

    def write(self, sources: np.ndarray) -> None:
        """Append sources (S, C, n); samples beyond full scale are clipped, and counted.

        Raises:
            UserError: see ``refuse_no_sound``.
        """
        for path, source in zip(self.paths, sources, strict=True):
            refuse_no_sound(source, path)
        self.samples += sources.shape[2]
        self.clipped += int((np.abs(sources) > 1.0).sum())
        for file, source in zip(self.files, sources, strict=True):
            file.write(source.T)


def _check_whole(path: Path, written: int) -> None:
    """Libsndfile writes the last block of a file as it closes it, and does not tell when that fails: read it back.

    Raises:
        OSError: the file does not hold what was written.
    """
    tail = min(written, CHECKED_SAMPLES)
    try:
        with soundfile.SoundFile(path) as file:
            file.seek(written - tail)
            whole = file.frames == written and len(file.read(tail)) == tail
    except (soundfile.SoundFileError, RuntimeError):
        whole = False
    if not whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check_room(path: Path) -> None:
    """Write more to a file that libsndfile could not: its own errors do not say whether the disk is full.

    Raises:
        OSError: what the disk says.
    """
    with path.open("ab") as file:
        file.write(bytes(PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _flac_takes(sample_rate: int, channels: int) -> bool:
    whole = sample_rate <= MAX_FLAC_ODD_RATE_HZ or sample_rate % 10 == 0
    return whole and sample_rate <= MAX_FLAC_RATE_HZ and channels <= MAX_FLAC_CHANNELS


@contextmanager
def writers(paths: Sequence[Path], sample_rate: int, channels: int, samples: int) -> Iterator[Writers]:
    """Files that are all there when the block ends well, and none of which is there otherwise.

    Args:
        paths: ending in ".flac" or ".wav"; both of 24 bits.
        sample_rate: Hz.
        channels: of each file.
        samples: about how many each will hold.

    Raises:
        UserError: FLAC has no such rate or so many channels, nothing was written, or the disk is full.
        OSError: the disk refuses for another reason.
    """
    kind = FORMATS[paths[0].suffix[1:]]
    if kind == "FLAC" and not _flac_takes(sample_rate, channels):
        raise UserError(f"{paths[0]}: FLAC cannot hold {channels} channel(s) at {sample_rate} Hz; give --format wav")
    if kind == "WAV" and 3 * channels * samples > WAV_BYTES:
        kind = "RF64"
    with ExitStack() as stack:
        temporaries = [stack.enter_context(atomic_path(path)) for path in paths]
        try:
            with ExitStack() as files:
                settings = {"samplerate": sample_rate, "channels": channels, "subtype": SUBTYPE, "format": kind}
                opening = (soundfile.SoundFile(temporary, "w", **settings) for temporary in temporaries)
                writing = Writers([files.enter_context(file) for file in opening], paths)
                yield writing
        except soundfile.SoundFileError as error:
            for temporary in temporaries:
                _check_room(temporary)
            reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
            raise UserError(f"{paths[0]}: cannot be written ({reason}); give another --format") from None
        if not writing.samples:
            raise UserError(
                f"{paths[0].parent}: nothing to write: the recording is shorter than one sample at {sample_rate} Hz; "
                "leave it out, or give --rate input"
            )
        for temporary in temporaries:
            _check_whole(temporary, writing.samples)
