"""Labelled recordings -> data/{train,valid,test}: clips, labels, references where there are any.

Every recording is tried before the first complaint, so that one list names all that are missing or unreadable. Tables
are written last, wav.scp at the very end: a folder with a wav.scp is complete.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import FULL_DISK
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import TIMED_NAME, audio_name
from weaksep.fileio.names import clashes
from weaksep.fileio.place import check_place, clear_set
from weaksep.fileio.shards import Shards
from weaksep.jobs import run_sharded, split_evenly
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.cut import Cutter, Piece, events_within
from weaksep.recordings.sets import Item
from weaksep.recordings.write import TABLES, Clip, write_tables
from weaksep.signal.level import is_silent
from weaksep.signal.units import samples_to_seconds, seconds_to_samples

logger = logging.getLogger(__name__)

SHARD_RECORDINGS = 50
LENGTH_TOLERANCE_S = 0.01
MIX = "mix"  # the folder of the recordings themselves


@dataclass(frozen=True)
class Shard:
    """Some recordings of one set, for one worker, and where to note them as done."""

    name: str
    config: PrepareConfig
    items: list[Item]
    folder: Path
    notes: Shards


def _clip(item: Item, number: int, start: int, size: int, rate: int, sounding: list[str]) -> Clip:
    """Labels of one clip: those of the recording, or of the events that lie in it where their times are known."""
    classes, events = item.classes, None
    if item.events is not None:
        events = tuple(events_within(item.events, start, size, rate))
        heard = {event.label for event in events}
        classes = tuple(name for name in item.classes if name in heard)
    known = tuple(name for name in sounding if name in classes)
    return Clip(f"{item.name}-{number:04d}", item.recording, size, classes, events, known, bool(item.references))


def aligned(piece: Piece, start: int) -> np.ndarray:
    """Audio of a reference's piece as if it began at ``start``: the last one ends with its file, whose length may
    differ a little. Silence takes the place of what is missing."""
    shift = start - piece.start
    audio = np.zeros_like(piece.audio)
    if shift >= 0:
        audio[: len(audio) - shift] = piece.audio[shift:]
    else:
        audio[-shift:] = piece.audio[:shift]
    return audio


def prepare_item(item: Item, config: PrepareConfig, folder: Path, files: list[Path]) -> tuple[list[Clip], float]:
    """Write the clips of a recording, and those of its references; their paths are added to ``files``.

    Returns:
        the clips, and the seconds at the end that are too few for one more.

    Raises:
        UserError: a file cannot be read, a reference is not as long as its recording, or that is silent throughout.
    """
    size, rate = seconds_to_samples(config.clip_s, config.sample_rate), config.sample_rate
    paths = {MIX: item.file, **item.references}
    cutters = {name: Cutter(path, rate, item.span_s, config.accept_truncated) for name, path in paths.items()}
    gain = cutters[MIX].gain_to(config.level_db)
    clips: list[Clip] = []
    heard = False
    for number, together in enumerate(zip_longest(*(c.pieces(size, gain) for c in cutters.values())), start=1):
        cut = dict(zip(cutters, together, strict=True))
        start = -1 if cut[MIX] is None else cut[MIX].start
        if any(piece is None or abs(piece.start - start) > LENGTH_TOLERANCE_S * rate for piece in cut.values()):
            names = ", ".join(str(path) for path in item.references.values())
            raise UserError(f"{item.file}: its references are not as long ({names})")
        audio = {name: aligned(piece, start) for name, piece in cut.items()}
        sounding = [name for name in item.references if not is_silent(audio[name])]
        clip = _clip(item, number, start, size, rate, sounding)
        clips.append(clip)
        last_s = (start + size) / rate
        heard = heard or not is_silent(audio[MIX])
        for name in (MIX, *clip.sounding):
            files.append(folder / audio_name(name, clip.utt))
            write_audio(files[-1], audio[name], rate, "FLOAT", durable=False)
    if not heard:
        raise UserError(f"{item.file}: digital silence throughout")
    lengths_s = {str(c.path): c.samples / rate for c in cutters.values()}
    if max(lengths_s.values()) - min(lengths_s.values()) > LENGTH_TOLERANCE_S:
        told = ", ".join(f"{path} {seconds:.3f} s" for path, seconds in lengths_s.items())
        raise UserError(f"{item.file}: its references are not as long ({told})")
    end_s = cutters[MIX].end_s
    late = [event for event in item.events or () if event.onset_s >= end_s]
    if late and item.span_s is None:
        where = f"{late[0].label} at {late[0].onset_s:g} s"
        raise UserError(f"{item.file}: {len(late)} event(s) behind its end at {end_s:.3f} s, first {where}")
    return clips, max(0.0, end_s - last_s)


def prepare_shard(shard: Shard) -> None:
    """Write the clips of a shard's recordings; note them, or what is wrong with a recording."""
    results: list[dict[str, object] | str] = []
    files: list[Path] = []
    for item in shard.items:
        own: list[Path] = []
        try:
            clips, rest_s = prepare_item(item, shard.config, shard.folder, own)
        except UserError as error:
            for file in own:
                file.unlink(missing_ok=True)
            if isinstance(error.__context__, OSError) and error.__context__.errno in FULL_DISK:
                raise  # no recording is at fault
            results.append(str(error))
            continue
        results.append({"clips": [clip.to_json() for clip in clips], "rest_s": rest_s})
        files += own
    shard.notes.save(shard.name, results, files)


