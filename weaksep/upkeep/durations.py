"""Lengths of the clips, utt2dur."""

from __future__ import annotations

from collections.abc import Iterator

from weaksep.fileio.tables import to_float
from weaksep.upkeep.folder import Folder
from weaksep.upkeep.problems import Problem

MAX_S = 1e6  # 11 days; a longer clip is a slip of the pen, and its samples could not be counted exactly for long


def seconds(text: str) -> float | None:
    """A length in seconds; None when the text is not one.

    >>> seconds("0.5"), seconds("-1"), seconds("nan")
    (0.5, None, None)
    """
    try:
        value = to_float(text)
    except ValueError:
        return None
    return value if 0 < value <= MAX_S else None


def durations(folder: Folder) -> dict[str, float]:
    """Clip -> seconds, of the clips whose entry is a length."""
    found = {utt: seconds(entry.value) for utt, entry in folder.table("utt2dur").entries.items()}
    return {utt: value for utt, value in found.items() if value is not None}


def check_durations(folder: Folder) -> Iterator[Problem]:
    """Entries that are no length."""
    for utt, (line, text) in folder.table("utt2dur").entries.items():
        if seconds(text) is None:
            yield folder.problem("utt2dur", line, f"{utt}: {text!r} is not a length in seconds", folder.fix)
