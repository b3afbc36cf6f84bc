"""Which files are ours: only those that weaksep has noted before it wrote them are ever removed or written over.

Notes are names below a step's folder. A name is never followed through a link below that folder: what lies behind one
is not known to be ours. The folder itself may be a link, to a larger disk for one.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import accumulate
from operator import truediv
from pathlib import Path
from typing import Any, NamedTuple

from weaksep.errors import UserError
from weaksep.fileio.atomic import full_disk_message, temporary_of
from weaksep.fileio.parsed import open_regular


class NotOurs(UserError):
    """Somebody else's file or link is where one of ours is to go."""


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name is that of a visible file below its folder, and fits a pattern; no patterns fit everything.

    >>> fits("audio/a.wav", ["audio/*.wav"]), fits("audio/dog/a.wav", ["audio/*.wav"]), fits("../a.wav", [])
    (True, False, False)
    """
    parts = name.split("/")
    if "\0" in name or any(not part or part.startswith(".") for part in parts):
        return False
    split = [pattern.split("/") for pattern in patterns]
    return not split or any(len(each) == len(parts) and all(map(fnmatchcase, parts, each)) for each in split)


class Stamp(NamedTuple):
    """What a stamp says: the kind of what the step has written, what that was made from, and its names and sizes."""

    kind: str = ""
    origin: Mapping[str, Mapping[str, Any]] = {}
    outputs: Mapping[str, int] = {}


def read_stamp(path: Path, patterns: Sequence[str] = ()) -> Stamp:
    """Read a stamp.

    Args:
        patterns: what the step writes, if that is known. Of a step that writes outside its folder, names of other
            places there are left out: an earlier run was told another one. They are never removed.

    Raises:
        OSError: no stamp that can be opened.
        ValueError: it is damaged, or names what the step cannot have written.
    """
    try:
        with open_regular(path) as file:
            saved = json.loads(file.read())
        origin = {name: dict(part) for name, part in saved.get("origin", {}).items()}
        outputs = {name: int(size) for name, size in saved["outputs"].items()}
        kind = str(saved.get("kind", ""))
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"not a stamp: {error}") from None
    outside = any(pattern.startswith("../") for pattern in patterns)
    for name in [name for name in outputs if patterns and name not in patterns and not fits(name, patterns)]:
        if not (outside and name.startswith("../")):
            raise ValueError(f"names {name!r}")
        del outputs[name]
    return Stamp(kind, origin, outputs)


def no_folder(path: Path) -> bool:
    """Whether a link, or anything else that is not a folder, is where a folder of ours goes."""
    try:
        status = path.lstat()  # one look: a folder may go between two
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not stat.S_ISDIR(status.st_mode)


def refuse_links(folder: Path, names: Iterable[str]) -> None:
    """Raise NotOurs when a file below a folder would be reached through a link, or lie below a file."""
    parents = {os.path.dirname(name) for name in names} - {""}
    above = {path for parent in parents for path in accumulate(parent.split("/"), truediv, initial=folder)} - {folder}
    for path in filter(no_folder, sorted(above)):
        raise NotOurs(
            f"{path}: a link or a file, and weaksep neither removes nor writes what lies behind it; move it away, "
            f"or make {folder} itself a link"
        )


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Raise NotOurs when something has one of these names, which are about to be written."""
    names = sorted(names)
    refuse_links(folder, names)
    for name in names:
        if os.path.lexists(folder / name):
            raise NotOurs(f"{folder / name}: not noted as written by weaksep; move it away, or give another folder")


def plain_file(path: Path) -> os.stat_result | None:
    """The status of a regular file; None of anything else, of a link above all, and where there is nothing."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files below a folder, and the folders that are empty then.

    Tables go before the audio that they name, and notes of what is ours go last.

    Raises:
        NotOurs: a link is in the way; nothing has been removed.
    """
    names = sorted(names, key=lambda name: (name.startswith("."), name.count("/"), not name.endswith(".scp"), name))
    refuse_links(folder, names)
    paths = [folder / name for name in names]
    for path in filter(plain_file, paths):
        path.unlink(missing_ok=True)
    parents = {parent for path in paths for parent in path.parents if folder in parent.parents}
    for parent in sorted(parents, reverse=True):  # the deeper ones first
        with suppress(OSError):  # not empty
            parent.rmdir()


def remove_temporaries(folder: Path, outputs: Iterable[str]) -> None:
    """Remove the temporary files that killed processes left; call it while nothing else writes there.

    Args:
        folder: they are looked for in it and below.
        outputs: patterns of names below the folder; only what was to become one of these goes.
    """
    for pattern in outputs:
        place, _, wanted = pattern.rpartition("/")
        top = folder
        if place.startswith(".."):  # as the path is written: what is above the folder behind a link is somebody else's
            top, place = Path(os.path.normpath(folder / place)), ""
        for path in top.glob(os.path.join(place, ".*.tmp*")):
            temporary = temporary_of(path.name)
            if temporary and fnmatchcase(temporary[0], wanted):
                with suppress(NotOurs):
                    remove_files(top, [os.path.relpath(path, top)])


class Claims:
    """Names of files, written down before the files are.

    Args:
        folder: which they are below.
        note: where they are written down, a line each.
    """

    def __init__(self, folder: Path, note: Path) -> None:
        self.folder, self.note = folder, note
        self.names = set(read_claims(note))

    def __call__(self, files: Iterable[str | Path]) -> None:
        """Claim files that are about to be written.

        Raises:
            NotOurs: something is there that was not claimed before, or a link on the way.
        """
        names = {os.path.relpath(file, self.folder) for file in files} - self.names
        refuse_others(self.folder, names)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(self.note, "ab", opener=lambda path, _: os.open(path, flags, 0o666)) as file:
                # Each on a line that it begins itself: of the one before, a killed process may have written a part.
                file.write("".join(f"\n{json.dumps(name)}" for name in sorted(names)).encode())
        except OSError as error:
            raise UserError(full_disk_message(self.note, error)) from None
        self.names |= names


def read_claims(note: Path) -> list[str]:
    """Names in a note; none where there is no note, and without one that a killed process has not written whole."""
    names = []
    with suppress(FileNotFoundError):
        for line in note.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                name = json.loads(line)
                names += [name] if isinstance(name, str) else []
    return names


def status_of(path: str | Path) -> os.stat_result | None:
    """The status of what a path leads to, also through a link; None where it leads to nothing."""
    try:
        return os.stat(path)
    except (OSError, ValueError):  # a NUL in a damaged note, among others
        return None


def sizes(folder: Path, names: Iterable[str]) -> Mapping[str, int]:
    """Size of each file that is there, sorted by name. ``..`` goes up the path as it is written, not behind a link."""
    found = {name: status_of(os.path.normpath(folder / name)) for name in sorted(names)}
    return {name: status.st_size for name, status in found.items() if status and stat.S_ISREG(status.st_mode)}
