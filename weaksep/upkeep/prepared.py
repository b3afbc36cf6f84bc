"""The clips that ``weaksep prepare`` has cut: which of the files in a data folder are still as it made them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from weaksep.fileio.stamp import PREPARE_STAMP
from weaksep.upkeep.finds import Find, Found, files_below, folders_in, matching


def cut_clips(datadir: Path, readers: tuple[Path, ...], found: Found) -> Iterator[Find]:
    """What prepare made, file by file as its stamp has it; what has changed since is somebody's own, as is a whole set
    whose tables have. The stamp stays: should we be stopped, it tells what else there is, and prepare that files are
    missing."""
    try:
        made_ns = (datadir / PREPARE_STAMP).stat().st_mtime_ns
        saved = json.loads((datadir / PREPARE_STAMP).read_text(encoding="utf-8"))
        sources, sizes = [*saved["origin"]["tables"], *saved["origin"]["files"]], dict(saved["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return

    def as_made(path: Path) -> bool:
        now = path.lstat()
        same = stat.S_ISREG(now.st_mode) and now.st_mtime_ns <= made_ns
        return same and sizes.get(str(path.relative_to(datadir))) == now.st_size

    clips = {folder: [p for p, _ in files_below(folder / "audio", ()) if as_made(p)] for folder in folders_in(datadir)}
    tables = {folder: matching(folder, "wav.scp", "src_*.scp") for folder in clips}
    sets = [folder for folder in clips if clips[folder] and all(map(as_made, tables[folder]))]
    lost = [name for name in sources if not os.path.exists(name)]
    if sets and lost:
        found.remarks.append(f"left alone: clips in {datadir}: {lost[0]}, of which they were made, is not there")
    elif sets:
        files = tuple(chain(*(tables[folder] for folder in sets), *(clips[folder] for folder in sets)))
        trees = tuple(folder / "audio" for folder in sets)
        yield Find("clips", datadir, datadir, files, trees, readers=readers)
