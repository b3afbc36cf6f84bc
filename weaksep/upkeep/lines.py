"""A text file as it lies on the disk: the lines that can be read, and what is wrong with the others.

``fileio/tables.py`` stops at the first byte that is wrong; here reading goes on, so that all is found at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")  # all but the tab and the line feed, as in fileio/tables.py


@dataclass(frozen=True)
class Text:
    """The lines of a file.

    Attributes:
        lines: (number from 1, text) of every line that is text, without its end; empty lines too.
        slips: (line, what) that mending the bytes puts right: a byte order mark, Windows line ends, no last line end.
        broken: (line, what) of the lines that are not text, and not in ``lines``.
    """

    lines: list[tuple[int, str]]
    slips: list[tuple[int, str]]
    broken: list[tuple[int, str]]


def read_text(path: Path) -> Text:
    """Read a file line by line.

    Raises:
        OSError: it cannot be read at all.
    """
    data = path.read_bytes()
    slips = []
    if data.startswith(_BOM):
        slips.append((1, "begins with a byte order mark"))
        data = data.removeprefix(_BOM)
    raw = data.split(b"\n")
    if raw[-1]:
        slips.append((len(raw), "the last line has no end: is the file cut short?"))
    else:
        raw.pop()
    windows = [number for number, line in enumerate(raw, start=1) if line.endswith(b"\r")]
    if windows:
        slips.append((windows[0], f"Windows line ends (lines that have them: {len(windows)})"))
        raw = [line.rstrip(b"\r") for line in raw]
    lines, broken = [], []
    for number, line in enumerate(raw, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            broken.append((number, f"not UTF-8 (byte {line[error.start]:#04x} in column {error.start + 1})"))
            continue
        control = _CONTROL.search(text)
        if control:
            broken.append((number, f"the control character {control[0]!r} in column {control.start() + 1}"))
            continue
        lines.append((number, text))
    return Text(lines, slips, broken)
