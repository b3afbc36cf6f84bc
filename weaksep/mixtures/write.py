"""Sets of mixtures, data/<set>, drawn and written (stage 1): audio by shards, the tables last."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.datadir import DATA_TABLES
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.names import AUDIO_PATTERNS, BACKGROUND, AudioFormat
from weaksep.fileio.owned import status_of
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import on_disk, require_space
from weaksep.fileio.stamp import Step
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.mixtures.background import sample_background
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.pool import POOL_TABLES, EventAudio, EventPool
from weaksep.mixtures.renderer import finish
from weaksep.mixtures.sampler import sample_scene
from weaksep.mixtures.scene import Scene
from weaksep.mixtures.tables import Written, event_rows, write_mixtures
from weaksep.signal.units import seconds_to_samples

logger = logging.getLogger(__name__)

SHARD_MIXTURES = 250  # small enough that an interrupted stage loses little; a worker keeps the events it has read
MAX_ATTEMPTS = 100
TABLES = (*DATA_TABLES, "scenes.jsonl")

# A mixture: its scene, its audio and its references, int16 (N,) each; and the draws that were thrown away for it.
Made = tuple[tuple[Scene, np.ndarray, dict[str, np.ndarray]], int]
# An item, events, backgrounds where there are any -> its mixture.
Make = Callable[[Any, EventAudio, EventAudio | None], Made]


@lru_cache(maxsize=2)
def _loaded(folder: Path, modified_ns: int) -> EventAudio:
    return EventAudio(EventPool.load(folder))


def _audio(folder: Path) -> EventAudio:
    """Of events, or of backgrounds: one load a process, unless others have taken their place."""
    status = status_of(folder / "wav.scp")
    return _loaded(folder, status.st_mtime_ns if status else 0)  # without it, loading says so


def mix_shard(
    make: Make,
    events_dir: Path,
    backgrounds_dir: Path | None,
    folder: Path,
    audio_format: AudioFormat,
    items: Sequence[Any],
    claim: Claim,
) -> list[Written]:
    """Make and write the mixtures of a shard, all but their lines in the tables."""
    audio, backgrounds = _audio(events_dir), _audio(backgrounds_dir) if backgrounds_dir else None
    if backgrounds is not None and backgrounds.pool.sample_rate != audio.pool.sample_rate:
        raise UserError(f"{backgrounds_dir}: not at the {audio.pool.sample_rate} Hz of the events; give --background")
    made = []
    with ClipWriter(folder, audio_format, audio.pool.sample_rate, claim) as writer:
        for item in items:
            (scene, mixture, references), redrawn = make(item, audio, backgrounds)
            entries = writer.write(scene.utt_id, {"mix": mixture, **references})
            rows = event_rows(scene, lambda event_id: len(audio(event_id)[0]))
            made.append((scene.to_json(), rows, entries, redrawn))
    return made


def make_set(
    make: Make,
    items: Sequence[Any],
    pool: EventPool,
    notes: Shards,
    backgrounds_dir: Path | None,
    audio_format: AudioFormat,
    *,
    nj: int,
    description: str,
) -> None:
    """Write audio and tables of a data folder, that of the notes; the same files for any `nj`.

    Args:
        make: makes a mixture of one of the ``items``.
        pool: the events.
        backgrounds_dir: data/backgrounds/<set>; None without.
        audio_format: of the audio.
    """
    folder = notes.folder
    work = partial(mix_shard, make, pool.folder, backgrounds_dir, folder, audio_format)
    tables = [*TABLES, *(f"src_{name}.scp" for name in (*pool.classes, BACKGROUND))]
    with notes.unfinished(folder / name for name in tables):
        parts = run_shards(work, cut_shards(items, SHARD_MIXTURES), notes, nj=nj, description=description)
        count = write_mixtures(folder, chain.from_iterable(parts), pool.classes)
    logger.info("%s: %s", folder, count.described())
    if count.redrawn:
        logger.info("%s: %d scenes drawn anew: the clip's end left an event without a sound", folder, count.redrawn)


def draw_mixture(
    config: MixConfig,
    set_name: str,
    drawn_name: str,
    digits: int,
    number: int,
    audio: EventAudio,
    backgrounds: EventAudio | None = None,
) -> Made:
    """Draw and render a mixture, anew until all its events are heard.

    Args:
        config: how mixtures are drawn.
        set_name: part of its id.
        drawn_name: of the set whose mixture of this number is drawn.
        digits: of the number in its id, the same for a whole set, so that its ids sort.
        number: of the mixture.
        audio, backgrounds: of the events, and of what may be under them.

    Raises:
        UserError: no draw will do.
    """
    # Drawn alike in a larger set, whose ids have more digits.
    pool, drawn_id, utt_id = audio.pool, f"{drawn_name}-{number:06d}", f"{set_name}-{number:0{digits}d}"
    for attempt in range(MAX_ATTEMPTS):
        drawn = sample_scene(config, pool.by_class, drawn_name, drawn_id, pool.sample_rate, attempt)
        below = sample_background(config.background, config.seed, drawn, attempt, backgrounds)
        finished = finish(replace(drawn, utt_id=utt_id, background=below), audio, backgrounds)
        if finished is not None:
            return finished, attempt
    raise UserError(
        f"{utt_id}: {MAX_ATTEMPTS} draws each held an event (or a background) of which nothing is heard: "
        f"look at the files in {pool.folder}, or raise level_db"
    )


def mix_step(
    config: MixConfig,
    set_name: str,
    events_dir: Path,
    folder: Path,
    backgrounds_dir: Path | None = None,
    same_events: bool = False,
) -> Step:
    """One set of mixtures as a step: its inputs are the events, the backgrounds and their tables.

    Raises:
        UserError: an scp is malformed.
    """
    pools = [("", events_dir), *([("backgrounds/", backgrounds_dir)] if backgrounds_dir else [])]
    return Step(
        name=str(folder),
        folder=folder,
        settings={
            **config.model_dump(mode="json", exclude={"variants": True, "background": {"db"}}),
            "sets": {set_name: config.sizes()[set_name]},  # the other sets' sizes are none of its business
            **({"same_events": True} if same_events else {}),
        },
        tables={f"{at}{name}": path for at, pool in pools for name, path in tables_of(pool, POOL_TABLES).items()},
        files={f"{at}{name}": path for at, pool in pools for name, path in files_of(pool, ["wav.scp"]).items()},
        code=["weaksep.mixtures.write"],
        outputs=(*TABLES, "src_*.scp", *AUDIO_PATTERNS),
        kind="mixtures",
    )


def check_space(folder: Path, config: MixConfig, pool: EventPool, n_mixtures: int) -> None:
    """UserError when the disk has no room for so many mixtures, each with references for the classes in it."""
    n_events = config.mean_events / -math.expm1(-config.mean_events) if config.mean_events else 0.0
    n_active = len(pool.classes) * -math.expm1(n_events * math.log1p(-1 / len(pool.classes)))
    n_files = math.ceil(n_mixtures * (1 + (config.background is not None) + n_active))
    file_bytes = on_disk(44 + 2 * seconds_to_samples(config.clip_s, pool.sample_rate))
    require_space(folder, n_files * file_bytes, n_files, "--datadir")


def write_set(
    config: MixConfig,
    set_name: str,
    events_dir: Path,
    notes: Shards,
    *,
    nj: int,
    variant: str = "",
    same_events: bool = False,
    backgrounds_dir: Path | None = None,
) -> None:
    """Draw and write one set of mixtures.

    Args:
        set_name: train, valid or test.
        events_dir: data/events/<set>.
        notes: of the step; their folder is data/<set>. What an earlier run left there is removed first.
        nj: worker processes.
        variant: name of the variant that ``config`` is; part of the clips' ids, so its draws are its own,
        same_events: unless they are to be those of the recipe's own set.
        backgrounds_dir: data/backgrounds/<set>, where the mixtures have backgrounds.

    Raises:
        UserError: the events cannot be used, or the disk has no room.
    """
    _loaded.cache_clear()  # since an earlier set was made in this process, tables and audio may have changed
    pool = _audio(events_dir).pool  # that of a worker too, if this process is one
    read = filter(None, [events_dir, backgrounds_dir, *pool.wav.values()])
    check_place(notes.folder, "mixtures", notes.known(), read)
    name = f"{set_name}_{variant}" if variant else set_name
    numbers = range(1, config.sizes()[set_name] + 1)
    check_space(notes.folder, config, pool, len(numbers))
    make = partial(draw_mixture, config, name, set_name if same_events else name, max(6, len(str(len(numbers)))))
    make_set(make, numbers, pool, notes, backgrounds_dir, config.audio_format, nj=nj, description=f"mix {name}")
