"""Kaldi archives: the only module that knows kaldiio, and kaldi_native_io, which is taken where kaldiio is missing.

The library writes every matrix and reads the rarer kinds (compressed, double). The common kind, an uncompressed float32
matrix at a known offset, is read here with one ``preadv`` into the array that is returned. Nothing else is read:
kaldiio would also unpickle and run shell pipes, so the bytes and the names are looked at first. Uncompressed archives
are the same with both, byte for byte; compressed ones differ where the last bit is a matter of rounding.
"""

import errno
import io
import os
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.parsed import open_regular
from weaksep.fileio.scp import locator

# "\0B" "FM " then a byte 4 and an int32, twice: rows and columns. A matrix of doubles is a "DM ".
_PLAIN = struct.Struct("<bibi")
_PLAIN_BYTES = 5 + _PLAIN.size
_PLAIN_VALUE_BYTES = {b"\0BFM ": 4, b"\0BDM ": 8}
# A compressed one (kind -> bytes of a value) has its smallest value and its range, two floats, then rows and columns,
# and in the first kind 8 bytes for each column before the values.
_COMPRESSED = struct.Struct("<ffii")
_COMPRESSED_VALUE_BYTES = {b"\0BCM ": 1, b"\0BCM2 ": 2, b"\0BCM3 ": 1}
_LARGEST = 1e30  # no feature is so large, and kaldiio's float32 holds 65535 times as much
_MAX_OFFSET_DIGITS = 18  # what fits into the 64 bits of a file offset
_COMPRESSION_METHOD = 2  # Kaldi's kSpeechFeature
_LONGEST_HEADER = 32


def _header(head: bytes) -> tuple[int, int, int, int] | None:
    """(bytes of the header, rows, columns, bytes of a value) of a kind that is read; None for all else."""
    kind = head.partition(b" ")[0] + b" "
    try:
        if kind in _PLAIN_VALUE_BYTES:
            size_of_rows, rows, size_of_columns, columns = _PLAIN.unpack_from(head, len(kind))
            known = size_of_rows == size_of_columns == 4
            return (_PLAIN_BYTES, rows, columns, _PLAIN_VALUE_BYTES[kind]) if known else None
        smallest, value_range, rows, columns = _COMPRESSED.unpack_from(head, len(kind))
        value_bytes = _COMPRESSED_VALUE_BYTES[kind]
    except (struct.error, KeyError):
        return None
    percentiles = 8 * max(columns, 0) if kind == b"\0BCM " else 0
    known = abs(smallest) < _LARGEST and abs(value_range) < _LARGEST
    return (len(kind) + _COMPRESSED.size + percentiles, rows, columns, value_bytes) if known else None


def _library() -> Any:
    """``kaldiio.matio``, or ``kaldi_native_io``; imported only when needed."""
    for name in ("kaldiio.matio", "kaldi_native_io"):
        with suppress(ImportError):
            return import_module(name)
    raise UserError("Kaldi archives need kaldiio or kaldi_native_io: pip install one of the two")


def write_ark(path: Path, matrices: Iterable[tuple[str, np.ndarray]], *, compress: bool = False) -> dict[str, int]:
    """Write float32 matrices into one archive.

    Args:
        path: target, usually the temporary path of ``atomic_path``.
        matrices: (key, (T, F) float32) pairs.
        compress: Kaldi's lossy 8-bit form.

    Returns:
        key -> offset of the matrix in the file, as in an scp file.
    """
    library, offsets, end = _library(), dict[str, int](), 0
    if hasattr(library, "save_ark"):
        with open(path, "wb") as file:
            for key, matrix in matrices:
                offsets[key] = file.tell() + len(key.encode()) + 1
                library.save_ark(file, {key: matrix}, compression_method=_COMPRESSION_METHOD if compress else None)
        return offsets
    lossy = (library.CompressedMatrixWriter, library.CompressionMethod(_COMPRESSION_METHOD))
    open_writer, *method = lossy if compress else (library.FloatMatrixWriter,)
    with open_writer(f"ark:{path.absolute()}") as writer:  # absolute: a name that begins with a | would be run
        for key, matrix in matrices:
            offsets[key] = 0
            with suppress(RuntimeError):  # of a full disk: what is missing is noticed below
                writer.write(key, matrix, *method)
    with open(path, "rb") as file:
        for key in offsets:
            offsets[key] = file.seek(end + len(key.encode()) + 1)
            header_bytes, rows, columns, value_bytes = _header(file.read(_LONGEST_HEADER)) or (0, 0, 0, 0)
            end = offsets[key] + header_bytes + value_bytes * rows * columns
    if end != path.stat().st_size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    return offsets


