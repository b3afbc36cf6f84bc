"""The audio of a set of mixtures from its scenes.jsonl and the events alone, bit for bit.

A list of scenes is a few kilobytes where the mixtures are gigabytes: it is what one hands on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.jobs import run_sharded, split_evenly
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import class_sums, protective_gain_db, to_stems
from weaksep.mixtures.scene import Scene, read_scenes
from weaksep.mixtures.tables import event_rows, write_tables
from weaksep.mixtures.write import set_tables, stem_files, write_stems


@dataclass(frozen=True)
class RebuildShard:
    """Some scenes, for one worker."""

    scenes: tuple[Scene, ...]
    events_dir: Path
    folder: Path


def rebuild_shard(shard: RebuildShard) -> list[dict[str, str]]:
    """Render and write the scenes of a shard; rows of events.tsv."""
    audio = EventAudio(EventPool.load(shard.events_dir))
    rows: list[dict[str, str]] = []
    for scene in shard.scenes:
        sums, _ = class_sums(scene, audio)
        if scene.gain_db > protective_gain_db(sums):
            raise UserError(f"{scene.utt_id}: these events at these levels would clip: not a scene as it was drawn")
        write_stems(shard.folder, scene, *to_stems(sums, scene.gain_db))
        rows += event_rows(scene, lambda event_id: len(audio(event_id)[0]))
    return rows


def _check(scenes: Sequence[Scene], pool: EventPool, path: Path, events_dir: Path) -> None:
    if not scenes:
        raise UserError(f"{path}: no scenes")
    wanted = {event.event_id for scene in scenes for event in scene.events}
    problems = [f"{events_dir}/wav.scp: no event {event_id}" for event_id in sorted(wanted - set(pool.wav))]
    class_of = {event.event_id: name for name, events in pool.by_class.items() for event in events}
    problems += [
        f"{path}: {scene.utt_id}: {event.event_id} is a {event.class_name} here and a {class_of[event.event_id]} there"
        for scene in scenes
        for event in scene.events
        if class_of.get(event.event_id, event.class_name) != event.class_name
    ]
    rates = sorted({scene.sample_rate for scene in scenes} - {pool.sample_rate})
    problems += [f"{path}: scenes at {rate} Hz, the events are at {pool.sample_rate} Hz" for rate in rates]
    raise_problems(f"{path} cannot be rebuilt from {events_dir}", problems)


def rebuild_set(scenes_path: Path, events_dir: Path, folder: Path, *, nj: int) -> int:
    """Write a data folder from a list of scenes; the same files as when the scenes were drawn.

    Args:
        scenes_path: scenes.jsonl.
        events_dir: data/events/<set> with the scenes' events.
        folder: data folder to write; what an earlier run left there is removed first.

    Returns:
        the number of mixtures.

    Raises:
        UserError: listing the events that are not there or of another class, or another sample rate; or `folder`
            holds something else than mixtures.
    """
    notes = Shards(folder)
    pool = EventPool.load(events_dir)
    check_place(folder, "mixtures", notes.known(), [scenes_path, events_dir, *pool.wav.values()])
    scenes = read_scenes(scenes_path)
    _check(scenes, pool, scenes_path, events_dir)
    notes.begin(set_tables(folder, pool.labels))
    notes.claims("audio")(stem_files(folder, [scene.utt_id for scene in scenes], pool.labels))
    shards = [
        RebuildShard(tuple(part), events_dir, folder) for part in split_evenly(scenes, max(nj, len(scenes) // 1000))
    ]
    results = run_sharded(rebuild_shard, shards, nj=nj, description="rebuild")
    write_tables(folder, [scene.to_json() for scene in scenes], [row for rows in results for row in rows], pool.labels)
    notes.finish()
    return len(scenes)
