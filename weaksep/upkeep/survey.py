"""What lies in a recipe's folders, and in which of them a process works."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from weaksep.fileio.atomic import temporary_of
from weaksep.fileio.lock import LOCK_NAMES, worker_in


@dataclass
class Survey:
    """What a walk through some folders found. No symbolic link is followed, and no hidden folder is entered.

    Attributes:
        files: folder -> names of what is in it beside folders; lock files only where nobody holds them.
        links: symbolic links to folders.
        workers: folder -> who works there.
    """

    files: dict[Path, set[str]] = field(default_factory=dict)
    links: list[Path] = field(default_factory=list)
    workers: dict[Path, str] = field(default_factory=dict)

    def below(self, place: Path) -> Iterator[str]:
        """Names of all files below a folder."""
        inside = [folder for folder in self.files if place in (folder, *folder.parents)]
        start = {folder: f"{folder.relative_to(place)}/" if folder != place else "" for folder in inside}
        return (start[folder] + name for folder in inside for name in self.files[folder])

    def worker_around(self, place: Path, below: bool = True) -> str | None:
        """Who works in a folder, above it or, unless ``below`` is false, below it, and where."""
        here = place.resolve()
        near = (
            f"{worker} works in {folder}"
            for folder, worker in self.workers.items()
            if (there := folder.resolve()) in (here, *here.parents) or (below and here in there.parents)
        )
        return next(near, None)


def survey(tops: Iterable[Path]) -> Survey:
    """Walk through folders; of two of which one lies in the other, what is in both belongs to the inner one.

    Raises:
        OSError: one cannot be read.
    """
    found = Survey()
    todo = sorted(tops, key=lambda top: -len(top.resolve().parts))
    seen = set()
    for folder in todo:  # which grows
        if (real := folder.resolve()) in seen:
            continue
        seen.add(real)
        with suppress(FileNotFoundError):  # it has just gone
            names = set(os.listdir(folder))
            folders = [folder / name for name in sorted(names) if os.path.isdir(folder / name)]
            found.links += [path for path in folders if path.is_symlink()]
            todo += [path for path in folders if not path.is_symlink() and not path.name.startswith(".")]
            if worker := worker_in(folder):
                found.workers[folder] = worker
            found.files[folder] = names.difference((path.name for path in folders), LOCK_NAMES if worker else [])
    return found


def abandoned(name: str) -> bool:
    """Whether a file is a temporary one of a process that no longer runs on this machine."""
    if temporary := temporary_of(name):
        with suppress(PermissionError):  # somebody else's process
            try:
                os.kill(temporary[1], 0)
            except (ProcessLookupError, OverflowError):
                return True
    return False
