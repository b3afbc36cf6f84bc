"""Kaldi archives: the only module that knows kaldiio.

kaldiio writes every matrix and reads the rarer kinds (compressed, double). The common kind, an uncompressed float32
matrix at a known offset, is read here with one ``preadv`` into the array that is returned. Nothing else is read:
kaldiio would also unpickle and run shell pipes, so the bytes and the names are looked at first.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from kaldiio import matio

from weaksep.errors import UserError

# "\0B" "FM " then a byte 4 and an int32, twice: rows and columns.
_HEADER = struct.Struct("<2s3sbibi")
_KALDIIO_KINDS = (b"CM ", b"CM2", b"CM3", b"DM ", b"FM ")
_COMPRESSION_METHOD = 2  # Kaldi's kSpeechFeature


def write_ark(path: Path, matrices: Iterable[tuple[str, np.ndarray]], *, compress: bool = False) -> dict[str, int]:
    """Write float32 matrices into one archive.

    Args:
        path: target, usually the temporary path of ``atomic_path``.
        matrices: (key, (T, F) float32) pairs.
        compress: Kaldi's lossy 8-bit form.

    Returns:
        key -> offset of the matrix in the file, as in an scp file.
    """
    offsets = {}
    with open(path, "wb") as file:
        for key, matrix in matrices:
            offsets[key] = file.tell() + len(key.encode()) + 1
            matio.save_ark(file, {key: matrix}, compression_method=_COMPRESSION_METHOD if compress else None)
    return offsets


def parse_entry(entry: str, folder: Path) -> tuple[Path, int]:
    """Split an scp value ``file.ark:offset``; a relative file lies in ``folder``.

    Raises:
        UserError: a pipe, or no offset.
    """
    name, colon, offset = entry.rpartition(":")
    if not colon or not offset.isdigit() or name.endswith("|") or name.startswith("|"):
        raise UserError(f"{folder}: {entry!r} is not of the form file.ark:offset (shell pipes are not run)")
    return folder / name, int(offset)


class ArkReader:
    """Random access to matrices; keeps archives open. Safe to use from several threads."""

    def __init__(self) -> None:
        self._descriptors: dict[Path, tuple[int, int]] = {}
        self._likely_shape = (1, 1)

    def close(self) -> None:
        """Close every archive."""
        for descriptor, _ in self._descriptors.values():
            os.close(descriptor)
        self._descriptors = {}

    def __getstate__(self) -> dict[str, object]:
        # A worker process opens archives of its own.
        return {"_descriptors": {}, "_likely_shape": self._likely_shape}

    def _open(self, path: Path) -> tuple[int, int]:
        if path not in self._descriptors:
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except OSError as error:
                raise UserError(f"{path}: cannot be opened ({error.strerror}); rerun stage 2") from None
            self._descriptors[path] = (descriptor, os.fstat(descriptor).st_size)
        return self._descriptors[path]

    def read(self, path: Path, offset: int) -> np.ndarray:
        """Matrix at an offset, float32 (T, F).

        Raises:
            UserError: no archive there, no matrix at the offset, or the archive ends before the matrix does.
        """
        descriptor, size = self._open(path)
        header = bytearray(_HEADER.size)
        guess = np.empty(self._likely_shape, dtype=np.float32)
        got = os.preadv(descriptor, [header, guess.data], offset)
        kind = bytes(header[2:5])
        if got < _HEADER.size or header[:2] != b"\0B" or kind not in _KALDIIO_KINDS:
            raise UserError(
                f"{path}:{offset}: no Kaldi matrix here (a wrong offset or a damaged archive; rerun stage 2)"
            )
        if kind != b"FM ":
            return self._read_other(path, descriptor, offset, size)
        _, _, _, rows, _, columns = _HEADER.unpack(header)
        if rows < 0 or columns < 0 or offset + _HEADER.size + 4 * rows * columns > size:
            raise UserError(f"{path}:{offset}: the archive ends before its {rows} x {columns} matrix; rerun stage 2")
        if guess.shape == (rows, columns) and got == _HEADER.size + guess.nbytes:
            return guess
        self._likely_shape = (rows, columns)
        matrix = np.empty((rows, columns), dtype=np.float32)
        done = 0
        view = matrix.data.cast("B") if matrix.size else memoryview(b"")
        while done < len(view):
            got = os.preadv(descriptor, [view[done:]], offset + _HEADER.size + done)
            if got == 0:  # cut short after it was opened
                raise UserError(f"{path}:{offset}: the archive ends before its matrix; rerun stage 2")
            done += got
        return matrix

    @staticmethod
    def _read_other(path: Path, descriptor: int, offset: int, size: int) -> np.ndarray:
        head = os.pread(descriptor, 32, offset)
        kind = head[2:5]
        try:
            if kind == b"DM ":
                rows, columns = struct.unpack_from("<xixi", head, 5)
            else:  # "CM ", "CM2 " or "CM3 ", then the smallest value and the range, two floats
                rows, columns = struct.unpack_from("<ii", head, 13 if kind == b"CM " else 14)
        except struct.error:
            rows = columns = -1
        # The largest any of the kinds can need: 8 bytes a value, and 8 a column for the percentiles of "CM ".
        bytes_needed = 32 + 8 * columns * (rows + 1)
        if rows < 0 or columns < 0:
            raise UserError(f"{path}:{offset}: a damaged matrix header; rerun stage 2")
        block = os.pread(descriptor, min(bytes_needed, size - offset), offset)
        try:
            return np.asarray(matio.read_kaldi(io.BytesIO(block)), dtype=np.float32)
        except Exception as error:  # kaldiio raises whatever numpy and struct raise on damaged bytes
            raise UserError(f"{path}:{offset}: cannot be read as a Kaldi matrix ({error}); rerun stage 2") from None
