"""What a recipe's folders hold that can be made again, by kind.

Stamps say what has been written: of that, files of the names that belong to the stamp's kind count, as long as they are
as they were written. What an interrupted run has made, it has noted before. Whatever else lies there is only named.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import NamedTuple

from weaksep.errors import UserError
from weaksep.fileio.atomic import temporary_of
from weaksep.fileio.datadir import CONFIDENCE_NAME, SOURCE_NAME
from weaksep.fileio.eventdir import EVENT_AUDIO
from weaksep.fileio.experiments import BOARD_FILES, CHECKPOINTS, EARLIER_NAME, RUN_FILES
from weaksep.fileio.lock import LOCK_NAMES
from weaksep.fileio.names import AUDIO_PATTERNS
from weaksep.fileio.owned import fits, plain_file, status_of
from weaksep.fileio.shards import Shards, steps_in
from weaksep.upkeep.survey import abandoned, survey


class Kind(NamedTuple):
    """A kind of removable files.

    Attributes:
        again: what makes them again.
        files: patterns of their names below the folder of the stamp, or of the experiment.
        only: pattern of names in the folders in which nothing else belongs.
        readers: in which folders somebody who works may read them: ``{data}``, ``{dump}``, ``{exp}``, ``{place}``.
    """

    again: str
    files: Sequence[str] = ()
    only: str = ""
    readers: Sequence[str] = ()


AUDIO = ("wav.scp", "src_*.scp", *EVENT_AUDIO, *AUDIO_PATTERNS)
AUDIO_OF_SETS = tuple(f"*/{name}" for name in AUDIO)
FEATURES = ("feats.scp", "src_*_feats.scp", "utt2num_frames", "feats.yaml", "*.ark", "references.sha256", "ark/*.ark")
ALL = ("{data}", "{dump}", "{exp}")
KINDS = {
    "leftovers": Kind("not needed (stopped processes left it)"),
    "unfinished": Kind("the interrupted stage, from its beginning"),
    "features": Kind("stage 2", FEATURES, "ark/*", ("{exp}",)),
    "separated": Kind(
        "stage 5", ("*.scp", SOURCE_NAME, CONFIDENCE_NAME, *AUDIO_PATTERNS), "audio/*", ("{place}/../..",)
    ),
    "mixtures": Kind("stage 1, or weaksep rebuild", AUDIO, "audio/*", ALL),
    "clips": Kind("stage 0, or weaksep prepare, from the recordings", AUDIO_OF_SETS, "*/audio/*", ALL),
    "backgrounds": Kind("stage 1, from the recordings of --background", AUDIO_OF_SETS, "*/audio/*", ("{data}",)),
    "events": Kind("stage 0, from the corpus", AUDIO_OF_SETS, "*/audio/*", ("{data}",)),
    "checkpoints": Kind("not needed (the training has ended)", CHECKPOINTS),
    "earlier": Kind(
        "only by training with the earlier settings",
        tuple(f"{EARLIER_NAME}/*/{name}" for name in RUN_FILES),
        f"{EARLIER_NAME}/*",
    ),
    "tensorboard": Kind("only by training again", (BOARD_FILES,), "tensorboard/*"),
}
NAMED_ONLY = ("earlier", "tensorboard")


@dataclass(frozen=True)
class Removable:
    """Files of one kind that go together.

    Attributes:
        kind: one of KINDS.
        place: the folder they are below; a process that works there holds its lock.
        there: names of all files below the place that are reached through no link.
    """

    kind: str
    place: Path
    there: frozenset[str]

    def steps(self) -> list[Shards]:
        """The steps that have made them; none of what is known by its name alone."""
        return [
            step
            for step in steps_in(self.place)
            if (step.path.is_dir() if self.kind == "unfinished" else step.made().kind == self.kind)
        ]

    def files(self) -> dict[str, int]:
        """Names below the place, and bytes, of what may go now: plain files."""
        if self.kind == "leftovers":
            names = [name for name in self.there if name in LOCK_NAMES or abandoned(name)]
        elif self.kind in NAMED_ONLY:
            names = [name for name in self.there if fits(name, KINDS[self.kind].files)]
        else:
            made = self._claimed if self.kind == "unfinished" else self._as_made
            names = [name for step in self.steps() for name in made(step)]
        return {name: status.st_size for name in names if (status := plain_file(self.place / name))}

    def _claimed(self, step: Shards) -> list[str]:
        """What an interrupted run has made, and then its notes; the stamp of the run before stays, as does its work.

        Nothing of a training: with a few bytes it would lose the checkpoint from which it goes on.
        """
        if not self.there.isdisjoint(CHECKPOINTS):
            return []
        notes = [os.path.relpath(note, self.place) for note in step.notes() if note.name != "stamp"]
        return [*self.there.intersection(step.claimed()), *notes]

    def _as_made(self, step: Shards) -> list[str]:
        """What a stamp names and nobody has changed since; nothing beside or below a table that somebody has."""
        stamp, made = status_of(step.stamp), step.made().outputs
        if stamp is None:  # a stage has begun here since we looked
            return []
        found = {name: plain_file(self.place / name) for name in made if name in self.there}
        same = {
            name
            for name, status in found.items()
            if status and status.st_size == made[name] and status.st_mtime_ns <= stamp.st_mtime_ns
        }
        spoilt = tuple(os.path.join(os.path.dirname(name), "") for name in found.keys() - same if name.endswith(".scp"))
        return [name for name in same if fits(name, KINDS[self.kind].files) and not name.startswith(spoilt)]

    def unknown(self, files: Collection[str]) -> list[str]:
        """Names of what lies among the files and is none of them."""
        kind = KINDS[self.kind]
        others = self.there.difference(files) if kind.files else ()
        near = (name for name in others if fits(name, kind.files) or fnmatchcase(name, kind.only))
        plain = ((name, os.path.basename(name)) for name in near)
        left = [name for name, own in plain if own not in LOCK_NAMES and not temporary_of(own)]
        return sorted(left, key=lambda name: (name.count("/"), name))

    def lost(self) -> str | None:
        """A recording that has gone, of which clips were made."""
        stamps = [step.made() for step in self.steps() if self.kind == "clips"]
        names = (name for stamp in stamps for part in ("tables", "files") for name in stamp.origin.get(part, ()))
        return next((name for name in names if not os.path.exists(name)), None)


def look(
    datadir: Path, dumpdir: Path, expdir: Path, kinds: Collection[str]
) -> tuple[list[tuple[Removable, int, int]], list[str]]:
    """Find what can be removed.

    Args:
        kinds: which of KINDS.

    Returns:
        (what, number of files, bytes), by kind and place; and lines on what is left alone.

    Raises:
        UserError: none of the folders is there.
    """
    tops = [top for top in (datadir, dumpdir, expdir) if top.is_dir()]
    if not tops:
        raise UserError(
            f"none of {datadir}, {dumpdir}, {expdir} is a folder in {Path.cwd()}: go to a recipe, or give --datadir, "
            "--dumpdir, --expdir"
        )
    seen = survey(tops)
    remarks = [
        *(f"left alone: {folder}: {who} works there" for folder, who in seen.workers.items()),
        *(f"left alone: {path}: a symbolic link" for path in sorted(seen.links)),
    ]
    found = []
    here = {
        place: {"leftovers", *(NAMED_ONLY if place.parent == expdir else ())}.union(
            *({"unfinished", step.made().kind} for step in steps_in(place))
        )
        for place in sorted(seen.files, key=os.fsencode)
    }
    for kind, place in product(KINDS, here):
        if kind not in here[place].intersection(kinds) or seen.worker_around(place, below=kind != "leftovers"):
            continue
        removable = Removable(kind, place, frozenset(seen.files[place] if kind == "leftovers" else seen.below(place)))
        files, lost = removable.files(), removable.lost()
        named = {"data": datadir, "dump": dumpdir, "exp": expdir, "place": place}
        reader = next(filter(None, (seen.worker_around(Path(f.format(**named))) for f in KINDS[kind].readers)), None)
        if files and (reader or lost):
            why = f"{reader} and may read them" if reader else f"{lost}, of which they were made, is not there"
            remarks.append(f"left alone: {kind} in {place}: {why}")
        elif files:
            found.append((removable, len(files), sum(files.values())))
        if unknown := removable.unknown(files):
            more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
            remarks.append(f"left alone: {place / unknown[0]}{more}: not written by weaksep, or changed since")
    return found, remarks
