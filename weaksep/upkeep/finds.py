"""What can be removed, as data: one find is a group of files that go together."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from weaksep.fileio.lock import LOCK_NAME
from weaksep.fileio.owned import link_above
from weaksep.fileio.shards import steps_in
from weaksep.upkeep.leftovers import process_of, raise_error


@dataclass(frozen=True)
class Find:
    """Something that can be removed.

    Attributes:
        kind: one of removable.KINDS.
        place: the folder it is in; a process that works there holds its lock.
        top: the data, dump or exp folder, which always stays.
        files: single files, in the order in which they go.
        trees: folders, which go after the files.
        names: patterns of the trees' files; others stay, all but ``files`` where there are none.
        outputs: whether these are what steps in ``place`` have made: what their stamps do not name stays.
        readers: folders in which whoever works may read it.
    """

    kind: str
    place: Path
    top: Path
    files: tuple[Path, ...] = ()
    trees: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    outputs: bool = False
    readers: tuple[Path, ...] = ()

    def walk(self) -> Iterator[tuple[Path, bool]]:
        """Every file that is there now, in order, and whether it is to go."""
        made = {name for step in steps_in(self.place) for name in step.names()} if self.outputs else None

        def ours(path: Path) -> bool:
            name = os.path.relpath(path, self.place)
            plain = stat.S_ISREG(path.lstat().st_mode) and link_above(self.place, name) is None
            return plain and (made is None or name in made)

        yield from ((path, ours(path)) for path in self.files if os.path.lexists(path))
        for tree in self.trees:
            found = (pair for pair in files_below(tree, self.names) if pair[0] not in self.files)
            yield from ((path, named and ours(path)) for path, named in found)


def files_below(tree: Path, names: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Files below a folder, sorted, and whether they have one of the names. A link to a folder is a file here."""
    if tree.is_symlink():
        yield tree, False
        return
    if not tree.is_dir():
        return
    for parent, folders, files in os.walk(tree, onerror=raise_error):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                yield Path(parent, name), False
        for name in sorted(files):
            if process_of(name) is not None or name == LOCK_NAME:
                continue  # one of the leftovers, or in use
            yield Path(parent, name), not name.startswith(".") and any(fnmatchcase(name, pattern) for pattern in names)


@dataclass
class Found:
    """What there is.

    Attributes:
        finds: (what, number of files, bytes), by kind and place.
        remarks: lines on what is left alone.
    """

    finds: list[tuple[Find, int, int]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def folders_in(folder: Path) -> list[Path]:
    """Folders right in a folder, no links and nothing hidden."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith("."))


def matching(folder: Path, *patterns: str) -> tuple[Path, ...]:
    return tuple(path for pattern in patterns for path in sorted(folder.glob(pattern)))
