"""Sets of mixtures, data/<set>: drawn (stage 1), or made again from their scenes.jsonl, bit for bit.

A list of scenes is a few kilobytes where the mixtures are gigabytes: it is what one hands on. Audio is rendered and
written by shards, the tables last.
"""

import logging
import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DATA_TABLES, audio_name
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import on_disk, require_space
from weaksep.fileio.stamp import Step
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import finish, render
from weaksep.mixtures.sampler import sample_scene
from weaksep.mixtures.scene import Scene, read_scenes
from weaksep.mixtures.tables import described, event_rows, write_mixtures
from weaksep.signal.units import seconds_to_samples

logger = logging.getLogger(__name__)

SHARD_MIXTURES = 250  # small enough that an interrupted stage loses little; a worker keeps the events it has read
MAX_ATTEMPTS = 100
TABLES = (*DATA_TABLES, "scenes.jsonl")

# A mixture: its scene, its audio and its references, int16 (N,) each; and the draws that were thrown away for it.
Made = tuple[tuple[Scene, np.ndarray, dict[str, np.ndarray]], int]


@lru_cache(maxsize=1)
def _event_audio(events_dir: Path, modified_ns: int) -> EventAudio:
    """One load a process; ``modified_ns`` keeps other events from being taken for these."""
    return EventAudio(EventPool.load(events_dir))


def write_stems(
    folder: Path, scene: Scene, mixture: np.ndarray, references: dict[str, np.ndarray], claim: Claim
) -> None:
    """Write the audio of one mixture, (N,) int16 each.

    Thousands of small files: not one by one forced to the disk; the tables that make them count are.
    """
    files = {folder / audio_name(name, scene.utt_id): audio for name, audio in {"mix": mixture, **references}.items()}
    claim(files)
    for path, audio in files.items():
        write_audio(path, audio, scene.sample_rate, durable=False)


def mix_shard(
    make: Callable[[Any, EventAudio], Made], events_dir: Path, folder: Path, items: Sequence[Any], claim: Claim
) -> list[tuple[str, list[dict[str, str]], int]]:
    """Make and write the mixtures of a shard; of each its scene, rows of events.tsv and number of draws thrown away."""
    audio = _event_audio(events_dir, os.stat(events_dir / "wav.scp").st_mtime_ns)
    made = []
    for item in items:
        (scene, mixture, references), redrawn = make(item, audio)
        write_stems(folder, scene, mixture, references, claim)
        made.append((scene.to_json(), event_rows(scene, lambda event_id: len(audio(event_id)[0])), redrawn))
    return made


def make_set(
    make: Callable[[Any, EventAudio], Made],
    items: Sequence[Any],
    pool: EventPool,
    notes: Shards,
    *,
    nj: int,
    description: str,
) -> None:
    """Write audio and tables of a data folder, that of the notes; the same files for any `nj`.

    Args:
        make: makes a mixture of one of the ``items``.
        pool: the events.
    """
    folder, work = notes.folder, partial(mix_shard, make, pool.folder, notes.folder)
    tables = [*TABLES, *(f"src_{name}.scp" for name in pool.classes)]
    with notes.unfinished(folder / name for name in tables):
        parts = run_shards(work, cut_shards(items, SHARD_MIXTURES), notes, nj=nj, description=description)
        lines, rows, redrawn = zip(*chain.from_iterable(parts), strict=True)
        scenes = [Scene.from_json(line) for line in lines]
        write_mixtures(folder, scenes, list(chain.from_iterable(rows)), pool.classes)
    logger.info("%s: %d mixtures of %g s; %s", folder, len(scenes), scenes[0].duration_s, described(scenes))
    if any(redrawn):
        logger.info("%s: %d scenes drawn anew: the clip's end left an event without a sound", folder, sum(redrawn))


def draw_mixture(config: MixConfig, set_name: str, utt_id: str, audio: EventAudio) -> Made:
    """Draw and render a mixture, anew until all its events are heard.

    Raises:
        UserError: no draw will do.
    """
    pool = audio.pool
    for attempt in range(MAX_ATTEMPTS):
        drawn = sample_scene(config, pool.by_class, set_name, utt_id, pool.sample_rate, attempt)
        finished = finish(drawn, audio)
        if finished is not None:
            return finished, attempt
    raise UserError(
        f"{utt_id}: {MAX_ATTEMPTS} draws each held an event of which nothing is heard: "
        f"look at the files in {pool.folder}, or raise level_db"
    )


