"""Does a WAV file hold all the samples that its header promises?

libsndfile takes what is there for the whole, so that a file cut short by a full disk looks like a shorter sound.
Layout: "RIFF" size "WAVE", then chunks of a four-letter name, a size and so many bytes, each chunk on an even offset.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_CHUNK = struct.Struct("<4sI")
_STREAMED = 0xFFFFFFFF  # the size that programs write when they do not know it yet


def missing_bytes(path: str | Path) -> int:
    """Bytes of audio that the header promises and the file does not hold; 0 for files that are not WAV.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while True:
            chunk = file.read(_CHUNK.size)
            if len(chunk) < _CHUNK.size:
                return 0  # no data chunk at all: libsndfile says so
            name, promised = _CHUNK.unpack(chunk)
            if name == b"data":
                return 0 if promised == _STREAMED else max(0, file.tell() + promised - size)
            file.seek(promised + promised % 2, os.SEEK_CUR)
