"""Tables of a set of mixtures, from its scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

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
    spans = []
    for event in scene.events:
        start = seconds_to_samples(event.onset_s, scene.sample_rate)
        spans.append((start, min(start + event_samples(event.event_id), scene.n_samples), event.class_name))
    rows = []
    for start, end, name in sorted(spans):
        onset, offset = (f"{samples_to_seconds(n, scene.sample_rate):{SECONDS}}" for n in (start, end))
        rows.append(dict(zip(EVENT_COLUMNS, (f"{scene.utt_id}.wav", onset, offset, name), strict=True)))
    return rows


def write_tables(folder: Path, scenes: Sequence[Scene], rows: Sequence[dict[str, str]], classes: Sequence[str]) -> None:
    """Write all tables of data/<set>, wav.scp last: a folder with a wav.scp is complete.

    Args:
        scenes: sorted by id.
        rows: rows of events.tsv in the same order.
        classes: in the order of the class axis.
    """
    active = {scene.utt_id: [name for name in classes if name in scene.active_classes] for scene in scenes}
    lengths_s = {scene.utt_id: samples_to_seconds(scene.n_samples, scene.sample_rate) for scene in scenes}
    itself = {utt: utt for utt in active}
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in classes))
    write_text(folder / "scenes.jsonl", "".join(f"{scene.to_json()}\n" for scene in scenes))
    write_tsv(folder / "events.tsv", EVENT_COLUMNS, rows)
    write_table(folder / "utt2labels", {utt: ",".join(names) for utt, names in active.items()})
    write_table(folder / "utt2dur", {utt: f"{length:{SECONDS}}" for utt, length in lengths_s.items()})
    write_table(folder / "utt2spk", itself)
    write_table(folder / "spk2utt", invert(itself))
    for name in classes:
        write_table(
            folder / f"src_{name}.scp", {utt: audio_name(name, utt) for utt, names in active.items() if name in names}
        )
    write_table(folder / "wav.scp", {utt: audio_name("mix", utt) for utt in active})


def described(scenes: Sequence[Scene]) -> str:
    """What a set of mixtures is like, for the log."""
    active = [len(scene.active_classes) for scene in scenes]
    shares = ", ".join(f"{n}: {active.count(n) / len(active):.1%}" for n in sorted(set(active)))
    return (
        f"{fmean(len(scene.events) for scene in scenes):.2f} events and {fmean(active):.2f} active classes a mixture; "
        f"share by number of active classes {shares}"
    )
