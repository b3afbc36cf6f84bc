"""AudioSet's segment lists.

    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"

Its audio is each user's own download. A file may hold the whole video or the segment alone (then it is not longer than
the segment), and may be called after the video, with or without a Y before it, and after the segment's times.
"""

from __future__ import annotations

import csv
from pathlib import Path

from weaksep.errors import raise_problems
from weaksep.fileio.tables import read_lines
from weaksep.recordings.labels import Tagged, span_of, tags_of


def is_segment_list(path: Path) -> bool:
    """Whether a file's comments name AudioSet's columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    comments = [line for line in read_lines(path)[:10] if line.startswith("#")]
    return any("YTID" in line for line in comments)


def file_names(video: str, start_s: float, end_s: float) -> tuple[str, ...]:
    """Names under which downloaders keep a segment, without suffix.

    >>> file_names("abc", 30.0, 40.0)[:4]
    ('abc_30.000_40.000', 'Yabc_30.000_40.000', 'abc_30_40', 'Yabc_30_40')
    """
    seconds = (f"_{start_s:.3f}_{end_s:.3f}", f"_{start_s:g}_{end_s:g}")
    milliseconds = (f"_{1000 * start_s:.0f}_{1000 * end_s:.0f}", f"_{1000 * start_s:.0f}")
    endings = (*seconds, *milliseconds, f"_{start_s:g}", "")
    return tuple(f"{first}{video}{ending}" for ending in endings for first in ("", "Y"))


def read_segments(path: Path) -> list[Tagged]:
    """Segments with their clip labels; two of one video are one recording.

    Raises:
        UserError: listing every line that is no segment.
    """
    found = []
    problems = []
    lines = read_lines(path)
    for number, cells in enumerate(csv.reader(lines, skipinitialspace=True), start=1):
        if not cells or cells[0].startswith("#"):
            continue
        place = f"{path}:{number}"
        if len(cells) != 4 or not cells[0]:
            problems.append(f'{place}: expected YTID, start_seconds, end_seconds, "labels", found {len(cells)} cells')
            continue
        video, start, end, tags = cells
        try:
            span_s = span_of(start, end)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        found.append(Tagged(place, file_names(video, *span_s), tags_of(tags), span_s, recording=video))
    raise_problems(f"{path} cannot be used", problems)
    return found
