"""One process at a time in a folder.

The lock is ``flock``: the kernel drops it when its process ends, however it ends, so the file that a killed process
leaves behind holds nobody up. What the file says is for people. Where the file system knows no locks, as NFS at times,
a lease takes their place (``fileio/lease.py``).
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
from weaksep.fileio import lease
from weaksep.fileio.atomic import FULL_DISK

logger = logging.getLogger(__name__)

LOCK_NAME = ".lock"
LOCK_NAMES = (LOCK_NAME, lease.LEASE_NAME)
# A process that was killed a moment ago may still be ending; so may its workers.
PATIENCE_S = 10.0
NO_LOCK = "{}: not a lock of weaksep, which goes there; move it away"


class _NoLocks(Exception):
    """The file system has none."""


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


def try_lock(descriptor: int) -> None:
    """Lock an open file; the lock goes with the descriptor.

    Raises:
        BlockingIOError: another process has it.
        OSError: the file system has no locks.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _written(descriptor: int) -> str:
    """What a lock file says."""
    return os.pread(descriptor, 200, 0).decode(errors="replace").strip()


def _holder(descriptor: int, path: Path) -> str | None:
    """Try to take an open lock: who holds it, None when it is ours now.

    Raises:
        _NoLocks: the file system has none.
    """
    try:
        try_lock(descriptor)
        same = os.fstat(descriptor).st_ino == os.stat(path).st_ino
    except BlockingIOError:
        return _written(descriptor) or "another process"
    except FileNotFoundError:
        same = False
    except OSError as error:
        raise _NoLocks if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP) else error from None
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
        return _holder(descriptor, path)
    except _NoLocks:
        other = lease.held(folder / lease.LEASE_NAME)
        return other and other.text
    finally:
        os.close(descriptor)


def _leased(path: Path) -> tuple[lease.Lease | None, str | None, float]:
    """A lease in place of a lock; or who has it, and for how much longer at the least it is worth waiting, seconds."""
    found = lease.take(path.with_name(lease.LEASE_NAME), f"{_who()}, {os.urandom(4).hex()}")
    if isinstance(found, lease.Lease):
        return found, None, 0.0
    # Of one that is no longer heard of it is known when it ends.
    return None, found.text, lease.STALE_S - found.age_s + 1.0 if found.age_s > 2 * lease.BEAT_S else 0.0


def _who() -> str:
    since = datetime.now().isoformat(timespec="seconds")
    return f"process {os.getpid()} on {socket.gethostname()} (since {since})"


def _acquire(path: Path, patience_s: float) -> tuple[int, lease.Lease | None]:
    """A descriptor that holds the lock, or the lease that takes its place."""
    deadline = time.monotonic() + patience_s
    while True:
        descriptor, own = open_lock(path), None
        try:
            holder = _holder(descriptor, path)
        except _NoLocks:
            own, holder, more_s = _leased(path)
            deadline = max(deadline, time.monotonic() + more_s) if patience_s and more_s else deadline
        if holder is None:
            return descriptor, own
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
        to_remove: the block only removes files: it need not wait for room on the disk.

    Raises:
        UserError: another process holds it for longer, or the lock is somebody else's file.
    """
    path = Path(folder) / LOCK_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor, own = _acquire(path, patience_s)
    except OSError as error:
        if not to_remove or error.errno not in FULL_DISK:
            raise
        yield  # not even a name fits in, so nobody else can begin to work there either
        return
    try:
        before = _written(descriptor)
        if before:
            logger.info("%s: took over the lock of %s, which has gone", path.parent, before)
        os.ftruncate(descriptor, 0)
        with suppress(OSError):  # a full disk; the text is only for people
            os.pwrite(descriptor, f"{_who()}\n".encode(), 0)
        yield
    finally:
        # Removed while it is held: whoever waits for it finds the name gone or new, and looks again.
        path.unlink(missing_ok=True)
        os.close(descriptor)
        if own:
            own.give_back()
