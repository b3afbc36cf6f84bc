"""What can be removed, as data: one find is a group of files that go together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from weaksep.fileio.lock import LOCK_NAME
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
        outputs: whether these are what a step in ``place`` has made, so that its stamp must go first.
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
        yield from ((path, True) for path in self.files if os.path.lexists(path))
        files = frozenset(self.files)
        for tree in self.trees:
            found = ((path, ours and bool(self.names)) for path, ours in files_below(tree, self.names))
            yield from ((path, ours) for path, ours in found if path not in files)


def files_below(tree: Path, names: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Files below a folder, sorted, and whether they have one of the names. A link to a folder is a file here."""
    if tree.is_symlink():
        yield tree, True
        return
    if not tree.is_dir():
        return
    everything = names == ("*",)
    for parent, folders, files in os.walk(tree, onerror=raise_error):
        folders[:] = sorted(name for name in folders if everything or not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                yield Path(parent, name), True
        for name in sorted(files):
            if not everything and (process_of(name) is not None or name == LOCK_NAME):
                continue  # one of the leftovers, or in use
            ours = everything or not name.startswith(".")
            yield Path(parent, name), ours and any(fnmatchcase(name, pattern) for pattern in names)


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
