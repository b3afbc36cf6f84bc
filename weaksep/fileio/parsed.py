"""Text files read line by line: what they say, and all that is wrong with them.

Each format has one parser, which gives a ``Parsed``: entries and problems. To read a file strictly is to raise its
problems; ``weaksep validate`` lists them beside those of other files, ``weaksep fix`` writes the entries again.
"""

import errno
import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.names import one_line

# What to do about a problem, as somebody is told who only reads the file. For a data folder upkeep names the command.
REPAIR = "correct the file (in a data folder weaksep fix does it)"  # nothing is lost by it
LOST = "correct it, or write the file again"
MISSING = "has the stage that writes it been run?"

MAX_LINE_BYTES = 16_000_000
MAX_WHOLE_BYTES = 64_000_000  # of a file that is read at once
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")  # all but the tab and the line feed
_BOM = b"\xef\xbb\xbf"


def open_regular(path: str | Path, limit: float = math.inf) -> BinaryIO:
    """Open a file for reading; every reader of text goes through here.

    Raises:
        OSError: at once, also where others would wait (a named pipe) or never come to an end (a device): it is no
            regular file, or larger than ``limit`` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        os.close(descriptor)
        wrong = f"larger than {limit} bytes" if stat.S_ISREG(status.st_mode) else "not a regular file"
        raise OSError(errno.EINVAL, wrong, str(path))
    return open(descriptor, "rb")


def read_text(path: str | Path, limit: int = MAX_WHOLE_BYTES, what: str = "file") -> str:
    """The whole of a small UTF-8 text file, without a byte order mark; ``what`` it is, for the message.

    Raises:
        UserError: missing, unreadable, larger than ``limit`` bytes, or not UTF-8.
    """
    try:
        with open_regular(path, limit) as file:
            return file.read(limit).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such {what}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        file: where it was found.
        line: its line there, from 1; None when it is about the whole file.
        what: what is wrong.
        remedy: what to do: one of the three above, or a text.
    """

    file: Path
    line: int | None
    what: str
    remedy: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return one_line(f"{where}: {self.what}; {self.remedy}")


class Entry(NamedTuple):
    """What a line says, its number and the text of it as it should be."""

    line: int
    value: Any
    text: str


@dataclass
class Parsed:
    """What a file says.

    Attributes:
        path: the file.
        there: whether it could be opened.
        entries: key -> the first line of that key.
        conflicts: keys with a second line that says something else.
        others: (number, text) of lines that say nothing; None for what is no text.
        problems: all that is wrong with the lines by themselves.
        header: the columns, of a file that names them in its first line.
    """

    path: Path
    there: bool = True
    entries: dict[Any, Entry] = field(default_factory=dict)
    conflicts: set[Any] = field(default_factory=set)
    others: list[tuple[int, str | None]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    header: list[str] = field(default_factory=list)

    def note(self, line: int | None, what: str, remedy: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(self.path, line, what, remedy))

    def fail(self, line: int, text: str | None, what: str) -> None:
        """Add a line that says nothing."""
        self.others.append((line, text))
        self.note(line, what, LOST)

    def lines(self, *, limit: float = math.inf, loose: bool = False) -> Iterator[tuple[int, str]]:
        """Number and text of each line that is text, without its end; what is wrong with the file is noted.

        Args:
            limit: of the file's size in bytes.
            loose: lines may be empty, and the last may lack its end. A table that was cut short by an interrupted copy
                would then pass for a whole one, with half a number in its last cell.
        """
        number, raw, windows = 0, b"\n", []
        try:
            with open_regular(self.path, limit) as file:
                for number, raw in enumerate(iter(partial(file.readline, MAX_LINE_BYTES), b""), start=1):
                    if len(raw) == MAX_LINE_BYTES:
                        raise OSError(errno.EINVAL, f"a line of {MAX_LINE_BYTES} bytes or more")
                    if number == 1 and raw.startswith(_BOM):
                        self.note(1, "begins with a byte order mark", REPAIR)
                        raw = raw.removeprefix(_BOM)
                    windows += [number] * raw.endswith((b"\r", b"\r\n"))
                    text = self._text(number, raw)
                    if text is not None and not loose and not text.strip():
                        self.note(number, "an empty line", REPAIR)
                    elif text is not None:
                        yield number, text
        except OSError as error:
            self.there, missing = False, isinstance(error, FileNotFoundError)
            what = "no such file" if missing else f"cannot be read ({error.strerror})"
            self.note(None, what, MISSING if missing else "put a readable file in its place")
        if windows:
            self.note(windows[0], f"Windows line ends (lines that have them: {len(windows)})", REPAIR)
        if not loose and not raw.endswith(b"\n"):
            self.note(number, "the last line has no end; the file may be cut short", REPAIR)

    def _text(self, number: int, raw: bytes) -> str | None:
        try:
            text = raw.removesuffix(b"\n").rstrip(b"\r").decode("utf-8")
            if control := CONTROL.search(text):
                raise ValueError(f"the control character {control[0]!r} in column {control.start() + 1}")
        except ValueError as error:  # not UTF-8, among others
            self.fail(number, None, f"not text: {error}")
            return None
        return text

    def values(self, what: str) -> dict[Any, Any]:
        """Key -> value, of a file without problems.

        Args:
            what: the file should be, for the message.

        Raises:
            UserError: listing its problems.
        """
        raise_problems(f"{self.path} is not {what}", list(map(str, self.problems)), one_alone=True)
        return {key: entry.value for key, entry in self.entries.items()}
