"""Places that are cleared before they are written: only what an earlier run of the same kind has left may go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import clear_folder


def check_place(folder: Path, what: str, mark: str, begun: bool, sources: Iterable[Path] = ()) -> None:
    """Refuse a folder that holds something else than what is about to be written there.

    Args:
        folder: to be cleared and written.
        what: goes there, for the message.
        mark: a file that says so.
        begun: an unfinished run is known to have written there.
        sources: folders that are read meanwhile.

    Raises:
        UserError: the folder is a file, holds something else, or is one of the sources.
    """
    place = folder.resolve()
    for source in (path.resolve() for path in sources):
        if source == place or place / "audio" in (source, *source.parents):
            raise UserError(f"{folder}: holds {source}, which is read here; give another folder to write")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder to write")
    found = sorted(path.name for path in folder.glob("[!.]*")) if folder.is_dir() else []
    if found and not begun and not (folder / mark).is_file():
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


def clear_set(folder: Path, tables: Iterable[str]) -> None:
    """Remove what an earlier run wrote into a data folder: tables first, so that no table outlives its audio."""
    for table in [folder / name for name in tables] + list(folder.glob("src_*.scp")):
        table.unlink(missing_ok=True)
    clear_folder(folder / "audio")