def parse_entry(entry: str, folder: Path, locate: Callable[[str], Path] | None = None) -> tuple[Path, int]:
    """Split an scp value ``file.ark:offset`` of a table in ``folder``; ``locate`` is its ``locator``.

    Raises:
        UserError: a pipe, no file, or no offset.
    """
    name, _, offset = entry.rpartition(":")
    digits = offset.isascii() and offset.isdigit() and len(offset) <= _MAX_OFFSET_DIGITS
    if not name.strip() or not digits or name.endswith("|") or name.startswith("|") or "\0" in name:
        raise UserError(f"{folder}: {entry!r} is not of the form file.ark:offset (shell pipes are not run)")
    return (locate or locator(folder))(name), int(offset)


class ArkReader:
    """Random access to matrices; keeps archives open. Safe to use from several threads."""

    def __init__(self) -> None:
        self._files: dict[Path, BinaryIO] = {}
        self._likely = (b"", (1, 1))  # header and shape of the last matrix: most of a training's are alike

    def close(self) -> None:
        """Close every archive."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __getstate__(self) -> dict[str, object]:
        # A worker process opens archives of its own.
        return {"_files": {}, "_likely": self._likely}

    def _open(self, path: Path) -> int:
        if path not in self._files:
            try:
                file = open_regular(path)
            except OSError as error:
                raise UserError(f"{path}: cannot be opened ({error.strerror}); rerun stage 2") from None
            if self._files.setdefault(path, file) is not file:
                file.close()  # another thread was first
        return self._files[path].fileno()

    def read(self, path: Path, offset: int) -> np.ndarray:
        """Matrix at an offset, float32 (T, F).

        Raises:
            UserError: no archive there, no matrix at the offset, or the archive ends before the matrix does.
        """
        descriptor = self._open(path)
        likely_head, likely_shape = self._likely
        head, matrix = bytearray(_PLAIN_BYTES), np.empty(likely_shape, dtype=np.float32)
        got = os.preadv(descriptor, [head, matrix.data], offset)
        if head == likely_head and got == _PLAIN_BYTES + matrix.nbytes:
            return matrix
        plain = head.startswith(b"\0BFM ")
        header = _header(bytes(head) if plain else os.pread(descriptor, _LONGEST_HEADER, offset))
        if header is None:
            raise UserError(
                f"{path}:{offset}: no Kaldi matrix here (a wrong offset or a damaged archive; rerun stage 2)"
            )
        header_bytes, rows, columns, value_bytes = header
        if rows < 1 or columns < 1:
            raise UserError(f"{path}:{offset}: a matrix of {rows} x {columns} values; rerun stage 2")
        ends_before = f"{path}:{offset}: the archive ends before its {rows} x {columns} matrix; rerun stage 2"
        n_bytes = header_bytes + value_bytes * rows * columns
        if offset + n_bytes > os.fstat(descriptor).st_size:  # before memory is asked for
            raise UserError(ends_before)
        if not plain:
            return _rare(path, offset, os.pread(descriptor, n_bytes, offset))
        self._likely = (bytes(head), (rows, columns))
        if matrix.shape != (rows, columns):
            matrix, got = np.empty((rows, columns), dtype=np.float32), header_bytes
        values = matrix.data.cast("B")
        while got < n_bytes:
            more = os.preadv(descriptor, [values[got - header_bytes :]], offset + got)
            if more == 0:  # cut short after it was opened
                raise UserError(ends_before)
            got += more
        return matrix


def _rare(path: Path, offset: int, block: bytes) -> np.ndarray:
    """A matrix that has been looked at, read by the library."""
    library = _library()
    try:
        with np.errstate(all="ignore"):
            if hasattr(library, "read_kaldi"):
                return np.asarray(library.read_kaldi(io.BytesIO(block)), dtype=np.float32)
            return np.array(library.FloatMatrix.read(f"{path.absolute()}:{offset}"))
    except Exception as error:  # they raise whatever numpy, struct and C++ raise on damaged bytes
        raise UserError(f"{path}:{offset}: cannot be read as a Kaldi matrix ({error}); rerun stage 2") from None
