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
from typing import BinaryIO

import numpy as np
from kaldiio import matio

from weaksep.errors import UserError
from weaksep.fileio.parsed import open_regular

# "\0B" "FM " then a byte 4 and an int32, twice: rows and columns.
_HEADER = struct.Struct("<2s3sbibi")
# A double matrix has the same header. A compressed one (kind -> bytes of a value) has its smallest value and its range,
# two floats, then rows and columns, and in the first kind 8 bytes for each column before the values.
_COMPRESSED = struct.Struct("<ffii")
_COMPRESSED_VALUE_BYTES = {b"CM ": 1, b"CM2 ": 2, b"CM3 ": 1}
_LARGEST = 1e30  # no feature is so large, and kaldiio's float32 holds 65535 times as much
_MAX_OFFSET_DIGITS = 18  # what fits into the 64 bits of a file offset
_COMPRESSION_METHOD = 2  # Kaldi's kSpeechFeature
_NO_MATRIX = "no Kaldi matrix here (a wrong offset or a damaged archive; rerun stage 2)"


def _other_header(head: bytes) -> tuple[int, int, int, int] | None:
    """(bytes of the header, rows, columns, bytes of a value) of a kind that kaldiio reads; None for all else."""
    if head[:5] == b"\0BDM ":
        if len(head) < _HEADER.size:
            return None
        _, _, rows_size, rows, columns_size, columns = _HEADER.unpack_from(head)
        return (_HEADER.size, rows, columns, 8) if rows_size == columns_size == 4 else None
    word = head[2:].partition(b" ")[0] + b" "
    start = 2 + len(word)
    if head[:2] != b"\0B" or word not in _COMPRESSED_VALUE_BYTES or len(head) < start + _COMPRESSED.size:
        return None
    smallest, value_range, rows, columns = _COMPRESSED.unpack_from(head, start)
    if not (abs(smallest) < _LARGEST and abs(value_range) < _LARGEST):
        return None
    percentiles = 8 * max(columns, 0) if word == b"CM " else 0
    return start + _COMPRESSED.size + percentiles, rows, columns, _COMPRESSED_VALUE_BYTES[word]


def _check_size(path: Path, offset: int, size: int, header_bytes: int, rows: int, columns: int, value: int) -> None:
    """Refuse, before memory is asked for, a matrix that is empty or that the rest of the file cannot hold."""
    if rows < 1 or columns < 1:
        raise UserError(f"{path}:{offset}: a matrix of {rows} x {columns} values; rerun stage 2")
    if offset + header_bytes + value * rows * columns > size:
        raise UserError(f"{path}:{offset}: the archive ends before its {rows} x {columns} matrix; rerun stage 2")


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
        UserError: a pipe, no file, or no offset.
    """
    name, _, offset = entry.rpartition(":")
    digits = offset.isascii() and offset.isdigit() and len(offset) <= _MAX_OFFSET_DIGITS
    if not name.strip() or not digits or name.endswith("|") or name.startswith("|") or "\0" in name:
        raise UserError(f"{folder}: {entry!r} is not of the form file.ark:offset (shell pipes are not run)")
    return folder / name, int(offset)


class ArkReader:
    """Random access to matrices; keeps archives open. Safe to use from several threads."""

    def __init__(self) -> None:
        self._files: dict[Path, BinaryIO] = {}
        self._likely_shape = (1, 1)

    def close(self) -> None:
        """Close every archive."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __getstate__(self) -> dict[str, object]:
        # A worker process opens archives of its own.
        return {"_files": {}, "_likely_shape": self._likely_shape}

    def _open(self, path: Path) -> tuple[int, int]:
        if path not in self._files:
            try:
                file = open_regular(path)
            except OSError as error:
                raise UserError(f"{path}: cannot be opened ({error.strerror}); rerun stage 2") from None
            if self._files.setdefault(path, file) is not file:
                file.close()  # another thread was first
        descriptor = self._files[path].fileno()
        return descriptor, os.fstat(descriptor).st_size

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
        if kind != b"FM ":
            return self._read_other(path, descriptor, offset, size)
        magic, _, size_of_rows, rows, size_of_columns, columns = _HEADER.unpack(header)
        if got < _HEADER.size or magic != b"\0B" or size_of_rows != 4 or size_of_columns != 4:
            raise UserError(f"{path}:{offset}: {_NO_MATRIX}")
        _check_size(path, offset, size, _HEADER.size, rows, columns, 4)
        if guess.shape == (rows, columns) and got == _HEADER.size + guess.nbytes:
            return guess
        self._likely_shape = (rows, columns)
        matrix = np.empty((rows, columns), dtype=np.float32)
        done = 0
        view = matrix.data.cast("B")
        while done < len(view):
            got = os.preadv(descriptor, [view[done:]], offset + _HEADER.size + done)
            if got == 0:  # cut short after it was opened
                raise UserError(f"{path}:{offset}: the archive ends before its matrix; rerun stage 2")
            done += got
        return matrix

    @staticmethod
    def _read_other(path: Path, descriptor: int, offset: int, size: int) -> np.ndarray:
        header = _other_header(os.pread(descriptor, 32, offset))
        if header is None:
            raise UserError(f"{path}:{offset}: {_NO_MATRIX}")
        header_bytes, rows, columns, value_bytes = header
        _check_size(path, offset, size, header_bytes, rows, columns, value_bytes)
        block = os.pread(descriptor, header_bytes + value_bytes * rows * columns, offset)
        try:
            with np.errstate(all="ignore"):
                return np.asarray(matio.read_kaldi(io.BytesIO(block)), dtype=np.float32)
        except Exception as error:  # kaldiio raises whatever numpy and struct raise on damaged bytes
            raise UserError(f"{path}:{offset}: cannot be read as a Kaldi matrix ({error}); rerun stage 2") from None
