"""What a recipe's folders hold that can be made again, by kind.

Only files whose names weaksep itself gives count, in the places where it writes them. A symbolic link among them counts
as the link; none is followed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.datadir import SOURCE_NAME
from weaksep.fileio.lock import LOCK_NAME
from weaksep.fileio.stamp import STAMP_NAME
from weaksep.upkeep.leftovers import Survey, is_notes, process_of, raise_error, survey

# Kind -> what makes it again.
KINDS = {
    "leftovers": "not needed (stopped processes left it)",
    "unfinished": "the interrupted stage, from its beginning",
    "features": "stage 2",
    "separated": "stage 5",
    "mixtures": "stage 1, or weaksep rebuild",
    "clips": "stage 0, or weaksep prepare, from the recordings",
    "events": "stage 0, from the corpus",
    "checkpoints": "not needed (the training has ended)",
    "earlier": "only by training with the earlier settings",
    "tensorboard": "only by training again",
}
NAMED_ONLY = ("earlier", "tensorboard")

PREPARE_STAMP = f"prepare.{STAMP_NAME}"  # as in recordings/steps.py
BOARD_FILES = ("events.out.tfevents.*",)
SCORE_FILES = ("scores.tsv", "tagging.json", "sources.json", SOURCE_NAME, f"*{STAMP_NAME}")
RUN_FILES = (
    *("best.pt", "classifier.pt", "checkpoint.prev.pt", "checkpoint.pt"),
    *("config.yaml", "history.jsonl", "train.log", *BOARD_FILES),
    *SCORE_FILES,
)


@dataclass(frozen=True)
class Find:
    """Something that can be removed.

    Attributes:
        kind: one of KINDS.
        place: the folder it is in; a process that works there holds its lock.
        top: the data, dump or exp folder, which always stays.
        files: single files, in the order in which they go.
        trees: folders, which go after the files.
        names: patterns of the trees' files; others stay, all but ``files`` where there are none.
        outputs: whether these are what a step in ``place`` has made, so that its stamp must go first.
        readers: folders in which whoever works may read it.
    """

    kind: str
    place: Path
    top: Path
    files: tuple[Path, ...] = ()
    trees: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    outputs: bool = False
    readers: tuple[Path, ...] = ()

    def walk(self) -> Iterator[tuple[Path, bool]]:
        """Every file that is there now, in order, and whether it is to go."""
        yield from ((path, True) for path in self.files if os.path.lexists(path))
        files = frozenset(self.files)
        for tree in self.trees:
            found = ((path, ours and bool(self.names)) for path, ours in _walk(tree, self.names))
            yield from ((path, ours) for path, ours in found if path not in files)


def _walk(tree: Path, names: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Files below a folder, sorted, and whether they have one of the names. A link to a folder is a file here."""
    if tree.is_symlink():
        yield tree, True
        return
    if not tree.is_dir():
        return
    everything = names == ("*",)
    for parent, folders, files in os.walk(tree, onerror=raise_error):
        folders[:] = sorted(name for name in folders if everything or not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                yield Path(parent, name), True
        for name in sorted(files):
            if not everything and (process_of(name) is not None or name == LOCK_NAME):
                continue  # one of the leftovers, or in use
            ours = everything or not name.startswith(".")
            yield Path(parent, name), ours and any(fnmatchcase(name, pattern) for pattern in names)


@dataclass
class Found:
    """What there is.

    Attributes:
        finds: (what, number of files, bytes), by kind and place.
        remarks: lines on what is left alone.
    """

    finds: list[tuple[Find, int, int]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def look(datadir: Path, dumpdir: Path, expdir: Path, kinds: Sequence[str]) -> Found:
    """Find what can be removed.

    Args:
        kinds: which of KINDS.

    Raises:
        UserError: none of the folders is there.
    """
    tops = [top for top in (datadir, dumpdir, expdir) if top.is_dir()]
    if not tops:
        names = ", ".join(map(str, (datadir, dumpdir, expdir)))
        raise UserError(
            f"none of {names} is a folder in {Path.cwd()}: go to a recipe, or give --datadir, --dumpdir, --expdir"
        )
    seen = survey(tops)
    found = Found(remarks=[f"left alone: {folder}: {who} works there" for folder, who in seen.workers.items()])
    links = sorted({path for top in tops for path in top.iterdir() if path.is_symlink() and path.is_dir()})
    found.remarks += [f"left alone: {path}: a symbolic link" for path in links]
    finds = [*_leftovers(tops, seen), *_data(datadir, (dumpdir, expdir)), *_features(dumpdir, (expdir,))]
    finds += [*_experiments(expdir), *(_clips(datadir, (dumpdir, expdir), found) if "clips" in kinds else ())]
    order = list(KINDS)
    for find in sorted(finds, key=lambda find: (order.index(find.kind), os.fsencode(find.place))):
        if find.kind in kinds and not seen.worker_around(find.place, below=find.kind != "leftovers"):
            readers = [reader for folder in find.readers if (reader := seen.worker_around(folder))]
            _take_in(find, found, readers)
    return found


def _take_in(find: Find, found: Found, readers: Sequence[str]) -> None:
    count = n_bytes = 0
    strangers = []
    for path, ours in find.walk():
        if ours:
            count += 1
            n_bytes += os.lstat(path).st_size
        else:
            strangers.append(path)
    if count and readers:
        found.remarks.append(f"left alone: {find.kind} in {find.place}: {readers[0]} and may read them")
    elif count:
        found.finds.append((find, count, n_bytes))
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        found.remarks.append(f"left alone: {strangers[0]}{more}: not written by weaksep")


def _folders(folder: Path) -> list[Path]:
    """Folders right in a folder, no links and nothing hidden."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith("."))


def _matching(folder: Path, *patterns: str) -> tuple[Path, ...]:
    return tuple(path for pattern in patterns for path in sorted(folder.glob(pattern)))


def _made(folder: Path, table: Path) -> bool:
    """Whether weaksep made a folder: a table that nobody else writes is there, or the notes of a stopped stage."""
    return table.is_file() or any(is_notes(path.name) for path in folder.iterdir())


def _leftovers(tops: Sequence[Path], seen: Survey) -> Iterator[Find]:
    def top_of(path: Path) -> Path:
        return max((top for top in tops if top in path.parents), key=lambda top: len(top.parts))

    groups: dict[Path, list[Path]] = {}
    for path in [*seen.temporaries, *seen.locks]:
        groups.setdefault(path.parent, []).append(path)
    for place, files in groups.items():
        yield Find("leftovers", place, top_of(files[0]), tuple(files))
    for notes in seen.notes:
        # Without its key nobody goes on with what else is there.
        first = () if notes.is_symlink() else (notes / "key",)
        yield Find("unfinished", notes.parent, top_of(notes), first, (notes,), ("*",))


def _data(datadir: Path, readers: tuple[Path, ...]) -> Iterator[Find]:
    for folder in _folders(datadir):
        if folder.name.startswith("events_"):  # cut out of mixtures, by stage 1 as well; a stamp for each set
            for place in (path for path in _folders(folder) if _made(path, path / "utt2class")):
                table, heard = place / "wav.scp", place / "audio"
                yield Find("mixtures", place, datadir, (table,), (heard,), ("*.wav",), True, (datadir,))
        elif folder.name == "events":
            sets = [path for path in _folders(folder) if _made(folder, path / "utt2class")]
            tables = tuple(path / "wav.scp" for path in sets)
            audio = tuple(path / "audio" for path in sets)
            yield Find("events", folder, datadir, tables, audio, ("*.wav",), True, (datadir,))
        elif _made(folder, folder / "scenes.jsonl"):  # else somebody's own recordings, which nothing makes again
            tables = _matching(folder, "wav.scp", "src_*.scp")
            yield Find("mixtures", folder, datadir, tables, (folder / "audio",), ("*.wav",), True, readers)


def _clips(datadir: Path, readers: tuple[Path, ...], found: Found) -> Iterator[Find]:
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

    clips = {folder: [p for p, _ in _walk(folder / "audio", ()) if as_made(p)] for folder in _folders(datadir)}
    tables = {folder: _matching(folder, "wav.scp", "src_*.scp") for folder in clips}
    sets = [folder for folder in clips if clips[folder] and all(map(as_made, tables[folder]))]
    lost = [name for name in sources if not os.path.exists(name)]
    if sets and lost:
        found.remarks.append(f"left alone: clips in {datadir}: {lost[0]}, of which they were made, is not there")
    elif sets:
        files = tuple(chain(*(tables[folder] for folder in sets), *(clips[folder] for folder in sets)))
        trees = tuple(folder / "audio" for folder in sets)
        yield Find("clips", datadir, datadir, files, trees, readers=readers)


def _features(dumpdir: Path, readers: tuple[Path, ...]) -> Iterator[Find]:
    for folder in _folders(dumpdir):
        if (folder / "ark").exists() or _made(folder, folder / "feats.yaml"):
            names = ("feats.scp", "src_*_feats.scp", "utt2num_frames", "feats.yaml", "cmvn.ark", "references.sha256")
            tables = _matching(folder, *names)
            yield Find("features", folder, dumpdir, tables, (folder / "ark",), ("*.ark",), True, readers)


def _experiments(expdir: Path) -> Iterator[Find]:
    for exp in _folders(expdir):
        separated = exp / "separated"
        if separated.is_symlink():
            yield Find("separated", exp, expdir, (separated,))
        else:
            for folder in _folders(separated):
                tables = _matching(folder, "*.scp", SOURCE_NAME)
                yield Find("separated", folder, expdir, tables, (folder / "audio",), ("*.wav",), True, (exp,))
        if (exp / STAMP_NAME).is_file() and (exp / "best.pt").is_file():
            yield Find("checkpoints", exp, expdir, (exp / "checkpoint.prev.pt", exp / "checkpoint.pt"))
        yield Find("earlier", exp, expdir, (), (exp / "earlier",), RUN_FILES)
        yield Find("tensorboard", exp, expdir, (), (exp / "tensorboard",), BOARD_FILES)