def mix_step(config: MixConfig, set_name: str, events_dir: Path, folder: Path) -> Step:
    """One set of mixtures as a step: its inputs are the events and their tables.

    Raises:
        UserError: an scp is malformed.
    """
    return Step(
        name=str(folder),
        folder=folder,
        settings={
            **config.model_dump(mode="json", exclude={"variants"}),
            "sets": {set_name: config.sizes()[set_name]},  # the other sets' sizes are none of its business
        },
        tables=tables_of(events_dir, ("wav.scp", "utt2class", "utt2spk", "labels.txt")),
        files=files_of(events_dir, ["wav.scp"]),
        code=["weaksep.mixtures.write"],
        outputs=(*TABLES, "src_*.scp", "audio/*/*.wav"),
        kind="mixtures",
    )


def check_space(folder: Path, config: MixConfig, pool: EventPool, n_mixtures: int) -> None:
    """UserError when the disk has no room for so many mixtures, each with references for the classes in it."""
    n_events = config.mean_events / -math.expm1(-config.mean_events)
    n_active = len(pool.classes) * -math.expm1(n_events * math.log1p(-1 / len(pool.classes)))
    n_files = math.ceil(n_mixtures * (1 + n_active))
    file_bytes = on_disk(44 + 2 * seconds_to_samples(config.clip_s, pool.sample_rate))
    require_space(folder, n_files * file_bytes, n_files, "--datadir")


def write_set(config: MixConfig, set_name: str, events_dir: Path, notes: Shards, *, nj: int, variant: str = "") -> None:
    """Draw and write one set of mixtures.

    Args:
        set_name: train, valid or test.
        events_dir: data/events/<set>.
        notes: of the step; their folder is data/<set>. What an earlier run left there is removed first.
        nj: worker processes.
        variant: name of the variant that ``config`` is; part of the clips' ids, so its draws are its own.

    Raises:
        UserError: the events cannot be used, or the disk has no room.
    """
    pool = EventPool.load(events_dir)
    check_place(notes.folder, "mixtures", notes.known(), [events_dir, *pool.wav.values()])
    name = f"{set_name}_{variant}" if variant else set_name
    utt_ids = [f"{name}-{number:06d}" for number in range(1, config.sizes()[set_name] + 1)]
    check_space(notes.folder, config, pool, len(utt_ids))
    make_set(partial(draw_mixture, config, name), utt_ids, pool, notes, nj=nj, description=f"mix {name}")


def rebuild_mixture(scene: Scene, audio: EventAudio) -> Made:
    """Render a scene that was drawn before."""
    return (scene, *render(scene, audio)), 0


def _check_events(scenes: Sequence[Scene], pool: EventPool, path: Path) -> None:
    if not scenes:
        raise UserError(f"{path}: no scenes")
    wanted = {event.event_id for scene in scenes for event in scene.events}
    problems = [f"{pool.folder}/wav.scp: no event {event_id}" for event_id in sorted(wanted - set(pool.wav))]
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


def rebuild_set(scenes_path: Path, events_dir: Path, folder: Path, *, nj: int) -> None:
    """Write a data folder from a list of scenes; the same files as when the scenes were drawn.

    Args:
        scenes_path: scenes.jsonl.
        events_dir: data/events/<set> with the scenes' events.
        folder: data folder to write; what an earlier run left there is removed first.

    Raises:
        UserError: listing the events that are not there or of another class, or another sample rate; or `folder`
            holds something else than mixtures.
    """
    notes = Shards(folder, kind="mixtures")
    pool = EventPool.load(events_dir)
    check_place(folder, "mixtures", notes.known(), [scenes_path, events_dir, *pool.wav.values()])
    scenes = read_scenes(scenes_path)
    _check_events(scenes, pool, scenes_path)
    make_set(rebuild_mixture, scenes, pool, notes, nj=nj, description="rebuild")
