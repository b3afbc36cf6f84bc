"""AudioSet's segment lists, and how it names segments.

    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"

Its audio is each user's own download. A file may be called after the video, with or without a Y before it, and after
the segment's times; then it holds the segment alone, however long it is, since many downloaders cut at key frames.
Called after the video alone it holds all of that, or the segment if it is not longer. The strong labels name a segment
by video and start in milliseconds, as in --PJHxphWEs_30000.
"""

import re
from dataclasses import replace
from pathlib import Path

from weaksep.errors import noted, raise_problems
from weaksep.fileio.tables import read_lines, to_span
from weaksep.recordings.labels import Entry, check_separator, csv_cells, labels_of

SEGMENT_S = 10.0  # of the strong labels, whose ids have no end


def is_segment_list(path: Path) -> bool:
    """Whether a file's comments name AudioSet's columns."""
    return path.suffix.lower() == ".csv" and any(
        line.startswith("#") and "YTID" in line for line in read_lines(path)[:10]
    )


def file_names(video: str, start_s: float, end_s: float) -> tuple[str, ...]:
    """Names under which downloaders keep a segment, without suffix.

    >>> file_names("abc", 30.0, 40.0)[:4]
    ('abc_30.000_40.000', 'Yabc_30.000_40.000', 'abc_30_40', 'Yabc_30_40')
    """
    start_ms, end_ms = f"{1000 * start_s:.0f}", f"{1000 * end_s:.0f}"
    spans = (f"{start_s:.3f}_{end_s:.3f}", f"{start_s:g}_{end_s:g}", f"{start_ms}_{end_ms}", start_ms, f"{start_s:g}")
    return tuple(f"{first}{video}_{span}" for span in spans for first in ("", "Y"))


def of_segment(entry: Entry, video: str, span_s: tuple[float, float]) -> Entry:
    """An entry with the names of a segment's files and of its video's; the segments of a video are one recording."""
    return replace(
        entry,
        names=file_names(video, *span_s),
        whole_names=(video, f"Y{video}"),
        span_s=span_s,
        recording=entry.recording or video,
    )


def of_segment_id(entry: Entry) -> Entry:
    """The entry of a segment by its id in the strong labels; unchanged where its name is no such id.

    >>> [of_segment_id(Entry("", (name,))).span_s for name in ("b0RFKhbpFJA_30000", "b0RFKhbpFJA_30000.wav")]
    [(30.0, 40.0), None]
    """
    found = re.fullmatch(r"(.+)_(0|[1-9][0-9]{0,8})", entry.names[0])
    if found is None:
        return entry
    start_s = int(found[2]) / 1000
    return of_segment(entry, found[1], (start_s, start_s + SEGMENT_S))


def read_segments(path: Path) -> list[Entry]:
    """Segments with their clip labels.

    Raises:
        UserError: listing every line that is no segment.
    """
    found = []
    problems: list[str] = []
    rows = {n: line for n, line in enumerate(read_lines(path), start=1) if line.strip() and line.lstrip()[0] != "#"}
    check_separator(path, rows.values(), ",")
    for number, line in rows.items():
        place = f"{path}:{number}"
        with noted(problems, place):
            cells = csv_cells(line, blanks=True)
            if len(cells) != 4 or not cells[0]:
                raise ValueError(f'expected YTID, start_seconds, end_seconds, "labels", found {len(cells)} cells')
            found.append(of_segment(Entry(place, (), labels_of(cells[3])), cells[0], to_span(cells[1], cells[2])))
    raise_problems(f"{path} cannot be used", problems)
    return found
