"""What a recipe's folders hold that can be made again, by kind.

Only files whose names weaksep itself gives count, in the places where it writes them; of what a step makes, those that
its stamp names. No symbolic link is removed or followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.datadir import SOURCE_NAME
from weaksep.fileio.shards import NOTES, STAMP_NAME, Shards, is_notes, step_of
from weaksep.upkeep.finds import Find, Found, folders_in, matching
from weaksep.upkeep.leftovers import Survey, survey
from weaksep.upkeep.prepared import cut_clips

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

BOARD_FILES = ("events.out.tfevents.*",)
SCORE_FILES = ("scores.tsv", "tagging.json", "sources.json", SOURCE_NAME, f"*{STAMP_NAME}")
RUN_FILES = (
    *("best.pt", "classifier.pt", "checkpoint.prev.pt", "checkpoint.pt"),
    *("config.yaml", "history.jsonl", "train.log", *BOARD_FILES),
    *SCORE_FILES,
)


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
    inside = [*(path for top in tops for path in top.iterdir()), *expdir.glob("*/separated")]
    links = sorted({path for path in inside if path.is_symlink() and path.is_dir()})
    found.remarks += [f"left alone: {path}: a symbolic link" for path in links]
    finds = [*_leftovers(tops, seen), *_data(datadir, (dumpdir, expdir)), *_features(dumpdir, (expdir,))]
    finds += [*_experiments(expdir), *(cut_clips(datadir, (dumpdir, expdir), found) if "clips" in kinds else ())]
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
        step = Shards(notes.parent, step=step_of(notes.name))
        # The key first: without it nobody goes on. The stamp of the run before stays, for what that has made does.
        own = [path for pattern in NOTES[:-1] for path in sorted(notes.glob(pattern))]
        made = [notes.parent / name for name in sorted(step.claimed())]
        yield Find("unfinished", notes.parent, top_of(notes), tuple(dict.fromkeys([notes / "key", *made, *own])))


def _data(datadir: Path, readers: tuple[Path, ...]) -> Iterator[Find]:
    for folder in folders_in(datadir):
        if folder.name.startswith("events_"):  # cut out of mixtures, by stage 1 as well; a stamp for each set
            for place in (path for path in folders_in(folder) if _made(path, path / "utt2class")):
                table, heard = place / "wav.scp", place / "audio"
                yield Find("mixtures", place, datadir, (table,), (heard,), ("*.wav",), True, (datadir,))
        elif folder.name == "events":
            sets = [path for path in folders_in(folder) if _made(folder, path / "utt2class")]
            tables = tuple(path / "wav.scp" for path in sets)
            audio = tuple(path / "audio" for path in sets)
            yield Find("events", folder, datadir, tables, audio, ("*.wav",), True, (datadir,))
        elif _made(folder, folder / "scenes.jsonl"):  # else somebody's own recordings, which nothing makes again
            tables = matching(folder, "wav.scp", "src_*.scp")
            yield Find("mixtures", folder, datadir, tables, (folder / "audio",), ("*.wav",), True, readers)


def _features(dumpdir: Path, readers: tuple[Path, ...]) -> Iterator[Find]:
    for folder in folders_in(dumpdir):
        if (folder / "ark").exists() or _made(folder, folder / "feats.yaml"):
            names = ("feats.scp", "src_*_feats.scp", "utt2num_frames", "feats.yaml", "cmvn.ark", "references.sha256")
            tables = matching(folder, *names)
            yield Find("features", folder, dumpdir, tables, (folder / "ark",), ("*.ark",), True, readers)


def _experiments(expdir: Path) -> Iterator[Find]:
    for exp in folders_in(expdir):
        separated = exp / "separated"
        for folder in () if separated.is_symlink() else folders_in(separated):
            tables = matching(folder, "*.scp", SOURCE_NAME)
            yield Find("separated", folder, expdir, tables, (folder / "audio",), ("*.wav",), True, (exp,))
        if (exp / STAMP_NAME).is_file() and (exp / "best.pt").is_file():
            yield Find("checkpoints", exp, expdir, (exp / "checkpoint.prev.pt", exp / "checkpoint.pt"))
        yield Find("earlier", exp, expdir, (), (exp / "earlier",), RUN_FILES)
        yield Find("tensorboard", exp, expdir, (), (exp / "tensorboard",), BOARD_FILES)
