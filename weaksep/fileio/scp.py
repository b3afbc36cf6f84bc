"""Where the entries of scp files lead.

They are written relative to the recipe's folder, the nearest one above the table that has a path.sh: Kaldi's tools are
run there, and take every path from there. Outside any recipe they are relative to the table's own folder, or absolute
if it is for a recipe that weaksep works (``run.sh --datadir /elsewhere``).

To read them, that folder is not needed: of ``data/train/audio/a.wav`` in a folder ``.../data/train``, only
``audio/a.wav`` is left. So a recipe can be copied and moved, and its tables read from any folder. A folder that was
handed over under another name has its own files, and tables that other tools made in a recipe are understood.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

_IN_ARCHIVE = re.compile(r"(.+\.ark):([0-9]{1,18})", re.DOTALL)


def split_offset(entry: str) -> tuple[str, int | None]:
    """The file that an entry leads to, and the place there of what an archive holds; None for a whole file.

    >>> split_offset("ark/feats.1.ark:12"), split_offset("audio/a.wav")
    (('ark/feats.1.ark', 12), ('audio/a.wav', None))
    """
    match = _IN_ARCHIVE.fullmatch(entry)
    return (match[1], int(match[2])) if match else (entry, None)


def file_of(path: Path) -> Path:
    """The file on the disk of what an entry leads to."""
    file, offset = split_offset(os.fspath(path))
    return path if offset is None else Path(file)  # another Path takes longer than the look at the file


def _recipe(place: str) -> str | None:
    return next((str(above) for above in Path(place).parents if (above / "path.sh").is_file()), None)


def scp_entries(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    """The entries of a table to be written into ``folder``.

    Args:
        folder: of the table.
        files: key -> file, relative to the folder; or an absolute path, of a file that lies in another folder.
    """
    place = os.path.abspath(folder)
    recipe = _recipe(place)
    if recipe:
        return {key: os.path.join(place, name).removeprefix(f"{recipe}/") for key, name in files.items()}
    # Resolved first: ".." out of a folder that is a symbolic link leads elsewhere than its name says.
    own, real = place if Path("path.sh").is_file() else "", os.path.realpath(place)
    return {
        key: os.path.relpath(os.path.realpath(name), real) if os.path.isabs(name) else os.path.join(own, name)
        for key, name in files.items()
    }


def locator(folder: Path) -> Callable[[str], Path]:
    """What finds the file of an entry, in a table that lies in ``folder``; the file need not be there."""
    locate = text_locator(folder)
    return lambda entry: Path(locate(entry))


def text_locator(folder: Path) -> Callable[[str], str]:
    """The same as text: of a hundred thousand entries, paths would take as long as looking at the files."""
    known: dict[str, list[str]] = {}

    def locate(entry: str) -> str:
        head, name = os.path.split(entry)
        if head not in known:
            known[head] = list(map(str, _places(folder, head)))
        *likely, expected = known[head]
        if likely:
            file, _ = split_offset(name)
            expected = next((place for place in likely if os.path.exists(os.path.join(place, file))), expected)
        return os.path.join(expected, name)

    return locate


def _places(folder: Path, head: str) -> list[Path]:
    """The folder of an entry: the last one, unless one before it has the file."""
    parts, own = head.split("/"), os.path.abspath(folder).split("/")
    # Our folders hold audio or archives: where the path within the folder begins, whatever its name is by now.
    inside = {n: folder.joinpath(*parts[n:]) for n in range(1, len(parts)) if parts[n] in ("audio", "ark")}
    if os.path.isabs(head):  # perhaps of this very folder, before it was moved or copied
        return [*(path for n, path in inside.items() if parts[n - 1] == own[-1]), Path(head)]
    named = [folder.joinpath(*parts[n:]) for n in range(len(parts), 0, -1) if own[-n:] == parts[:n]]
    in_recipe = Path(_recipe("/".join(own)) or folder, head)
    # By the folders alone: a file that is missing in the right one must not be taken from another.
    likely = [folder / head, *named, *inside.values(), in_recipe]
    return [next(filter(os.path.isdir, likely), [*named, folder / head][0])]
