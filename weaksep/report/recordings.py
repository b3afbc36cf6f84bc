"""Which recordings the clips of a set are made of: what intervals resample, and what is said of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from weaksep.fileio.datadir import DataDir
from weaksep.fileio.names import BACKGROUND
from weaksep.metrics.bootstrap import Recordings
from weaksep.mixtures.scene import Scene, read_scenes
from weaksep.report.texts import TEXTS

MAX_LISTED = 12  # classes: up to here each is given its number of recordings


def scenes_of(data: DataDir) -> list[Scene]:
    """Those of a set of mixtures; empty for clips that were cut from recordings."""
    path = data.path / "scenes.jsonl"
    return read_scenes(path) if path.is_file() else []


def clip_recordings(data: DataDir) -> Recordings:
    """The recordings of each clip, with the stratum in which the bootstrap draws them.

    Of mixtures, those of events and of the background; the stratum is the class, as stage 1 draws a class first (of a
    recording with several classes, the one that it has first). A clip that was cut from a recording has that one; it
    came with its classes, so there are no strata.
    """
    scenes = scenes_of(data)
    if not scenes:
        return {utt: [("", recording)] for utt, recording in data.recordings().items()}
    first = {sound.recording_id: sound.class_name for scene in scenes[::-1] for sound in scene.sounds[::-1]}
    return {
        scene.utt_id: {(first[sound.recording_id], sound.recording_id) for sound in scene.sounds} for scene in scenes
    }


def recordings_of(data: DataDir) -> dict[str, Any] | None:
    """How many recordings are behind a set; None where no table tells it.

    Returns:
        {"all", "by_class": {class: number}}: of the events of mixtures (of backgrounds too, where there are any), or
        what clips were cut from.
    """
    pairs = {
        (BACKGROUND if event is scene.background else event.class_name, event.recording_id)
        for scene in scenes_of(data)
        for event in scene.sounds
    }
    if not pairs:
        labels = data.clip_labels()
        pairs = {(name, found) for utt, found in data.recordings().items() for name in labels.get(utt, ())}
    return (
        None
        if not pairs
        else {
            "all": len({recording for _, recording in pairs}),
            "by_class": {**dict.fromkeys(data.classes, 0), **Counter(name for name, _ in pairs)},
        }
    )


def resampled(summary: Mapping[str, Any]) -> str:
    """What its intervals were made by resampling; those of older summaries, by resampling mixtures."""
    return "recordings" if "n_recordings" in summary["systems"][0]["si_sdri_db"] else "whole mixtures"


def behind(summary: Mapping[str, Any], set_name: str) -> str:
    """How many recordings stand behind the intervals of a set; empty where no table has told it."""
    facts = summary["data"].get(set_name, {})
    if not facts.get("recordings"):
        return ""
    counts = facts["recordings"]["by_class"]
    per_class = "per class: " + ", ".join(f"{name} {number}" for name, number in counts.items())
    if len(counts) > MAX_LISTED:
        per_class = f"{min(counts.values())} to {max(counts.values())} of a class"
    text = TEXTS["behind"].format(facts["mixtures"], facts["recordings"]["all"], per_class)
    return f"{text} {TEXTS[resampled(summary)]}"
