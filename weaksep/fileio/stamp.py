"""Stamps: what a finished step was made from, so that it is done again when that has changed and only then.

A stamp beside the outputs holds the step's part of the configuration, its inputs (tables by content; audio and
archives by size and time of change), the source of the code that ran, and the outputs' names and sizes. It is taken
away before work begins and written when all outputs are there. What it names is what a later run may remove.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weaksep import __version__
from weaksep.errors import UserError
from weaksep.fileio.code_version import code_version, short_hash
from weaksep.fileio.lock import LOCK_NAME, folder_lock
from weaksep.fileio.owned import read_stamp, remove_temporaries, sizes, status_of
from weaksep.fileio.parsed import open_regular
from weaksep.fileio.shards import STAMP_NAME, Shards

logger = logging.getLogger(__name__)

# A file named here by run.sh is appended to when a command did work: it then writes down how long the stage took.
WORK_NOTE_VARIABLE = "WEAKSEP_WORK_NOTE"
SHOWN = 2
NEW = "not finished yet"


@dataclass(frozen=True)
class Step:
    """One thing that is made as a whole: a set of mixtures, a training, the scores of a system.

    Args:
        name: for the log.
        folder: where its outputs, its lock and its stamp are.
        settings: its part of the configuration; anything that JSON can say.
        tables: inputs that are compared by content, by the name they have in messages.
        files: inputs that are compared by size and time of change.
        code: modules that do the work.
        outputs: patterns of the names under ``folder`` that it writes. The stamp remembers the sizes of those without
            wildcards, and of all files that the work has claimed (``Shards.claims``).
        stamp_name: when several steps share a folder.
        keeps_with_other_code: a change of the code alone is told, and is no reason to work again (trainings).
        kind: of its outputs, as ``weaksep clean --what KIND`` names those that can be made again.
        spare: names of outputs that are of no use once it has ended: one that is missing is no reason to work again.
        needed: names of files that must be there, whatever another step has made of them since.
        maker: what the stamp says of who made it; no reason to work again.
    """

    name: str
    folder: Path
    settings: Mapping[str, Any]
    code: Sequence[str]
    tables: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, str | Path] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    stamp_name: str = STAMP_NAME
    keeps_with_other_code: bool = False
    kind: str = ""
    spare: Sequence[str] = ()
    needed: Sequence[str] = ()
    maker: Mapping[str, str] = field(default_factory=dict)

    @property
    def stamp(self) -> Path:
        """The stamp's path."""
        return self.folder / self.stamp_name

    def shards(self, key: str = "") -> Shards:
        """Where finished shards are noted while the step is not finished."""
        step = self.stamp_name.removesuffix(STAMP_NAME).rstrip(".")
        return Shards(self.folder, key, step, tuple(self.outputs), self.kind)

    def origin(self, known: Mapping[str, tuple[str, str]] | None = None) -> dict[str, Any]:
        """What the step is made from, as it is now; ``known``: see ``code_version``."""
        code, sources = code_version(self.code, known)
        return {
            "settings": json.loads(json.dumps(self.settings)),
            "tables": {name: _content(path) for name, path in self.tables.items()},
            "files": {name: _size_and_time(path) for name, path in self.files.items()},
            "code": code,
            "sources": sources,
            "maker": dict(self.maker),
        }

    def changes(self) -> list[str]:
        """Why the step has to be done; empty when it is up to date."""
        try:
            _, before, outputs = read_stamp(self.stamp, self.outputs)
        except FileNotFoundError:
            return [NEW]
        except (OSError, ValueError):
            return [f"{self.stamp} cannot be read"]
        if not before:
            return ["made by another command"]
        code, sources = before.get("code", {}), before.get("sources", {})
        now = self.origin({name: (sources.get(name, ""), code[name]) for name in code})
        changes = [
            *differences(before.get("settings", {}), now["settings"]),
            *(what for kind in ("tables", "files") for what in _changed_files(before.get(kind, {}), now[kind])),
        ]
        other = [f"{what} (code)" for what in _changed_files(code, now["code"])]
        if other and self.keeps_with_other_code:
            logger.info("%s: kept, though the code has changed since (%s); --force makes it anew", self.name, other[0])
        else:
            changes += other
        made = {name: size for name, size in outputs.items() if name not in self.spare}
        needed = dict.fromkeys([*self.needed, *made])
        found = sizes(self.folder, needed)
        changes += [f"{self.folder / name} is missing" for name in needed if name not in found]
        return changes + [
            f"{self.folder / name} has {found[name]} bytes instead of {size}"
            for name, size in made.items()
            if found.get(name, size) != size
        ]

    def finish(self, origin: Mapping[str, Any], seconds: float, shards: Shards) -> None:
        """Write the stamp."""
        made = {
            "step": self.name,
            "weaksep": __version__,
            "finished_at": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "seconds": round(seconds, 2),
            "origin": origin,
        }
        shards.finish(made, [name for name in self.outputs if "*" not in name])


