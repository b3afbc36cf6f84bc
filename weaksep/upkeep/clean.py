"""Removing what can be made again.

Of a stage's outputs the tables go first, then the rest. Its stamp stays while anything that it names does: it tells
what is ours, and the stage that something is missing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from weaksep.fileio.names import one_line
from weaksep.fileio.shards import steps_in
from weaksep.upkeep.finds import Find
from weaksep.upkeep.leftovers import FolderBusy, hold, process_of, runs
from weaksep.upkeep.problems import count
from weaksep.upkeep.removable import KINDS, look

logger = logging.getLogger(__name__)


def clean(datadir: Path, dumpdir: Path, expdir: Path, kinds: Sequence[str], *, remove: bool) -> Iterator[str]:
    """List what can be removed, or remove it; lines for people, each when it is done.

    Args:
        kinds: which of KINDS.
        remove: do remove.

    Raises:
        UserError: none of the folders is there.
    """
    found = look(datadir, dumpdir, expdir, kinds)
    if not found.finds:
        yield "nothing to remove"
    elif not remove:
        yield from table(found.finds)
        yield "Nothing is removed without --remove true; it takes only leftovers unless --what names more."
    else:
        total_files = total_bytes = 0
        for find, _, _ in found.finds:
            try:
                n_files, n_bytes = remove_find(find)
            except FolderBusy as busy:  # since we looked
                found.remarks.append(f"left alone: {find.place}: {busy} works there")
                continue
            yield one_line(f"removed {find.kind} in {find.place}: {count(n_files, 'file')}, {megabytes(n_bytes)} MB")
            total_files, total_bytes = total_files + n_files, total_bytes + n_bytes
        yield f"removed {count(total_files, 'file')}, {megabytes(total_bytes)} MB in all"
    yield from map(one_line, found.remarks)


def remove_find(find: Find) -> tuple[int, int]:
    """Remove what was found, and the folders that are empty then.

    Returns:
        files and bytes removed, stamps not counted.

    Raises:
        FolderBusy: a process has begun to work there.
    """
    if find.kind == "leftovers":
        return _remove_leftovers(find)
    n_files = n_bytes = 0
    folders: set[Path] = set()
    with hold(find.place):
        steps = steps_in(find.place) if find.outputs or find.kind == "unfinished" else []
        for step in steps if find.outputs else ():
            step.start_over()
        for path, ours in find.walk():
            if ours:
                n_bytes += _unlink(path)
                n_files += 1
                folders.update(folder for folder in path.parents if find.place in folder.parents)
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):  # not empty
                folder.rmdir()
        for step in steps:
            if not any(os.path.lexists(find.place / name) for name in step.names()):
                step.undo()
    folder = find.place
    while find.top in folder.parents:
        with suppress(OSError):  # not empty
            folder.rmdir()
        folder = folder.parent
    return n_files, n_bytes


def _remove_leftovers(find: Find) -> tuple[int, int]:
    n_files = n_bytes = 0
    for path in find.files:
        process = process_of(path.name)
        if process is not None and runs(process):  # a new one has taken the number: next time, then
            continue
        if process is None:
            n_bytes += path.lstat().st_size
            with hold(path.parent):  # removes the lock file at its end
                pass
        else:
            n_bytes += _unlink(path)
        n_files += 1
    return n_files, n_bytes


def _unlink(path: Path) -> int:
    try:
        n_bytes = path.lstat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    logger.debug("removed %s", path)
    return n_bytes


def megabytes(n_bytes: int) -> str:
    """Bytes as MB with one decimal.

    >>> megabytes(1_260_000)
    '1.3'
    """
    return f"{n_bytes / 1e6:.1f}"


def table(finds: Sequence[tuple[Find, int, int]]) -> list[str]:
    """Lines of an aligned table with a total.

    Args:
        finds: (what, number of files, bytes).
    """
    rows = [("kind", "place", "files", "MB", "made again by")]
    for find, n_files, n_bytes in finds:
        rows.append((find.kind, one_line(str(find.place)), str(n_files), megabytes(n_bytes), KINDS[find.kind]))
    rows += [("total", "", str(sum(n for _, n, _ in finds)), megabytes(sum(size for _, _, size in finds)), "")]
    kind, place, files, mb, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [f"{a:<{kind}}  {b:<{place}}  {c:>{files}}  {d:>{mb}}  {e}".rstrip() for a, b, c, d, e in rows]
