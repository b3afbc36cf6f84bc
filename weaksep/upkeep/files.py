"""The files that wav.scp and src_<class>.scp name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from weaksep.upkeep.folder import Folder
from weaksep.upkeep.problems import Problem


def check_files(folder: Folder, name: str) -> Iterator[Problem]:
    """Entries that are no files of the folder: shell pipes, ways out by ``..``, files that are missing or empty.

    An absolute path is taken as it is: it is how one names recordings that lie elsewhere. A ``..`` is refused, since
    the folder could not be moved or linked without another file coming to stand for the clip.
    """
    for utt, (line, value) in folder.table(name).entries.items():
        what = entry_problem(str(folder.path), value)
        if what:
            yield folder.problem(name, line, f"{utt}: {what}", folder.stage)


def entry_problem(folder: str, value: str) -> str | None:
    """What is wrong with one entry, by its name and the file's size alone."""
    if value.startswith("|") or value.endswith("|"):
        return f"{value!r} is a shell pipe, which is not run; write the file's path"
    if ".." in value.split("/"):
        return f"{value} leads out of the folder; give a path inside it, or an absolute one"
    try:
        status = os.stat(os.path.join(folder, value))
    except FileNotFoundError:
        return f"no file {value}"
    except (OSError, ValueError) as error:
        return f"{value} cannot be reached ({getattr(error, 'strerror', None) or error})"
    if not stat.S_ISREG(status.st_mode):
        return f"{value} is no file"
    return None if status.st_size else f"{value} is empty"
