"""Places to write: refused before any work when they hold what is read, or what weaksep has not put there."""

from collections.abc import Callable, Iterable
from pathlib import Path

from weaksep.errors import UserError, raise_problems


def check_sources(folder: Path, sources: Iterable[Path]) -> None:
    """Refuse a folder to write that holds, or lies among, what is read meanwhile, also by way of links.

    Args:
        folder: what is in it, and in its ``audio``, will be replaced.
        sources: files, and folders whose audio is in their ``audio``.

    Raises:
        UserError: one of them overlaps with the folder.
    """
    written = [folder.resolve(), (folder / "audio").resolve()]
    for source in dict.fromkeys(path if path.is_symlink() or path.is_dir() else path.parent for path in sources):
        read = [source.resolve(), *([(source / "audio").resolve()] if source.is_dir() else [])]
        inside = any(place in (path, *path.parents) for place in written for path in read)
        if inside or any(path in place.parents for place in written for path in read[1:]):
            raise UserError(f"{folder}: holds {source.resolve()}, which is read here; give another folder to write")


def check_place(folder: Path, what: str, known: bool, sources: Iterable[Path] = ()) -> None:
    """Refuse a folder that holds something else than what is about to be written there.

    Args:
        folder: to be written.
        what: goes there, for the message.
        known: an earlier run has left its stamp or notes there.
        sources: see ``check_sources``.

    Raises:
        UserError: the folder is a file, holds something else, or overlaps with one of the sources.
    """
    check_sources(folder, sources)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder to write")
    found = sorted(path.name for path in folder.glob("[!.]*")) if folder.is_dir() else []
    if found and not known:
        raise UserError(f"{folder}: holds something else than {what} ({', '.join(found[:3])}); give another folder")


def check_apart(folders: Iterable[Path], sources: Iterable[Path]) -> None:
    """Refuse to write into folders in which something lies that is read, however it is reached: through a link,
    or by a name in another case.

    Args:
        folders: to be written; need not be there yet.
        sources: files that are read meanwhile.

    Raises:
        UserError: listing the sources that lie in one of the folders, or deeper.
    """
    written = {_identity(folder): folder for folder in folders if folder.is_dir()}
    above = {source: {*source.absolute().parents, *source.resolve().parents} for source in sources if written}
    identities = {parent: _identity(parent) for parent in set().union(*above.values()) if parent.is_dir()}
    inside = [
        f"{source}: lies in {written[identities[parent]]}, which is written; give another folder to write"
        for source, parents in above.items()
        for parent in sorted(parents)
        if identities.get(parent) in written
    ]
    raise_problems("what is read would be overwritten", list(dict.fromkeys(inside)))


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def check_file(path: Path, what: str, ours: Callable[[Path], bool]) -> None:
    """Refuse a file to write that is there already, unless it is one that weaksep has written.

    Args:
        path: the file.
        what: is to be written, for the message.
        ours: whether a file is such a one.

    Raises:
        UserError: something else is there.
    """
    if path.is_symlink() or (path.exists() and not (path.is_file() and ours(path))):
        raise UserError(f"{path}: is there and not {what}; give another name, or move it away")


def check_new(folder: Path) -> None:
    """Refuse a folder to write that is there, unless it is an empty one.

    Raises:
        UserError: something is there.
    """
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise UserError(f"{folder}: is there already; give another name, or move it away")


def check_list(path: Path | None, names: Iterable[str]) -> None:
    """Refuse a file for a list of names that is there and holds anything else.

    Raises:
        UserError: it does.
    """
    known = {name.encode() for name in names}
    if path is not None:
        check_file(path, "an empty file or such a list", lambda file: set(file.read_bytes().split()) <= known)
