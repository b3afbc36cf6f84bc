"""Stage 1: events -> data/<set>: draw every mixture, render it by shards, write audio, then the tables."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DATA_TABLES, audio_name
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import on_disk, require_space
from weaksep.fileio.stamp import Step
from weaksep.jobs import run_sharded, split_evenly
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import finish
from weaksep.mixtures.sampler import sample_scene
from weaksep.mixtures.scene import Scene
from weaksep.mixtures.tables import event_rows, summarise, write_tables
from weaksep.signal.units import seconds_to_samples

logger = logging.getLogger(__name__)

SHARD_MIXTURES = 250  # small enough that an interrupted stage loses little; a worker keeps the events it has read
MAX_ATTEMPTS = 100
TABLES = (*DATA_TABLES, "scenes.jsonl")
OUTPUTS = (*TABLES, "src_*.scp", "audio/*/*.wav")


@dataclass(frozen=True)
class Shard:
    """Some mixtures of one set, for one worker, and where to note them as done."""

    name: str
    config: MixConfig
    set_name: str
    utt_ids: list[str]
    events_dir: Path
    folder: Path
    notes: Shards


@lru_cache(maxsize=1)
def _event_audio(events_dir: Path, modified_ns: int) -> EventAudio:
    """One load a process; ``modified_ns`` keeps other events from being taken for these."""
    return EventAudio(EventPool.load(events_dir))


def set_tables(folder: Path, labels: Sequence[str]) -> list[Path]:
    """Every table that a set of mixtures can have."""
    return [folder / name for name in (*TABLES, *(f"src_{label}.scp" for label in labels))]


def stem_files(folder: Path, utt_ids: Iterable[str], labels: Sequence[str]) -> list[Path]:
    """Every file that the audio of these mixtures can have."""
    return [folder / audio_name(name, utt) for utt in utt_ids for name in ("mix", *labels)]


def write_stems(folder: Path, scene: Scene, mixture: np.ndarray, references: dict[str, np.ndarray]) -> list[Path]:
    """Write the audio of one mixture, (N,) int16 each; the files' paths.

    Thousands of small files: not one by one forced to the disk; the tables that make them count are.
    """
    files = []
    for name, audio in {"mix": mixture, **references}.items():
        files.append(folder / audio_name(name, scene.utt_id))
        write_audio(files[-1], audio, scene.sample_rate, durable=False)
    return files


def mix_shard(shard: Shard) -> None:
    """Draw, render and write the mixtures of a shard; note scenes, rows of events.tsv and draws thrown away."""
    audio = _event_audio(shard.events_dir, os.stat(shard.events_dir / "wav.scp").st_mtime_ns)
    pool = audio.pool
    shard.notes.claims(shard.name)(stem_files(shard.folder, shard.utt_ids, pool.labels))
    scene_lines: list[str] = []
    rows: list[dict[str, str]] = []
    files: list[Path] = []
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
        files += write_stems(shard.folder, scene, mixture, references)
        scene_lines.append(scene.to_json())
        rows += event_rows(scene, lambda event_id: len(audio(event_id)[0]))
    result = {"scenes": scene_lines, "rows": rows, "redrawn": redrawn}
    shard.notes.save(shard.name, result, files)


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
        outputs=OUTPUTS,
    )


def expected_bytes(config: MixConfig, n_classes: int, sample_rate: int) -> tuple[int, float]:
    """(bytes of one file, files) of a mixture: itself and a reference for each class that sounds in it."""
    n_events = config.mean_events / -math.expm1(-config.mean_events)
    active = n_classes * -math.expm1(n_events * math.log1p(-1 / n_classes))
    return on_disk(44 + 2 * seconds_to_samples(config.clip_s, sample_rate)), 1 + active


def write_set(
    config: MixConfig,
    set_name: str,
    events_dir: Path,
    folder: Path,
    shards: Shards | None = None,
    *,
    nj: int,
    variant: str = "",
) -> None:
    """Write one set of mixtures, data/<set>; the same files for any `nj`.

    Args:
        set_name: train, valid or test.
        events_dir: data/events/<set>.
        folder: data/<set>; what an earlier run left there is removed first.
        shards: those that an interrupted run has finished.
        variant: name of the variant that ``config`` is; part of the clips' ids, so its draws are its own.

    Raises:
        UserError: the events cannot be used, or the disk has no room.
    """
    name = f"{set_name}_{variant}" if variant else set_name
    notes = shards or Shards(folder)
    pool = EventPool.load(events_dir)
    check_place(folder, "mixtures", notes.known(), [events_dir, *pool.wav.values()])
    utt_ids = [f"{name}-{number:06d}" for number in range(1, config.sizes()[set_name] + 1)]
    file_bytes, files = expected_bytes(config, len(pool.labels), pool.sample_rate)
    n_files = math.ceil(len(utt_ids) * files)
    require_space(folder, n_files * file_bytes, n_files, "--datadir")
    notes.begin(set_tables(folder, pool.labels))
    parts = split_evenly(utt_ids, -(-len(utt_ids) // SHARD_MIXTURES))
    work = [
        Shard(str(number), config, name, list(part), events_dir, folder, notes)
        for number, part in enumerate(parts, start=1)
    ]
    run_sharded(mix_shard, [s for s in work if not notes.done(s.name)], nj=nj, description=f"mix {name}")
    results = [notes.load(shard.name) for shard in work]
    scene_lines = [line for result in results for line in result["scenes"]]
    rows = [row for result in results for row in result["rows"]]
    write_tables(folder, scene_lines, rows, pool.labels)
    redrawn = sum(result["redrawn"] for result in results)
    logger.info("%s: %d mixtures of %g s; %s", name, len(utt_ids), config.clip_s, summarise(scene_lines))
    if redrawn:
        logger.info("%s: %d scenes drawn anew, since the clip's end left an event without a sound", name, redrawn)
    if shards is None:
        notes.finish()
