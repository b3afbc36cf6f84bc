"""Tables of a set of mixtures, from its scenes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.fileio.atomic import write_text
from weaksep.fileio.datadir import EVENT_COLUMNS, SECONDS, audio_name
from weaksep.fileio.tables import invert, write_table, write_tsv
from weaksep.mixtures.scene import Scene
from weaksep.signal.units import samples_to_seconds, seconds_to_samples


def event_rows(scene: Scene, event_samples: Callable[[str], int]) -> list[dict[str, str]]:
    """Rows of events.tsv of one mixture, by onset: the offset is the event's true end, cut at the clip's end.

    Args:
        event_samples: event id -> length of its file in samples.
    """
    rows = []
    for event in scene.events:
        start = seconds_to_samples(event.onset_s, scene.sample_rate)
        end = min(start + event_samples(event.event_id), scene.n_samples)
        onset_s, offset_s = (samples_to_seconds(n, scene.sample_rate) for n in (start, end))
        rows.append((start, end, event.class_name, f"{onset_s:{SECONDS}}", f"{offset_s:{SECONDS}}"))
    keys = (f"{scene.utt_id}.wav",)
    return [
        dict(zip(EVENT_COLUMNS, (*keys, onset, offset, name), strict=True))
        for _, _, name, onset, offset in sorted(rows)
    ]


def clip_label(scene: Scene, labels: Sequence[str]) -> str:
    """Value of utt2labels: active classes in the project's order."""
    return ",".join(name for name in labels if name in scene.active_classes)


def write_tables(
    folder: Path, scene_lines: Sequence[str], rows: Sequence[dict[str, str]], labels: Sequence[str]
) -> None:
    """Write all tables of data/<set>, wav.scp last: a folder with a wav.scp is complete.

    Args:
        scene_lines: JSON of every scene, sorted by id.
        rows: rows of events.tsv in the same order.
    """
    utt2labels: dict[str, str] = {}
    utt2dur: dict[str, str] = {}
    for line in scene_lines:
        scene = Scene.from_json(line)
        utt2labels[scene.utt_id] = clip_label(scene, labels)
        utt2dur[scene.utt_id] = f"{samples_to_seconds(scene.n_samples, scene.sample_rate):{SECONDS}}"
    itself = {utt: utt for utt in utt2dur}
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in labels))
    write_text(folder / "scenes.jsonl", "".join(f"{line}\n" for line in scene_lines))
    write_tsv(folder / "events.tsv", EVENT_COLUMNS, rows)
    write_table(folder / "utt2labels", utt2labels)
    write_table(folder / "utt2dur", utt2dur)
    write_table(folder / "utt2spk", itself)
    write_table(folder / "spk2utt", invert(itself))
    for name in labels:
        present = [utt for utt, text in utt2labels.items() if name in text.split(",")]
        write_table(folder / f"src_{name}.scp", {utt: audio_name(name, utt) for utt in present})
    write_table(folder / "wav.scp", {utt: audio_name("mix", utt) for utt in utt2dur})


@dataclass(frozen=True)
class Summary:
    """What a set of mixtures is like.

    Args:
        mean_events: events a mixture.
        mean_active: active classes a mixture.
        share_by_active: number of active classes -> share of the mixtures.
    """

    mean_events: float
    mean_active: float
    share_by_active: dict[int, float]

    def __str__(self) -> str:
        shares = ", ".join(f"{n}: {share:.1%}" for n, share in self.share_by_active.items())
        means = f"{self.mean_events:.2f} events and {self.mean_active:.2f} active classes a mixture"
        return f"{means}; share by number of active classes {shares}"


def summarise(scene_lines: Sequence[str]) -> Summary:
    """Counts over all scenes."""
    n_events = 0
    active: Counter[int] = Counter()
    for line in scene_lines:
        scene = Scene.from_json(line)
        n_events += len(scene.events)
        active[len(scene.active_classes)] += 1
    total = len(scene_lines)
    mean_active = sum(n * count for n, count in active.items()) / total
    return Summary(n_events / total, mean_active, {n: active[n] / total for n in sorted(active)})
