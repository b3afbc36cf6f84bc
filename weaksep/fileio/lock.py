"""One process at a time in a folder.

The lock is ``flock``: the kernel drops it when its process ends, however it ends, so the file that a killed process
leaves behind holds nobody up. What the file says is for people.
"""

import errno
import fcntl
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.atomic import FULL_DISK

logger = logging.getLogger(__name__)

LOCK_NAME = ".lock"
# A process that was killed a moment ago may still be ending; so may its workers.
PATIENCE_S = 10.0
NO_LOCK = "{}: not a lock of weaksep, which goes there; move it away"


def open_lock(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a lock file; no link is followed, and a pipe holds nobody up.

    Raises:
        UserError: it is no lock file of weaksep: not a plain file, or one that holds or is something else.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise UserError(NO_LOCK.format(path)) from None
        raise
    status = os.fstat(descriptor)
    plain = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1  # 0: its holder has just removed it
    if plain and (status.st_size == 0 or _written(descriptor).startswith("process ")):
        return descriptor
    os.close(descriptor)
    raise UserError(NO_LOCK.format(path))


def _written(descriptor: int) -> str:
    """What a lock file says."""
    return os.pread(descriptor, 200, 0).decode(errors="replace").strip()


def _holder(descriptor: int, path: Path, cautious: bool) -> str | None:
    """Try to take an open lock: who holds it, None when it is ours now.

    Some file systems (NFS, at times) know no locks. There only what the file says is known: it is that of a process
    that works, or of one that was killed. ``cautious`` takes it for the first.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.fstat(descriptor).st_ino == os.stat(path).st_ino
    except BlockingIOError:
        return _written(descriptor) or "another process"
    except FileNotFoundError:
        same = False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        if cautious and _written(descriptor):
            return f"perhaps somebody (its lock cannot be tried: {error.strerror})"
        logger.warning("%s: this file system has no locks; see that no two processes work here", path)
        return None
    return None if same else "a process that has just begun"  # its last holder removed the file since we opened it


def worker_in(folder: Path) -> str | None:
    """Who works in a folder; None when nobody does."""
    path = folder / LOCK_NAME
    try:
        descriptor = open_lock(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except (OSError, UserError) as error:
        return f"perhaps somebody (its lock cannot be opened: {getattr(error, 'strerror', None) or error})"
    try:
        return _holder(descriptor, path, cautious=True)
    finally:
        os.close(descriptor)


def _acquire(path: Path, patience_s: float, cautious: bool) -> int:
    """A descriptor that holds the lock."""
    deadline = time.monotonic() + patience_s
    while True:
        descriptor = open_lock(path)
        holder = _holder(descriptor, path, cautious)
        if holder is None:
            return descriptor
        os.close(descriptor)
        if time.monotonic() >= deadline:
            raise UserError(
                f"{path.parent}: {holder} works here; wait until it has ended (or end it), or use another folder"
            )
        time.sleep(0.1)


@contextmanager
def folder_lock(folder: str | Path, patience_s: float = PATIENCE_S, *, to_remove: bool = False) -> Iterator[None]:
    """Hold a folder for the block; the folder is made if needed.

    Args:
        folder: what to hold.
        patience_s: how long to wait for another process to let go.
        to_remove: the block only removes files: it need not wait for room on the disk, and gives up where it cannot be
            known whether somebody works.

    Raises:
        UserError: another process holds it for longer, or the lock is somebody else's file.
    """
    path = Path(folder) / LOCK_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = _acquire(path, patience_s, to_remove)
    except OSError as error:
        if not to_remove or error.errno not in FULL_DISK:
            raise
        yield  # not even a name fits in, so nobody else can begin to work there either
        return
    try:
        before = _written(descriptor)
        if before:
            logger.info("%s: took over the lock of %s, which has gone", path.parent, before)
        since = datetime.now().isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        with suppress(OSError):  # a full disk; the text is only for people
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()} (since {since})\n".encode(), 0)
        yield
    finally:
        # Removed while it is held: whoever waits for it finds the name gone or new, and looks again.
        path.unlink(missing_ok=True)
        os.close(descriptor)
