"""Tables of a set of mixtures, from its scenes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weaksep.fileio.atomic import atomic_text
from weaksep.fileio.datadir import EVENT_COLUMNS, SECONDS
from weaksep.fileio.names import BACKGROUND
from weaksep.fileio.tables import write_tables
from weaksep.fileio.tsv import tsv_writer
from weaksep.mixtures.scene import Scene
from weaksep.signal.units import samples_to_seconds, seconds_to_samples

# A mixture whose audio is written: its line in scenes.jsonl, its rows of events.tsv, what the scp files say of it by
# name (see ``ClipWriter.write``), and the number of draws thrown away for it.
Written = tuple[str, list[dict[str, str]], dict[str, str], int]


def event_rows(scene: Scene, event_samples: Callable[[str], int]) -> list[dict[str, str]]:
    """Rows of events.tsv of one mixture, by onset: the offset is the event's true end, cut at the clip's end.

    Args:
        event_samples: event id -> length of its file in samples.
    """
    rate = scene.sample_rate
    starts = ((seconds_to_samples(event.onset_s, rate), event) for event in scene.events)
    spans = sorted(
        (start, min(start + event_samples(event.event_id), scene.n_samples), event.class_name)
        for start, event in starts
    )
    rows = (
        (f"{scene.utt_id}.wav", *(f"{samples_to_seconds(n, rate):{SECONDS}}" for n in (start, end)), name)
        for start, end, name in spans
    )
    return [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in rows]


@dataclass
class Count:
    """What a set of mixtures is like.

    Attributes:
        by_active: number of active classes -> mixtures with as many.
        events, backgrounds: in all mixtures.
        redrawn: draws that were thrown away.
        duration_s: of the first mixture.
    """

    by_active: Counter[int] = field(default_factory=Counter)
    events: int = 0
    backgrounds: int = 0
    redrawn: int = 0
    duration_s: float = 0.0

    def add(self, scene: Scene, redrawn: int) -> None:
        """Count one more mixture."""
        self.duration_s = self.duration_s or scene.duration_s
        self.by_active[len(scene.active_classes)] += 1
        self.events += len(scene.events)
        self.backgrounds += scene.background is not None
        self.redrawn += redrawn

    def described(self) -> str:
        """For the log."""
        n = self.by_active.total()
        active = sum(classes * mixtures for classes, mixtures in self.by_active.items())
        shares = ", ".join(f"{classes}: {mixtures / n:.1%}" for classes, mixtures in sorted(self.by_active.items()))
        return (
            f"{n} mixtures of {self.duration_s:g} s; {self.events / n:.2f} events and {active / n:.2f} active classes a"
            f" mixture; share by number of active classes {shares}"
            + (f"; with a background {self.backgrounds / n:.1%}" if self.backgrounds else "")
        )


def write_mixtures(folder: Path, written: Iterable[Written], classes: Sequence[str]) -> Count:
    """Write all tables of data/<set>, wav.scp last: a folder with a wav.scp is complete.

    Scenes and events, most of what is known of a mixture, go straight to their files.

    Args:
        written: the mixtures whose audio is written, sorted by id.
        classes: in the order of the class axis.
    """
    count = Count()
    more: dict[str, dict[str, str]] = {"utt2labels": {}, "utt2dur": {}}
    scps = {**{name: f"src_{name}.scp" for name in (*classes, BACKGROUND)}, "mix": "wav.scp"}
    more |= {table: {} for table in scps.values()}
    with atomic_text(folder / "scenes.jsonl") as scenes, tsv_writer(folder / "events.tsv", EVENT_COLUMNS) as write_row:
        for line, rows, entries, redrawn in written:
            scene = Scene.from_json(line)
            scenes.write(f"{line}\n")
            for row in rows:
                write_row(row)
            count.add(scene, redrawn)
            active = [name for name in classes if name in scene.active_classes]
            more["utt2labels"][scene.utt_id] = ",".join(active) or "-"
            more["utt2dur"][scene.utt_id] = f"{samples_to_seconds(scene.n_samples, scene.sample_rate):{SECONDS}}"
            for name, entry in entries.items():
                more[scps[name]][scene.utt_id] = entry
    if not more[f"src_{BACKGROUND}.scp"]:
        del more[f"src_{BACKGROUND}.scp"]
    write_tables(folder, classes, {utt: utt for utt in more["utt2dur"]}, more)
    return count
