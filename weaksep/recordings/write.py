"""Tables of a set of clips of which only labels are known: those of a set of mixtures, without scenes.

clips_with_events.txt       ids of the clips whose events' times are known; the others have clip labels alone
clips_with_references.txt   ids of the clips whose isolated sources are known
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from weaksep.fileio.atomic import write_text
from weaksep.fileio.datadir import DATA_TABLES, EVENT_COLUMNS, REFERENCED_NAME, SECONDS, TIMED_NAME
from weaksep.fileio.tables import write_tables
from weaksep.fileio.tsv import write_tsv

logger = logging.getLogger(__name__)

TABLES = (*DATA_TABLES, TIMED_NAME, REFERENCED_NAME)


class Clip(NamedTuple):
    """One clip, as JSON can say it.

    Attributes:
        utt: its id.
        recording: what it was cut from.
        classes: clip labels.
        events: onset and offset in seconds, and class, of each; None where the times are not known.
        sounding: classes whose reference is not silent; None without references.
    """

    utt: str
    recording: str
    classes: Sequence[str]
    events: Sequence[tuple[float, float, str]] | None
    sounding: Sequence[str] | None


def write_clips(
    folder: Path,
    clips: Iterable[Clip],
    classes: Sequence[str],
    lengths_s: Mapping[str, float],
    file_of: Callable[[str, str], str],
) -> None:
    """Write all tables of data/<set>, wav.scp last (a folder with a wav.scp is complete), and log what the set is like.

    Args:
        clips: of the set, in any order.
        classes: in the order of the class axis.
        lengths_s: of each clip, by its id.
        file_of: "mix" or a class, and a clip -> where that is, see ``scp_entries``.
    """
    clips = sorted(clips, key=lambda clip: clip.utt.encode())
    timed = [clip.utt for clip in clips if clip.events is not None]
    rows = [
        (f"{clip.utt}.wav", f"{onset_s:{SECONDS}}", f"{offset_s:{SECONDS}}", name)
        for clip in clips
        for onset_s, offset_s, name in clip.events or ()
    ]
    referenced = [clip.utt for clip in clips if clip.sounding is not None]
    utt2spk = {clip.utt: clip.recording for clip in clips}
    for name, lines in ((TIMED_NAME, timed), (REFERENCED_NAME, referenced)):
        write_text(folder / name, "".join(f"{line}\n" for line in lines))
    write_tsv(folder / "events.tsv", EVENT_COLUMNS, [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in rows])
    more = {
        "utt2labels": {clip.utt: ",".join(clip.classes) or "-" for clip in clips},
        "utt2dur": {utt: f"{lengths_s[utt]:{SECONDS}}" for utt in utt2spk},
    }
    for name in classes if referenced else ():
        own = (clip.utt for clip in clips if name in (clip.sounding or ()))
        more[f"src_{name}.scp"] = {utt: file_of(name, utt) for utt in own}
    more["wav.scp"] = {utt: file_of("mix", utt) for utt in utt2spk}
    write_tables(folder, classes, utt2spk, more)
    logger.info(
        "%s: %d clips, %.0f s; %d with the times of their events, %d with references; clips by class: %s",
        folder.name,
        len(clips),
        sum(lengths_s[utt] for utt in utt2spk),
        len(timed),
        len(referenced),
        ", ".join(f"{name} {sum(name in clip.classes for clip in clips)}" for name in classes),
    )
