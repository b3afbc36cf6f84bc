"""Sets of mixtures made again from their scenes.jsonl, bit for bit.

A list of scenes is a few kilobytes where the mixtures are gigabytes: it is what one hands on.
"""

from collections.abc import Sequence
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.lock import folder_lock
from weaksep.fileio.names import AudioFormat
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import render
from weaksep.mixtures.scene import Scene, read_scenes
from weaksep.mixtures.write import Made, make_set


def rebuild_mixture(scene: Scene, audio: EventAudio, backgrounds: EventAudio | None = None) -> Made:
    """Render a scene that was drawn before."""
    return (scene, *render(scene, audio, backgrounds)), 0


def _check_events(scenes: Sequence[Scene], pool: EventPool, path: Path, backgrounds_dir: Path | None) -> None:
    if not scenes:
        raise UserError(f"{path}: no scenes")
    wanted = {event.event_id for scene in scenes for event in scene.events}
    problems = [f"{pool.folder}/wav.scp: no event {event_id}" for event_id in sorted(wanted - set(pool.wav))]
    below = {scene.background.event_id for scene in scenes if scene.background is not None}
    if below and backgrounds_dir is None:
        raise UserError(f"{path}: scenes with backgrounds; say where these are: --backgrounds DIR")
    if backgrounds_dir is not None:
        others = EventPool.load(backgrounds_dir)
        lost = sorted(below - others.wav.keys())
        problems += [f"--backgrounds {backgrounds_dir}: no background {name}" for name in lost]
        if others.sample_rate != pool.sample_rate:
            what = f"at {others.sample_rate} Hz, the events are at {pool.sample_rate} Hz"
            problems.append(f"--backgrounds {backgrounds_dir}: {what}")
    class_of = {event: name for name, events in pool.by_class.items() for event, _ in events}
    problems += [
        f"{path}: {scene.utt_id}: {event.event_id} is a {event.class_name} here and a {class_of[event.event_id]} there"
        for scene in scenes
        for event in scene.events
        if class_of.get(event.event_id, event.class_name) != event.class_name
    ]
    rates = sorted({scene.sample_rate for scene in scenes} - {pool.sample_rate})
    problems += [f"{path}: scenes at {rate} Hz, the events are at {pool.sample_rate} Hz" for rate in rates]
    raise_problems(f"{path} cannot be rebuilt from {pool.folder}", problems)


def rebuild_set(
    scenes_path: Path,
    events_dir: Path,
    folder: Path,
    *,
    nj: int,
    backgrounds_dir: Path | None = None,
    audio_format: AudioFormat = "wav",
) -> None:
    """Write a data folder from a list of scenes; the same files as when the scenes were drawn.

    Args:
        scenes_path: scenes.jsonl.
        events_dir: data/events/<set> with the scenes' events.
        folder: data folder to write; what an earlier run left there is removed first.
        backgrounds_dir: data/backgrounds/<set> with their backgrounds.
        audio_format: of the audio.

    Raises:
        UserError: listing what is not there or of another class, or another sample rate; or `folder` holds something
            else than mixtures.
    """
    notes = Shards(folder, kind="mixtures")
    pool = EventPool.load(events_dir)
    read = filter(None, [scenes_path, events_dir, backgrounds_dir, *pool.wav.values()])
    check_place(folder, "mixtures", notes.known(), read)
    scenes = read_scenes(scenes_path)
    _check_events(scenes, pool, scenes_path, backgrounds_dir)
    with folder_lock(folder):
        make_set(rebuild_mixture, scenes, pool, notes, backgrounds_dir, audio_format, nj=nj, description="rebuild")
