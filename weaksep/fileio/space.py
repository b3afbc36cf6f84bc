"""Is there room on the disk? Asked before a stage begins rather than found out when it is half done."""

import os
from contextlib import suppress
from pathlib import Path

from weaksep.errors import UserError

BLOCK_BYTES = 4096
# What is left free: logs, tables and other people need some too.
MARGIN = 1.05


def on_disk(n_bytes: int) -> int:
    """Bytes a file of this size takes: whole blocks."""
    return -(-n_bytes // BLOCK_BYTES) * BLOCK_BYTES


def tree_bytes(folder: str | Path) -> int:
    """Bytes that the files below a folder take; 0 where there is none."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += on_disk(os.lstat(os.path.join(parent, name)).st_size)
    return total


def readable(n_bytes: float) -> str:
    """Bytes for people.

    >>> readable(1_500_000)
    '1.5 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} TB"


def require_space(folder: str | Path, n_bytes: int, n_files: int, option: str) -> None:
    """See that a folder's disk has room for what is about to be written.

    Args:
        folder: where it goes; what lies there already counts as room, since it is replaced or gone on with.
        n_bytes: an estimate of the whole, see ``on_disk``.
        n_files: number of files.
        option: of the command line that chooses another place.

    Raises:
        UserError: there is not enough.
    """
    folder = Path(folder)
    disk = os.statvfs(next(place for place in (folder, *folder.absolute().parents) if place.is_dir()))
    needed = int(n_bytes * MARGIN)
    free = disk.f_bavail * disk.f_frsize
    if needed > free:  # only then is it worth walking through the folder
        free += tree_bytes(folder)
    if needed > free:
        raise UserError(
            f"{folder}: needs about {readable(needed)} and its disk has {readable(free)} free; free some "
            f"(weaksep clean lists what can be rebuilt) or choose another place with {option}"
        )
    if 0 < disk.f_files and disk.f_favail < n_files:
        raise UserError(
            f"{folder}: needs {n_files} files and its disk takes {disk.f_favail} more; free some or choose another "
            f"place with {option}"
        )