def _check_bad(bad: list[str], total: int, max_bad_ratio: float) -> None:
    """More unusable recordings than allowed are an error."""
    if len(bad) > max_bad_ratio * total:
        raise_problems(f"{len(bad)} of {total} recordings cannot be used: mend them, or see --max-bad-ratio", bad)


def prepare(
    items: dict[str, list[Item]],
    problems: list[str],
    config: PrepareConfig,
    classes: list[str],
    out: Path,
    *,
    nj: int,
    max_bad_ratio: float,
    shards: Shards | None = None,
    label_files: Sequence[Path] = (),
) -> None:
    """Write data/{train,valid,test}.

    Args:
        items: recordings by set.
        problems: entries of the label files that cannot be used; they count as bad recordings.
        config: lengths, rate and level.
        classes: in the order of the class axis.
        out: folder of the sets.
        nj: worker processes.
        max_bad_ratio: share of bad recordings that may be left out (each is named in the log).
        shards: those that an interrupted run has finished.
        label_files: where the labels were read.

    Raises:
        UserError: more bad recordings than allowed, then nothing is left in `out`; or a set's folder holds something
            else, or recordings, references or labels that are read here, then nothing there was touched.
    """
    total = sum(map(len, items.values())) + len(problems)
    _check_bad(problems, total, max_bad_ratio)
    notes = shards or Shards(out)
    files = [file for own in items.values() for item in own for file in (item.file, *item.references.values())]
    read = {path if path.is_dir() else path.parent for path in (*files, *label_files)}
    for name in items:
        check_place(out / name, "clips", TIMED_NAME, notes.path.exists(), read)
        raise_problems(f"{out / name} cannot be written", clashes((item.name for item in items[name]), out))

    def clear_all() -> None:
        for name in items:
            clear_set(out / name, TABLES)

    notes.begin(clear_all)
    work = []
    for name, own in items.items():
        parts = split_evenly(own, -(-len(own) // SHARD_RECORDINGS))
        folders = [(f"{name}.{number}", list(part)) for number, part in enumerate(parts, start=1)]
        work += [(name, Shard(which, config, part, out / name, notes)) for which, part in folders]
    run_sharded(prepare_shard, [s for _, s in work if not notes.done(s.name)], nj=nj, description="prepare")
    clips: dict[str, list[Clip]] = {name: [] for name in items}
    bad: list[str] = []
    rests: list[float] = []
    for name, shard in work:
        for result in notes.load(shard.name):
            if isinstance(result, str):
                bad.append(result)
            else:
                clips[name] += [Clip.from_json(clip) for clip in result["clips"]]
                rests += [result["rest_s"]] if result["rest_s"] else []
    try:
        _check_bad([*problems, *bad], total, max_bad_ratio)
    except UserError:
        clear_all()
        notes.remove()
        raise
    for line in [*problems, *bad]:
        logger.warning("left out: %s", line)
    if rests:
        logger.info("%d recordings end in too little for one more clip, %.1f s in all", len(rests), sum(rests))
    for name, own_clips in clips.items():
        write_tables(out / name, own_clips, classes, config.sample_rate)
        log_set(name, own_clips, classes, config.sample_rate)
    if shards is None:
        notes.remove()


def log_set(name: str, clips: list[Clip], classes: list[str], sample_rate: int) -> None:
    """Tell what a set is like."""
    found = Counter(label for clip in clips for label in clip.classes)
    timed = sum(clip.events is not None for clip in clips)
    logger.info(
        "%s: %d clips, %.0f s; %d with the times of their events, %d with references; clips by class: %s",
        name,
        len(clips),
        sum(samples_to_seconds(clip.samples, sample_rate) for clip in clips),
        timed,
        sum(clip.has_references for clip in clips),
        ", ".join(f"{label} {found[label]}" for label in classes),
    )
