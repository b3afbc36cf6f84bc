"""AudioSet's segment lists, and how it names segments.

    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"

Its audio is each user's own download. A file may be called after the video, with or without a Y before it, and after
the segment's times; then it holds the segment alone, however long it is, since many downloaders cut at key frames.
Called after the video alone it holds all of that, or the segment if it is not longer. The strong labels name a segment
by video and start in milliseconds, as in --PJHxphWEs_30000.
"""

from __future__ import annotations

import re
from pathlib import Path

from weaksep.errors import raise_problems
from weaksep.fileio.tables import read_lines
from weaksep.recordings.labels import Tagged, csv_cells, span_of, tags_of

SEGMENT_S = 10.0  # of the strong labels, whose ids have no end


def is_segment_list(path: Path) -> bool:
    """Whether a file's comments name AudioSet's columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    comments = [line for line in read_lines(path)[:10] if line.startswith("#")]
    return any("YTID" in line for line in comments)


def file_names(video: str, start_s: float, end_s: float) -> tuple[str, ...]:
    """Names under which downloaders keep a segment, without suffix; for those of its video see ``video_names``.

    >>> file_names("abc", 30.0, 40.0)[:4]
    ('abc_30.000_40.000', 'Yabc_30.000_40.000', 'abc_30_40', 'Yabc_30_40')
    """
    seconds = (f"_{start_s:.3f}_{end_s:.3f}", f"_{start_s:g}_{end_s:g}")
    milliseconds = (f"_{1000 * start_s:.0f}_{1000 * end_s:.0f}", f"_{1000 * start_s:.0f}")
    endings = (*seconds, *milliseconds, f"_{start_s:g}")
    return tuple(f"{first}{video}{ending}" for ending in endings for first in ("", "Y"))


def video_names(video: str) -> tuple[str, ...]:
    """Names of files that may hold more than a segment."""
    return (video, f"Y{video}")


def segment_of(segment_id: str) -> tuple[str, tuple[float, float]] | None:
    """Video and times of a segment by its id in the strong labels; None where it is no such id.

    >>> segment_of("b0RFKhbpFJA_30000"), segment_of("b0RFKhbpFJA_30000.wav")
    (('b0RFKhbpFJA', (30.0, 40.0)), None)
    """
    found = re.fullmatch(r"(.+)_(0|[1-9][0-9]{0,8})", segment_id)
    if found is None:
        return None
    start_s = int(found[2]) / 1000
    return found[1], (start_s, start_s + SEGMENT_S)


def read_segments(path: Path) -> list[Tagged]:
    """Segments with their clip labels; two of one video are one recording.

    Raises:
        UserError: listing every line that is no segment.
    """
    found = []
    problems = []
    lines = ["" if line.lstrip().startswith("#") else line for line in read_lines(path)]
    for number, cells in enumerate(csv_cells(path, lines, blanks=True), start=1):
        if not cells:
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
        whole = video_names(video)
        names = file_names(video, *span_s)
        found.append(Tagged(place, names, tags_of(tags), whole_names=whole, span_s=span_s, recording=video))
    raise_problems(f"{path} cannot be used", problems)
    return found
