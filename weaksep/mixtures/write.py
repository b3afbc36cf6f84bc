"""Stage 1: events -> data/<set>: draw every mixture, render it by shards, write audio, then the tables."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio
from weaksep.jobs import run_sharded, split_evenly
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import finish
from weaksep.mixtures.sampler import sample_scene
from weaksep.mixtures.scene import Scene
from weaksep.mixtures.tables import audio_name, event_rows, summarise, write_tables

logger = logging.getLogger(__name__)

SHARD_MIXTURES = 1000  # a shard reads each event file at most once
MAX_ATTEMPTS = 100
TABLES = (
    "wav.scp",
    "utt2spk",
    "spk2utt",
    "utt2dur",
    "labels.txt",
    "utt2labels",
    "events.tsv",
    "scenes.jsonl",
)


@dataclass(frozen=True)
class Shard:
    """Some mixtures of one set, for one worker."""

    config: MixConfig
    set_name: str
    utt_ids: list[str]
    events_dir: Path
    folder: Path


@dataclass(frozen=True)
class ShardResult:
    """Scenes as JSON lines, rows of events.tsv, and how many draws were thrown away."""

    scene_lines: list[str]
    rows: list[dict[str, str]]
    redrawn: int


def write_stems(folder: Path, scene: Scene, mixture: np.ndarray, references: dict[str, np.ndarray]) -> None:
    """Write the audio of one mixture, (N,) int16 each.

    Thousands of small files: not one by one forced to the disk; the tables that make them count are.
    """
    for name, audio in {"mix": mixture, **references}.items():
        write_audio(folder / audio_name(name, scene.utt_id), audio, scene.sample_rate, durable=False)


def mix_shard(shard: Shard) -> ShardResult:
    """Draw, render and write the mixtures of a shard."""
    pool = EventPool.load(shard.events_dir)
    audio = EventAudio(pool)
    scene_lines: list[str] = []
    rows: list[dict[str, str]] = []
    redrawn = 0
    for utt_id in shard.utt_ids:
        for attempt in range(MAX_ATTEMPTS):
            drawn = sample_scene(shard.config, pool.by_class, shard.set_name, utt_id, pool.sample_rate, attempt)
            finished = finish(drawn, audio)
            if finished is not None:
                break
            redrawn += 1
        else:
            raise UserError(
                f"{utt_id}: {MAX_ATTEMPTS} draws each held an event of which nothing is heard: "
                f"look at the files in {shard.events_dir}, or raise level_db"
            )
        scene, mixture, references = finished
        write_stems(shard.folder, scene, mixture, references)
        scene_lines.append(scene.to_json())
        rows += event_rows(scene, lambda event_id: len(audio(event_id)[0]))
    return ShardResult(scene_lines, rows, redrawn)


def clear(folder: Path) -> None:
    """Remove what an earlier run wrote: tables first, so that no table outlives its audio."""
    for name in TABLES:
        (folder / name).unlink(missing_ok=True)
    for path in folder.glob("src_*.scp"):
        path.unlink()
    shutil.rmtree(folder / "audio", ignore_errors=True)


def write_set(config: MixConfig, set_name: str, events_dir: Path, folder: Path, *, nj: int) -> None:
    """Write one set of mixtures, data/<set>; the same files for any `nj`.

    Args:
        set_name: train, valid or test.
        events_dir: data/events/<set>.
        folder: data/<set>; what an earlier run left there is removed first.

    Raises:
        UserError: the events cannot be used.
    """
    pool = EventPool.load(events_dir)
    clear(folder)
    utt_ids = [f"{set_name}-{number:06d}" for number in range(1, getattr(config.sets, set_name) + 1)]
    parts = split_evenly(utt_ids, max(nj, -(-len(utt_ids) // SHARD_MIXTURES)))
    shards = [Shard(config, set_name, list(part), events_dir, folder) for part in parts]
    results = run_sharded(mix_shard, shards, nj=nj, description=f"mix {set_name}")
    scene_lines = [line for result in results for line in result.scene_lines]
    rows = [row for result in results for row in result.rows]
    write_tables(folder, scene_lines, rows, pool.labels)
    redrawn = sum(result.redrawn for result in results)
    logger.info("%s: %d mixtures of %g s; %s", set_name, len(utt_ids), config.clip_s, summarise(scene_lines))
    if redrawn:
        logger.info("%s: %d scenes drawn anew, since the clip's end left an event without a sound", set_name, redrawn)
