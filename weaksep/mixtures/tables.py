"""Tables of a set of mixtures, from its scenes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from weaksep.fileio.atomic import write_text
from weaksep.fileio.datadir import EVENT_COLUMNS, SECONDS
from weaksep.fileio.names import BACKGROUND
from weaksep.fileio.tables import write_tables, write_tsv
from weaksep.mixtures.scene import Scene
from weaksep.signal.units import samples_to_seconds, seconds_to_samples


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


def write_mixtures(
    folder: Path,
    scenes: Sequence[Scene],
    rows: Sequence[dict[str, str]],
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
) -> None:
    """Write all tables of data/<set>, wav.scp last: a folder with a wav.scp is complete.

    Args:
        scenes: sorted by id.
        rows: rows of events.tsv in the same order.
        entries: where the audio of each is, see ``ClipWriter.write``.
        classes: in the order of the class axis.
    """
    active = {scene.utt_id: [name for name in classes if name in scene.active_classes] for scene in scenes}
    lengths_s = {scene.utt_id: samples_to_seconds(scene.n_samples, scene.sample_rate) for scene in scenes}
    write_text(folder / "scenes.jsonl", "".join(f"{scene.to_json()}\n" for scene in scenes))
    write_tsv(folder / "events.tsv", EVENT_COLUMNS, rows)
    more = {
        "utt2labels": {utt: ",".join(names) or "-" for utt, names in active.items()},
        "utt2dur": {utt: f"{length:{SECONDS}}" for utt, length in lengths_s.items()},
    }
    for name, table in {**{name: f"src_{name}.scp" for name in (*classes, BACKGROUND)}, "mix": "wav.scp"}.items():
        more[table] = {utt: own[name] for utt, own in zip(active, entries, strict=True) if name in own}
    if not more[f"src_{BACKGROUND}.scp"]:
        del more[f"src_{BACKGROUND}.scp"]
    write_tables(folder, classes, {utt: utt for utt in active}, more)


def described(scenes: Sequence[Scene]) -> str:
    """What a set of mixtures is like, for the log."""
    active = [len(scene.active_classes) for scene in scenes]
    shares = ", ".join(f"{n}: {active.count(n) / len(active):.1%}" for n in sorted(set(active)))
    below = fmean(scene.background is not None for scene in scenes)
    return (
        f"{fmean(len(scene.events) for scene in scenes):.2f} events and {fmean(active):.2f} active classes a mixture; "
        f"share by number of active classes {shares}" + (f"; with a background {below:.1%}" if below else "")
    )
