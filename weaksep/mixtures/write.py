"""Stage 1: events -> data/<set>: draw every mixture, render it by shards, write audio, then the tables."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DATA_TABLES, audio_name
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.place import check_place, clear_set
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import on_disk, require_space
from weaksep.fileio.stamp import Step
from weaksep.jobs import cut_shards, run_shards
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import finish
from weaksep.mixtures.sampler import sample_scene
from weaksep.mixtures.scene import Scene
from weaksep.mixtures.tables import described, event_rows, write_tables
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


def write_stems(folder: Path, scene: Scene, mixture: np.ndarray, references: dict[str, np.ndarray]) -> list[Path]:
    """Write the audio of one mixture, (N,) int16 each; the files' paths.

    Thousands of small files: not one by one forced to the disk; the tables that make them count are.
    """
    files = []
    for name, audio in {"mix": mixture, **references}.items():
        files.append(folder / audio_name(name, scene.utt_id))
        write_audio(files[-1], audio, scene.sample_rate, durable=False)
    return files


def mix_shard(
    make: Callable[[Any, EventAudio], Made], events_dir: Path, folder: Path, items: Sequence[Any]
) -> tuple[dict[str, Any], list[Path]]:
    """Make and write the mixtures of a shard: scenes, rows of events.tsv and draws thrown away; and the files."""
    audio = _event_audio(events_dir, os.stat(events_dir / "wav.scp").st_mtime_ns)
    scenes: list[str] = []
    rows: list[dict[str, str]] = []
    files: list[Path] = []
    redrawn = 0
    for item in items:
        (scene, mixture, references), thrown_away = make(item, audio)
        files += write_stems(folder, scene, mixture, references)
        scenes.append(scene.to_json())
        rows += event_rows(scene, lambda event_id: len(audio(event_id)[0]))
        redrawn += thrown_away
    return {"scenes": scenes, "rows": rows, "redrawn": redrawn}, files


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
    work = partial(mix_shard, make, pool.folder, notes.folder)
    with notes.unfinished(lambda: clear_set(notes.folder, TABLES)):
        results = run_shards(work, cut_shards(items, SHARD_MIXTURES), notes, nj=nj, description=description)
        scenes = [Scene.from_json(line) for result in results for line in result["scenes"]]
        write_tables(notes.folder, scenes, [row for result in results for row in result["rows"]], pool.classes)
    logger.info("%s: %d mixtures of %g s; %s", notes.folder, len(scenes), scenes[0].duration_s, described(scenes))
    redrawn = sum(result["redrawn"] for result in results)
    if redrawn:
        logger.info("%s: %d scenes drawn anew: the clip's end left an event without a sound", notes.folder, redrawn)


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
    sizes = {set_name: config.sizes()[set_name]}  # the other sets' sizes are none of its business
    return Step(
        name=str(folder),
        folder=folder,
        settings={**config.model_dump(mode="json", exclude={"variants"}), "sets": sizes},
        tables=tables_of(events_dir, ("wav.scp", "utt2class", "utt2spk", "labels.txt")),
        files=files_of(events_dir, ["wav.scp"]),
        code=["weaksep.mixtures.write"],
    )


def expected_bytes(config: MixConfig, n_classes: int, sample_rate: int) -> tuple[int, float]:
    """(bytes of one file, files) of a mixture: itself and a reference for each class that sounds in it."""
    n_events = config.mean_events / -math.expm1(-config.mean_events)
    active = n_classes * -math.expm1(n_events * math.log1p(-1 / n_classes))
    return on_disk(44 + 2 * seconds_to_samples(config.clip_s, sample_rate)), 1 + active


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
    check_place(notes.folder, "mixtures", "scenes.jsonl", notes.path.exists(), [events_dir])
    pool = EventPool.load(events_dir)
    name = f"{set_name}_{variant}" if variant else set_name
    utt_ids = [f"{name}-{number:06d}" for number in range(1, config.sizes()[set_name] + 1)]
    file_bytes, files = expected_bytes(config, len(pool.classes), pool.sample_rate)
    n_files = math.ceil(len(utt_ids) * files)
    require_space(notes.folder, n_files * file_bytes, n_files, "--datadir")
    make_set(partial(draw_mixture, config, name), utt_ids, pool, notes, nj=nj, description=f"mix {name}")
