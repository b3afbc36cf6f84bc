"""Finished shards of an unfinished step: an interrupted stage goes on with those that are missing.

Each shard leaves ``<folder>/.unfinished/<name>.json`` once all its files are on the disk. The key says for which
settings, inputs and code the shards were made; with another key the step starts from nothing.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text

logger = logging.getLogger(__name__)

UNFINISHED_NAME = ".unfinished"


@dataclass(frozen=True)
class Shards:
    """The shards of one step.

    Args:
        folder: where the step's outputs go.
        key: what they are made from, as a hash; empty when nobody knows, then nothing is ever gone on with.
        step: tells the steps of one folder apart.
    """

    folder: Path
    key: str = ""
    step: str = ""

    @property
    def path(self) -> Path:
        """Where the notes are."""
        return self.folder / (f"{UNFINISHED_NAME}.{self.step}" if self.step else UNFINISHED_NAME)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"

    @contextmanager
    def unfinished(self, clear: Callable[[], None]) -> Iterator[None]:
        """The block in which the step is at work: ``begin``, and what is left of a block that fails is gone on with.

        At its end ``run_step`` forgets the notes, once the stamp is written; those without a key, which no step has
        given, are forgotten here.
        """
        self.begin(clear)
        yield
        if not self.key:
            self.remove()

    def begin(self, clear: Callable[[], None]) -> None:
        """Go on, or begin with a clean folder.

        Args:
            clear: removes what earlier runs left in the folder, tables first.
        """
        key_file = self.path / "key"
        if self.key and key_file.is_file() and key_file.read_text(encoding="utf-8") == self.key:
            logger.info("%s: going on, %d shard(s) are done", self.folder, len(list(self.path.glob("*.json"))))
            return
        # The notes' folder stays: it says that what is half cleared is ours, should this process be killed now.
        self.path.mkdir(parents=True, exist_ok=True)
        key_file.unlink(missing_ok=True)
        for note in self.path.glob("*.json"):
            note.unlink()
        clear()
        write_text(key_file, self.key)

    def done(self, name: str) -> bool:
        """Whether a shard is finished: noted for these very inputs, and its files are there."""
        if not self._file(name).is_file():
            return False
        note = self._note(name)
        return note["key"] == self.key and all(_has_size(self.folder / file, n) for file, n in note["files"].items())

    def save(self, name: str, result: Any, files: Iterable[str | Path]) -> None:
        """Note a shard as finished. Its files are forced to the disk first, all at once.

        Args:
            name: of the shard.
            result: anything that JSON can say.
            files: what it has written, below the folder.
        """
        os.sync()
        sizes = {os.path.relpath(file, self.folder): os.stat(file).st_size for file in files}
        write_text(self._file(name), json.dumps({"key": self.key, "files": sizes, "result": result}))

    def load(self, name: str) -> Any:
        """Result of a finished shard.

        Raises:
            UserError: it cannot be read.
        """
        return self._note(name)["result"]

    def _note(self, name: str) -> dict[str, Any]:
        path = self._file(name)
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            return {key: note[key] for key in ("key", "files", "result")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove {self.path} and run again") from None

    def remove(self) -> None:
        """Forget all shards."""
        # The key first: a folder half removed must not be gone on with.
        (self.path / "key").unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


def _has_size(path: Path, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False
