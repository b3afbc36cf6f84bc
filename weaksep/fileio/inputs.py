"""What a step reads of a folder, for its stamp: tables, and the files that they name."""

import os
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from weaksep.fileio.datadir import scp_files
from weaksep.fileio.scp import split_offset


def tables_of(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Those of the tables that are there, under names that do not depend on where the folder lies."""
    return {f"{folder.name}/{name}": folder / name for name in names if (folder / name).is_file()}


def files_of(folder: Path, scps: Iterable[str]) -> dict[str, str]:
    """Every file that the scp tables of a folder name; a table that is not there names none.

    Raises:
        UserError: an scp is malformed.
    """
    # Found once a folder: for every file, it would take longer than the look at the file.
    way = cache(partial(os.path.relpath, start=folder))
    there = (folder / scp for scp in scps if (folder / scp).is_file())
    found = {}
    for file in dict.fromkeys(split_offset(entry)[0] for scp in there for entry in scp_files(scp).values()):
        home, name = os.path.split(file)
        found[f"{folder.name}/{os.path.join(way(home), name).removeprefix('./')}"] = file
    return found


def source_scps(folder: Path) -> list[str]:
    """Names of a data folder's tables of references."""
    return sorted(path.name for path in folder.glob("src_*.scp"))
