"""Files that are either whole or not there: temporary name, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weaksep.errors import UserError

_TEMPORARY = re.compile(r"\..*\.\d+\.tmp(\.[^.]*)?")
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
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends well, remove it otherwise.

    The temporary name keeps the suffix, since some writers choose the format by it.

    Args:
        path: the final file; its folder is made if needed.
        durable: fsync before the rename. False only for one of thousands of small files whose table, written
            last with durable=True, is what makes them count.
    """
    final = Path(path)
    temporary = final.with_name(f".{final.stem}.{os.getpid()}.tmp{final.suffix}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            sync(temporary)
        os.replace(temporary, final)
        if durable:
            sync(final.parent)
    except BaseException as error:
        _discard(temporary)
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise UserError(full_disk_message(final, error)) from None
        raise


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # its folder could not be made, or has gone: then so has the file
        return


def full_disk_message(path: str | Path, error: OSError) -> str:
    """What to tell the user when a file could not be written for want of room."""
    return (
        f"{path}: cannot be written ({error.strerror}); nothing half-written is left and what was finished is kept: "
        "free some space (weaksep clean lists what can be rebuilt), then run the same command again"
    )


def remove_temporaries(folder: str | Path, recursive: bool = True) -> None:
    """Remove the temporary files that killed processes left in a folder; call it while nothing else writes there."""
    for parent, folders, names in os.walk(folder):
        if not recursive:
            folders.clear()
        for name in names:
            if _TEMPORARY.fullmatch(name):
                os.unlink(os.path.join(parent, name))


def clear_folder(folder: str | Path) -> None:
    """Remove a folder; one that is a link to another disk is emptied, and the link stays."""
    folder = Path(folder)
    if not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
        return
    for child in folder.iterdir() if folder.is_dir() else ():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically; NaN and infinity are refused, since JSON has no word for them."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")
