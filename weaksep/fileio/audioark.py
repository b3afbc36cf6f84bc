"""Many sounds in one file, each found by its offset: Kaldi's ``wav.ark``, and ``flac.ark`` as ESPnet's.

An entry of an scp file is then ``audio/mix/train-000001.ark:13``. There lies a whole WAV file, as Kaldi's tools write
and read it; or the word AUDIO, the length of what follows (a byte that says in how many bytes, then these, the lowest
first) and a whole file of any kind, which is kaldiio's form. Before each stands its clip's id and a blank.
"""

import errno
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from weaksep.fileio.parsed import open_regular
from weaksep.fileio.scp import split_offset

_HEAD_BYTES = 64
_RIFF_HEAD = 8  # "RIFF" and the length of the rest
_WORD = b"AUDIO"


def wrapped(sound: bytes) -> bytes:
    """A whole audio file as it stands in an archive."""
    if sound.startswith(b"RIFF"):
        return sound
    size = (len(sound).bit_length() + 7) // 8
    return _WORD + bytes([size]) + len(sound).to_bytes(size, "little") + sound


def _span(head: bytes) -> tuple[int, int] | None:
    """Where the sound begins whose first bytes these are, and how long it is; None for anything else."""
    if head.startswith(b"RIFF") and len(head) > _RIFF_HEAD:
        return 0, _RIFF_HEAD + int.from_bytes(head[4:8], "little")
    if head.startswith(_WORD) and len(head) > len(_WORD):
        begin = len(_WORD) + 1 + head[len(_WORD)]
        return begin, int.from_bytes(head[len(_WORD) + 1 : begin], "little")
    return None


def open_sound(path: str | Path) -> BinaryIO:
    """Open an audio file, or a sound in an archive, which comes as a file of its own that holds nothing else.

    Raises:
        OSError: see ``open_regular``; or at the offset there is no sound.
    """
    name, offset = split_offset(os.fspath(path))
    if offset is None:
        return open_regular(path)
    with open_regular(name) as archive:
        span = _span(os.pread(archive.fileno(), _HEAD_BYTES, offset))
        if span is None:
            raise OSError(errno.EINVAL, f"no sound at byte {offset}", name)
        # Of an archive that was cut short there is less; whoever reads it finds that out as of any file.
        left = max(0, os.fstat(archive.fileno()).st_size - offset - span[0])
        content = os.pread(archive.fileno(), min(span[1], left), offset + span[0])
    alone = tempfile.TemporaryFile() if not hasattr(os, "memfd_create") else open(os.memfd_create("sound"), "w+b")
    alone.write(content)
    alone.seek(0)
    return alone