def run_step(step: Step, work: Callable[[Shards], None], *, force: bool = False) -> bool:
    """Do a step unless it is up to date.

    Args:
        step: what to make.
        work: makes it; is given the place for its finished shards.
        force: do it all the same, from nothing.

    Returns:
        whether anything was done.

    Raises:
        UserError: another process works in the folder; and what ``work`` raises.
    """
    changes = ["--force"] if force else step.changes()
    if not changes:
        _up_to_date(step)
        return False
    with folder_lock(step.folder):
        if not force and not step.changes():  # another process has done it while this one waited for the lock
            _up_to_date(step, locked=True)
            return False
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        first = changes == [NEW] and not step.shards().path.exists()
        logger.info("%s: to do%s", step.name, "" if first else f" ({'; '.join(changes[:SHOWN])}{more})")
        if note := os.environ.get(WORK_NOTE_VARIABLE):
            with open(note, "a", encoding="utf-8") as file:
                file.write("worked\n")
        started = time.monotonic()
        origin = step.origin()
        without = ("code", "sources", "maker") if step.keeps_with_other_code else ("sources", "maker")
        identity = {name: value for name, value in origin.items() if name not in without}
        shards = step.shards(key=short_hash(json.dumps(identity).encode()))
        remove_temporaries(step.folder, step.outputs)
        if force:
            shards.start_over()
        work(shards)
        step.finish(origin, time.monotonic() - started, shards)
    return True


def _up_to_date(step: Step, locked: bool = False) -> None:
    logger.info("%s: up to date", step.name)
    # What a process leaves that was killed right after it wrote the stamp.
    if locked or step.shards().path.exists() or (step.folder / LOCK_NAME).exists():
        with suppress(UserError), nullcontext() if locked else folder_lock(step.folder, patience_s=0.0):
            if step.stamp.exists():  # not while one that was begun anew and killed has it among its notes
                step.shards().remove()


def _content(path: Path) -> str | None:
    try:
        with open_regular(path) as file:
            return short_hash(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _size_and_time(path: str | Path) -> list[int] | None:
    status = status_of(path)
    return [status.st_size, status.st_mtime_ns] if status else None


def differences(before: Any, now: Any, key: str = "") -> Iterator[str]:
    """``key: old -> new`` for every setting that differs.

    >>> list(differences({"net": {"units": 8}, "seed": 0}, {"net": {"units": 9}, "seed": 0}))
    ['net.units: 8 -> 9']
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            yield from differences(before.get(name), now.get(name), f"{key}.{name}".lstrip("."))
    elif before != now:
        short = [text if len(text := json.dumps(value)) <= 40 else f"{text[:37]}..." for value in (before, now)]
        yield f"{key}: {short[0]} -> {short[1]}"


def _changed_files(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = [name for name in dict.fromkeys([*before, *now]) if name not in before or before[name] != now.get(name)]
    gone = {name for name in names if now.get(name) is None}
    return [
        f"{name} {'is new' if name not in before else 'has gone' if name in gone else 'has changed'}" for name in names
    ]
