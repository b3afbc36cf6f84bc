"""Removing what can be made again.

Of a stage's outputs the tables go first, then the rest. Its stamp stays while anything that it names does: it tells
what is ours, and the stage that something is missing.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from weaksep.errors import count, noted
from weaksep.fileio.lock import LOCK_NAMES, folder_lock
from weaksep.fileio.names import one_line
from weaksep.fileio.owned import remove_files
from weaksep.fileio.space import readable
from weaksep.upkeep.removable import KINDS, Removable, look


def clean(datadir: Path, dumpdir: Path, expdir: Path, kinds: Sequence[str], *, remove: bool) -> Iterator[str]:
    """List what can be removed, or remove it; lines for people, each when it is done.

    Args:
        kinds: which of KINDS.
        remove: do remove.

    Raises:
        UserError: none of the folders is there.
    """
    found, remarks = look(datadir, dumpdir, expdir, kinds)
    if not found:
        yield "nothing to remove"
    elif not remove:
        yield from map(one_line, table(found))
        yield "Nothing is removed without --remove true; it takes only leftovers unless --what names more."
    else:
        total_files = total_bytes = 0
        for removable, _, _ in found:
            with noted(remarks, "left alone"):  # where somebody has begun to work since we looked
                n_files, n_bytes = remove_now(removable, (datadir, dumpdir, expdir))
                total_files, total_bytes = total_files + n_files, total_bytes + n_bytes
                size = f"{count(n_files, 'file')}, {readable(n_bytes)}"
                yield one_line(f"removed {removable.kind} in {removable.place}: {size}")
        yield f"removed {count(total_files, 'file')}, {readable(total_bytes)} in all"
    yield from map(one_line, remarks)


def remove_now(removable: Removable, tops: Collection[Path]) -> tuple[int, int]:
    """Remove files, and the folders that are empty then, up to one of ``tops``.

    Returns:
        files and bytes removed, stamps not counted.

    Raises:
        UserError: a process has begun to work there, or somebody has put a link in the way.
    """
    place = removable.place
    with folder_lock(place, 0.0, to_remove=True):
        files, steps = removable.files(), removable.steps()
        for step in steps:
            step.start_over()
        remove_files(place, files.keys() - set(LOCK_NAMES))  # which is held
        for step in steps:
            if not any(os.path.lexists(place / name) for name in step.names()):
                step.undo()
    for folder in takewhile(lambda folder: folder not in tops, (place, *place.parents)):
        with suppress(OSError):  # not empty
            folder.rmdir()
    return len(files), sum(files.values())


def table(found: Sequence[tuple[Removable, int, int]]) -> list[str]:
    """Lines of an aligned table with a total.

    Args:
        found: (what, number of files, bytes).
    """
    rows = [
        ("kind", "place", "files", "size", "made again by"),
        *((what.kind, str(what.place), str(n), readable(size), KINDS[what.kind].again) for what, n, size in found),
        ("total", "", str(sum(n for _, n, _ in found)), readable(sum(size for _, _, size in found)), ""),
    ]
    w = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [f"{a:<{w[0]}}  {b:<{w[1]}}  {c:>{w[2]}}  {d:>{w[3]}}  {e}".rstrip() for a, b, c, d, e in rows]
