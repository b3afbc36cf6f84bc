"""Notes of an unfinished step: what it has written, and which of its shards an interrupted run has finished.

While a step is unfinished, ``<folder>/.unfinished`` holds
    key            a hash of the settings, inputs and code; with another one the step starts from nothing
    <shard>.files  names of files, claimed before they are written (``owned.Claims``)
    <shard>.json   a finished shard, once all its files are on the disk
    stamp          the stamp of the run before, which names what that has written
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.fileio.owned import (
    Claims,
    Stamp,
    fits,
    no_folder,
    read_claims,
    read_stamp,
    refuse_others,
    remove_files,
    sizes,
)

logger = logging.getLogger(__name__)

STAMP_NAME = "stamp.json"
UNFINISHED_NAME = ".unfinished"
_LEFT = re.compile(r"(?:(.+)\.)?stamp\.json|\.unfinished(?:\.(.+))?")  # what a step leaves in its folder
NOTES = ("key", "*.json", "*.files", "stamp")  # in the order in which they go: without the key nobody goes on


@dataclass(frozen=True)
class Shards:
    """The shards of one step.

    Args:
        folder: where the step's outputs go.
        key: what they are made from, as a hash; empty when nobody knows, then nothing is ever gone on with.
        step: tells the steps of one folder apart.
        outputs: patterns of the names that the step writes below the folder; any name without them.
        kind: of the outputs, see ``Step``.
    """

    folder: Path
    key: str = ""
    step: str = ""
    outputs: Sequence[str] = ()
    kind: str = ""

    @property
    def path(self) -> Path:
        """Where the notes are.

        Raises:
            UserError: that is a link or a file.
        """
        path = self.folder / (f"{UNFINISHED_NAME}.{self.step}" if self.step else UNFINISHED_NAME)
        if no_folder(path):
            raise UserError(f"{path}: a link or a file where the notes of weaksep go; move it away")
        return path

    @property
    def stamp(self) -> Path:
        """Where the stamp of the finished step is."""
        return self.folder / (f"{self.step}.{STAMP_NAME}" if self.step else STAMP_NAME)

    def known(self) -> bool:
        """Whether an earlier run has worked here, finished or not: a stamp of other outputs is another step's."""
        return self.path.exists() or (self.stamp.exists() and self.made().kind == self.kind)

    def names(self) -> set[str]:
        """Names of the files that earlier runs and this one have written."""
        names = self.claimed().union(self.made().outputs, self.made(self.path / "stamp").outputs)
        return {name for name in names if fits(name, self.outputs)}

    def made(self, stamp: Path | None = None) -> Stamp:
        """What the step's stamp says, or another one; nothing where there is none, or none that can be read."""
        stamp = stamp or self.stamp
        try:
            return read_stamp(stamp, self.outputs)
        except FileNotFoundError:
            return Stamp()
        except (OSError, ValueError) as error:
            logger.warning("%s: cannot be read (%s), so nothing that it names is removed", stamp, error)
            return Stamp()

    def claimed(self) -> set[str]:
        """Names of the files that the unfinished run has written."""
        return {name for note in self.path.glob("*.files") for name in read_claims(note)}

    def claims(self, shard: str) -> Claims:
        """What a shard's worker claims its files with, before it writes them."""
        return Claims(self.folder, self.path / f"{shard}.files")

    def open_again(self) -> None:
        """Take the stamp away: the step is unfinished from now on, and what it has written still known as its own."""
        if self.stamp.exists():
            self.path.mkdir(exist_ok=True)
            os.replace(self.stamp, self.path / "stamp")

    @contextmanager
    def unfinished(self, tables: Iterable[str | Path], others: Iterable[Shards] = ()) -> Iterator[None]:
        """The block in which the step is at work: ``begin``, and what is left of a block that fails is gone on with.

        ``run_step`` writes the stamp at its end; notes without a key, which no step has given, are finished here.
        """
        self.begin(tables, others)
        yield
        if not self.key:
            self.finish()

    def begin(self, tables: Iterable[str | Path], others: Iterable[Shards] = ()) -> None:
        """Go on, or begin with nothing of what earlier runs have written.

        Args:
            tables: the files that the step writes beside those of its shards.
            others: steps whose outputs go too, since they belong to those of this one.

        Raises:
            UserError: other files have the names of the tables, or a link is in the way. Nothing has been removed.
        """
        names = {os.path.relpath(table, self.folder) for table in tables}
        if self.goes_on():
            self.open_again()
            logger.info("%s: going on, %d shard(s) are done", self.folder, len(list(self.path.glob("*.json"))))
        else:
            refuse_others(self.folder, names - self.names())
            self.open_again()
            self.path.mkdir(parents=True, exist_ok=True)
            self.start_over()
            for other in others:
                other.undo()
            remove_files(self.folder, self.names())
            self._forget()
            self.mark()
        self.claims("tables")(self.folder / name for name in names)

    def goes_on(self) -> bool:
        """Whether an unfinished run was begun with the same settings, inputs and code."""
        key_file = self.path / "key"
        return bool(self.key) and key_file.is_file() and key_file.read_text(encoding="utf-8") == self.key

    def mark(self) -> None:
        """Note that the step has been begun, and with what."""
        write_text(self.path / "key", self.key)

    def start_over(self) -> None:
        """See that nothing is gone on with."""
        (self.path / "key").unlink(missing_ok=True)

    def undo(self) -> None:
        """Remove all that the step has written, and forget it."""
        self.open_again()
        self.start_over()
        remove_files(self.folder, self.names())
        self.remove()

    def finish(self, made: Mapping[str, Any] | None = None, outputs: Iterable[str] = ()) -> None:
        """Write the stamp, and forget the notes.

        Args:
            made: what it says beside the outputs' sizes; nothing of a step that is done outside the stages.
            outputs: names of outputs that have not been claimed.
        """
        written = sizes(self.folder, self.claimed() | set(outputs))
        write_text(self.stamp, json.dumps({**(made or {}), "kind": self.kind, "outputs": written}, indent=1) + "\n")
        self.remove()

    def done(self, name: str) -> bool:
        """Whether a shard is finished: noted for these very inputs, and its files are there."""
        if not (self.path / f"{name}.json").is_file():
            return False
        note = self._note(name)
        return note["key"] == self.key and sizes(self.folder, note["files"]) == note["files"]

    def save(self, name: str, result: Any) -> None:
        """Note a shard as finished, with the files that it has claimed. They are forced to the disk first, all at once.

        Args:
            name: of the shard.
            result: anything that JSON can say.
        """
        os.sync()
        note = {"key": self.key, "files": sizes(self.folder, self.claims(name).names), "result": result}
        write_text(self.path / f"{name}.json", json.dumps(note))

    def load(self, name: str) -> Any:
        """Result of a finished shard.

        Raises:
            UserError: it cannot be read.
        """
        return self._note(name)["result"]

    def _note(self, name: str) -> dict[str, Any]:
        path = self.path / f"{name}.json"
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            return {key: note[key] for key in ("key", "files", "result")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove {self.path} and run again") from None

    def notes(self) -> list[Path]:
        """What the unfinished run has noted, and with it the stamp of the run before; in the order in which they go."""
        return [note for pattern in NOTES for note in sorted(self.path.glob(pattern))]

    def _forget(self) -> None:
        for note in self.notes():
            note.unlink()

    def remove(self) -> None:
        """Forget all notes. Whatever else lies among them stays."""
        self._forget()
        with suppress(OSError):  # not there, or not empty
            self.path.rmdir()


def steps_in(folder: Path) -> list[Shards]:
    """The steps that have left a stamp or notes in a folder; links count as neither."""
    names: list[str] = []
    with suppress(FileNotFoundError, NotADirectoryError):  # it may go while another process works here
        names = [path.name for path in folder.iterdir() if not path.is_symlink()]
    left = filter(None, map(_LEFT.fullmatch, names))
    return [Shards(folder, step=step) for step in sorted({match[1] or match[2] or "" for match in left})]
