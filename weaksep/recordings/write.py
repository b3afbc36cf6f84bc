"""Tables of a set of clips of which only labels are known: those of a set of mixtures, without scenes.

clips_with_events.txt       ids of the clips whose events' times are known; the others have clip labels alone
clips_with_references.txt   ids of the clips whose isolated sources are known
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import write_text
from weaksep.fileio.datadir import (
    DATA_TABLES,
    EVENT_COLUMNS,
    REFERENCED_NAME,
    SECONDS,
    TIMED_NAME,
    EventLabel,
    audio_name,
)
from weaksep.fileio.tables import invert, write_table, write_tsv
from weaksep.signal.units import samples_to_seconds

TABLES = (*DATA_TABLES, TIMED_NAME, REFERENCED_NAME)


@dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
        utt: its id.
        recording: what it was cut from.
        samples: its length.
        classes: clip labels.
        events: None where their times are not known.
        sounding: classes whose reference is not silent.
        has_references: whether there are references at all.
    """

    utt: str
    recording: str
    samples: int
    classes: tuple[str, ...]
    events: tuple[EventLabel, ...] | None
    sounding: tuple[str, ...] = ()
    has_references: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Clip:
        """The other way round."""
        events = saved["events"]
        timed = None if events is None else tuple(EventLabel(**event) for event in events)
        names = {key: tuple(saved[key]) for key in ("classes", "sounding")}
        return cls(**{**saved, **names, "events": timed})


def _event_rows(clip: Clip) -> list[dict[str, str]]:
    return [
        dict(
            zip(
                EVENT_COLUMNS,
                (f"{clip.utt}.wav", f"{event.onset_s:{SECONDS}}", f"{event.offset_s:{SECONDS}}", event.label),
                strict=True,
            )
        )
        for event in clip.events or ()
    ]


def write_tables(folder: Path, clips: Sequence[Clip], classes: Sequence[str], sample_rate: int) -> None:
    """Write all tables of data/<set>, wav.scp last: a folder with a wav.scp is complete."""
    clips = sorted(clips, key=lambda clip: clip.utt.encode())
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in classes))
    write_text(folder / TIMED_NAME, "".join(f"{clip.utt}\n" for clip in clips if clip.events is not None))
    write_text(folder / REFERENCED_NAME, "".join(f"{clip.utt}\n" for clip in clips if clip.has_references))
    write_tsv(folder / "events.tsv", EVENT_COLUMNS, [row for clip in clips for row in _event_rows(clip)])
    utt2spk = {clip.utt: clip.recording for clip in clips}
    write_table(folder / "utt2labels", {clip.utt: ",".join(clip.classes) or "-" for clip in clips})
    lengths = {clip.utt: samples_to_seconds(clip.samples, sample_rate) for clip in clips}
    write_table(folder / "utt2dur", {utt: f"{seconds:{SECONDS}}" for utt, seconds in lengths.items()})
    write_table(folder / "utt2spk", utt2spk)
    write_table(folder / "spk2utt", invert(utt2spk))
    for name in classes if any(clip.has_references for clip in clips) else ():
        own = [clip.utt for clip in clips if name in clip.sounding]
        write_table(folder / f"src_{name}.scp", {utt: audio_name(name, utt) for utt in own})
    write_table(folder / "wav.scp", {clip.utt: audio_name("mix", clip.utt) for clip in clips})
