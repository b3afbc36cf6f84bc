"""Mend the tables of a data folder: a copy of what was there is kept, and what is left to mend is told."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import atomic_path, write_text
from weaksep.fileio.lock import folder_lock
from weaksep.upkeep.folder import Folder
from weaksep.upkeep.mending import Plan, make_plan
from weaksep.upkeep.problems import Problem
from weaksep.upkeep.validate import check_tables

BACKUP_NAME = ".backup"


@dataclass(frozen=True)
class Fixed:
    """What was done.

    Attributes:
        plan: the clips that stayed and went.
        changed: tables that were written anew, in that order.
        backup: where the old ones are; None when there were none.
        remaining: problems that are still there.
        next_stage: the stage that reads the folder.
    """

    plan: Plan
    changed: list[str]
    backup: Path | None
    remaining: list[Problem]
    next_stage: int


def fix(path: Path, backup_root: Path | None = None) -> Fixed:
    """Mend the tables of a data folder as far as that can be done from the folder alone.

    Args:
        path: data/<set> or data/events/<set>.
        backup_root: folder in which each mending puts a folder with the old tables; DIR/.backup when None.

    Raises:
        UserError: no such folder, no wav.scp, a table that cannot be read, no clip would be left, or another process
            works in the folder. Then nothing has been changed.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such data folder")
    with folder_lock(path):
        folder = Folder(path)
        if not folder.wav.there:
            raise UserError(f"{folder.wav.problems[0]}; nothing was changed")
        plan = make_plan(folder)
        raise_problems(
            f"{path}: nothing was changed",
            [f"{path / name}: cannot be read; make it readable" for name in sorted(folder.unreadable)],
        )
        changed = [name for name, text in plan.texts.items() if not _holds(path / name, text)]
        backup = None
        old = [name for name in changed if (path / name).exists()]
        if old:
            backup = back_up(path, old, backup_root or path / BACKUP_NAME)
        for name in changed:
            write_text(path / name, plan.texts[name])
    remaining = list(check_tables(Folder(path)))
    return Fixed(plan, changed, backup, remaining, folder.kind.stage + 1)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def back_up(path: Path, names: Iterable[str], root: Path) -> Path:
    """Copy files of a folder into a new folder under ``root``, named by the time; an earlier one is never touched."""
    target = _new_folder(root)
    for name in names:
        with atomic_path(target / name) as temporary:
            shutil.copy2(path / name, temporary)
    return target


def _new_folder(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    stem = datetime.now().strftime("%Y%m%dT%H%M%S")
    for number in itertools.count(1):
        folder = root / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable")
