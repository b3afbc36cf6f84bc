"""Who works in a folder of a file system without locks, as NFS can be: a file that its holder keeps touching.

What is relied on, and holds over NFS from version 3 on: of all that make a file with O_EXCL one succeeds; a file's time
of modification is the server's, so that all see one clock; and it is seen by others within a minute (``acregmax``).
A holder that is killed touches its file no more, and after STALE_S the lease is anybody's. One that was only stopped
for so long (a laptop's lid, a suspended job) finds that out when it wakes, and ends as by SIGTERM.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

LEASE_NAME = ".lease"
BEAT_S = 20.0
STALE_S = 180.0


class Held(NamedTuple):
    """Somebody's lease: what it says of its holder, and how long ago that one was last heard of, seconds."""

    text: str
    age_s: float


def held(path: Path) -> Held | None:
    """The lease at ``path`` that is in force; None for none, or for one that is anybody's by now."""
    found = _look(path)
    return found if found and found.age_s < STALE_S else None


def _look(path: Path) -> Held | None:
    """By the clock of the file system: the age is the difference to a file that is made now."""
    probe = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8", errors="replace") as file:
            text, touched_s = file.read(200).strip(), os.fstat(file.fileno()).st_mtime
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileNotFoundError:
        return None
    try:
        return Held(text or "another process", os.fstat(descriptor).st_mtime - touched_s)
    finally:
        os.close(descriptor)
        probe.unlink()


class Lease:
    """A lease of ours, touched until it is given back.

    Args:
        path: of its file.
        text: what it says of its holder; no two leases say the same.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self._done = threading.Event()
        threading.Thread(target=self._beat, name="lease", daemon=True).start()

    def _ours(self) -> bool | None:
        """Whether it is still this one that lies there; None while nobody can say, since the server is away."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace") == self.text
        except FileNotFoundError:
            return False
        except OSError:
            return None

    def _beat(self) -> None:
        while not self._done.wait(BEAT_S):
            if self._ours() is False:
                logger.error("%s: was stopped for too long, and somebody else works here by now; ends", self.path)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            with suppress(OSError):  # a server that is away for a moment
                os.utime(self.path)

    def give_back(self) -> None:
        """End it."""
        self._done.set()
        if self._ours():
            self.path.unlink(missing_ok=True)


def take(path: Path, text: str) -> Lease | Held:
    """Take the lease at ``path``; the one that is in the way where that fails.

    Args:
        path: of its file.
        text: see ``Lease``.

    Raises:
        OSError: no file can be made there.
    """
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return Lease(path, text)
    found = _look(path)
    if found is None or found.age_s < STALE_S:
        return found or Held("a process that has just ended", 0.0)
    # Only one may remove this very lease, and not one that has taken its place meanwhile.
    breaking = path.with_name(f"{path.name}.{sha256(found.text.encode()).hexdigest()[:16]}")
    try:
        os.close(os.open(breaking, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return Held(f"{found.text}; if that has gone, remove {breaking.name}", found.age_s)
    try:
        again = _look(path)
        if again and again.text == found.text and again.age_s >= STALE_S:
            logger.info("%s: took over from %s, not heard of for %.0f s", path.parent, found.text, again.age_s)
            path.unlink()
    finally:
        breaking.unlink()
    return take(path, text)
