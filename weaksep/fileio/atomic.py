"""Files that are either whole or not there: temporary name, fsync, rename."""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from weaksep.errors import UserError

# .<stem>.<process>.tmp<suffix>, of the kinds of files that are written here; tables like utt2spk have no suffix.
_KINDS = "ark csv flac html json jsonl md png pt safetensors scp sha256 svg tex tsv txt wav yaml zip"
_TEMPORARY = re.compile(rf"\.(.+)\.([1-9][0-9]*)\.tmp((?:\.(?:{_KINDS.replace(' ', '|')}))?)")
# No block, no quota, or no permission to make a file so large (ulimit -f).
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sync(path: Path) -> None:
    """Force a file or a folder entry to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_path(path: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a new, empty file beside ``path``; rename it to ``path`` when the block ends well, remove it otherwise.

    Its name keeps the suffix, since some writers choose the format by it.

    Args:
        path: the final file; its folder is made if needed.
        durable: fsync before the rename. False only for one of thousands of small files whose table, written
            last with durable=True, is what makes them count.
    """
    final = Path(path)
    temporary = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = _new_file(final)
        yield temporary
        if durable:
            sync(temporary)
        os.replace(temporary, final)
        if durable:
            sync(final.parent)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):  # its folder has gone: then so has the file
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise UserError(full_disk_message(final, error)) from None
        raise


def write_folder(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder of files, which is there as a whole or not at all; an empty one that is there is replaced."""
    final = Path(path).absolute()
    building = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    building.mkdir(parents=True)
    try:
        for name, content in files.items():
            (building / name).write_bytes(content)
            sync(building / name)
        sync(building)
        os.replace(building, final)
        sync(final.parent)
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise UserError(full_disk_message(final, error)) from None
        raise


def _new_file(final: Path) -> Path:
    """An empty file that was not there before: what already has the name, a link above all, is somebody else's."""
    number = 1
    while True:
        stem = final.stem if number == 1 else f"{final.stem}.{number}"
        temporary = final.with_name(f".{stem}.{os.getpid()}.tmp{final.suffix}")
        with suppress(FileExistsError):
            temporary.touch(exist_ok=False)
            return temporary
        number += 1


def full_disk_message(path: str | Path, error: OSError) -> str:
    """What to tell the user when a file could not be written for want of room."""
    return (
        f"{path}: cannot be written ({error.strerror}); nothing half-written is left and what was finished is kept: "
        "free some space (weaksep clean lists what can be rebuilt), then run the same command again"
    )


def temporary_of(name: str) -> tuple[str, int] | None:
    """The file that a temporary one was to become, and the process that wrote it; None for another file's name.

    >>> temporary_of(".feats.1.4242.tmp.ark"), temporary_of(".thesis.4242.tmp.docx")
    (('feats.1.ark', 4242), None)
    """
    match = _TEMPORARY.fullmatch(name)
    return (match[1] + match[3], int(match[2])) if match else None


@contextmanager
def atomic_text(path: str | Path) -> Iterator[TextIO]:
    """A UTF-8 text file to be written atomically, in parts."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield file


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_text(path) as file:
        file.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically; NaN and infinity are refused, since JSON has no word for them."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
