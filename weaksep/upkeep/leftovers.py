"""What stopped processes leave behind, and which folders a living one works in."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.atomic import FULL_DISK, temporary_of
from weaksep.fileio.lock import LOCK_NAME, open_lock
from weaksep.fileio.shards import is_notes


class FolderBusy(Exception):
    """Somebody works in the folder; the message says who."""


def process_of(name: str) -> int | None:
    """The process that a temporary file is named after; None when the name is not one of ours.

    >>> process_of(".feats.1.4242.tmp.ark"), process_of("feats.1.ark")
    (4242, None)
    """
    temporary = temporary_of(name)
    return temporary[1] if temporary else None


def runs(process: int) -> bool:
    """Whether there is such a process on this machine, whoever's it is."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _take(descriptor: int, path: Path) -> None:
    """Lock an open lock file.

    Raises:
        FolderBusy: somebody else has the lock, or there is no way to know.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
        raise FolderBusy("".join(c if c.isprintable() else "?" for c in holder) or "a process") from None
    except FileNotFoundError:
        same = False
    except OSError as error:
        # A file system without locks. Whoever works writes down who it is, so an empty file is nobody's.
        if os.fstat(descriptor).st_size:
            raise FolderBusy(f"perhaps somebody (its lock cannot be tried: {error.strerror})") from None
        same = True
    if not same:
        raise FolderBusy("a process that has just begun")


def worker_in(lock: Path) -> str | None:
    """Who holds a lock file; None when nobody does."""
    try:
        descriptor = open_lock(lock, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except (OSError, UserError) as error:
        return f"perhaps somebody (its lock cannot be opened: {getattr(error, 'strerror', None) or error})"
    try:
        _take(descriptor, lock)
    except FolderBusy as busy:
        return str(busy)
    finally:
        os.close(descriptor)
    return None


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep others out of a folder for the block; a lock file that was left over there is gone afterwards.

    Not ``folder_lock``, which writes down who holds it: this must do on a full disk.

    Raises:
        FolderBusy: somebody else works there.
    """
    path = folder / LOCK_NAME
    try:
        descriptor = open_lock(path)
    except UserError as error:
        raise FolderBusy(f"perhaps somebody ({error})") from None
    except OSError as error:
        if error.errno in FULL_DISK:  # not even a name fits in, so nobody else can begin to work there either
            yield
            return
        raise
    try:
        _take(descriptor, path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held, as in folder_lock
    finally:
        os.close(descriptor)


@dataclass
class Survey:
    """What a walk through some folders found. Symbolic links and hidden folders are not entered.

    Attributes:
        temporaries: temporary files of processes that no longer run.
        locks: lock files that nobody holds.
        notes: folders with the notes of unfinished steps.
        workers: folder -> who works there.
    """

    temporaries: list[Path] = field(default_factory=list)
    locks: list[Path] = field(default_factory=list)
    notes: list[Path] = field(default_factory=list)
    workers: dict[Path, str] = field(default_factory=dict)

    def worker_around(self, place: Path, below: bool = True) -> str | None:
        """Who works in a folder, above it or, unless ``below`` is false, below it, and where."""
        here = place.resolve()
        for folder, worker in self.workers.items():
            there = folder.resolve()
            if there == here or there in here.parents or (below and here in there.parents):
                return f"{worker} works in {folder}"
        return None


def raise_error(error: OSError) -> None:
    """For os.walk, which would leave out what it cannot read without a word; what has just gone may be left out."""
    if not isinstance(error, FileNotFoundError):
        raise error


def survey(tops: Sequence[Path]) -> Survey:
    """Walk through folders, each once, also where one lies in another."""
    found = Survey()
    seen = set()
    for top in tops:
        for parent, folders, files in os.walk(top, onerror=raise_error):
            place = os.path.realpath(parent)
            if place in seen:
                folders.clear()
                continue
            seen.add(place)
            notes = [Path(parent, name) for name in sorted(folders) if is_notes(name)]
            found.notes += [path for path in notes if not path.is_symlink()]
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                _look_at(Path(parent, name), found)
    return found


def _look_at(path: Path, found: Survey) -> None:
    process = process_of(path.name)
    if process is not None:
        if stat.S_ISREG(path.lstat().st_mode) and not runs(process):
            found.temporaries.append(path)
    elif path.name == LOCK_NAME:
        worker = worker_in(path)
        if worker is None:
            found.locks.append(path)
        else:
            found.workers[path.parent] = worker
