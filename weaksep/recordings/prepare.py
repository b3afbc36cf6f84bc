"""Labelled recordings -> data/{train,valid,test}: clips, labels, references where there are any.

Every recording is tried before the first complaint, so that one list names all that are missing or unreadable. Tables
are written last, wav.scp at the very end: a folder with a wav.scp is complete.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import FULL_DISK
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import TIMED_NAME, audio_name
from weaksep.fileio.names import clashes
from weaksep.fileio.place import check_place, clear_set
from weaksep.fileio.shards import Shards
from weaksep.jobs import cut_shards, run_shards
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.cut import Cutter, between, events_within, pieces
from weaksep.recordings.match import Recording
from weaksep.recordings.write import TABLES, Clip, write_tables
from weaksep.signal.level import gain_to
from weaksep.signal.units import seconds_to_samples

logger = logging.getLogger(__name__)

SHARD_RECORDINGS = 50
LENGTH_TOLERANCE_S = 0.01
MIX = "mix"  # the folder of the recordings themselves


def _made_as_long(references: Mapping[str, Cutter], recording: Cutter) -> dict[str, Iterator[np.ndarray]]:
    """The references' streams, as long as their recording to the sample: silence takes the place of what is missing.

    Raises:
        UserError: one of them differs by more than ``LENGTH_TOLERANCE_S``.
    """
    rate = recording.sample_rate
    cutters = (recording, *references.values()) if references else ()
    samples = {cutter.path: sum(map(len, cutter.blocks())) for cutter in cutters}
    tolerance = seconds_to_samples(LENGTH_TOLERANCE_S, rate)
    if samples and max(samples.values()) - min(samples.values()) > tolerance:
        lengths = ", ".join(f"{path} {length / rate:.3f} s" for path, length in samples.items())
        raise UserError(f"{recording.path}: its references are not as long ({lengths})")
    silence = np.zeros(tolerance, dtype=np.float32)
    return {
        name: between(chain(cutter.blocks(), [silence]), 0, samples[recording.path])
        for name, cutter in references.items()
    }


def prepare_recording(
    recording: Recording, config: PrepareConfig, folder: Path, files: list[Path]
) -> tuple[list[Clip], int]:
    """Write the clips of a recording, and those of its references; their paths are added to ``files``.

    Where the times of events are known, a clip is labelled with those that lie in it.

    Returns:
        the clips, and the number of samples at the end that are too few for one more.

    Raises:
        UserError: a file cannot be read, a reference is not as long as its recording, or that is silent throughout.
    """
    size, rate = seconds_to_samples(config.clip_s, config.sample_rate), config.sample_rate
    mixture = Cutter(recording.file, rate, recording.span_s)
    sources = {name: Cutter(path, rate, recording.span_s) for name, path in recording.references.items()}
    gain = np.float32(gain_to(config.level_db, (block[None] for block in mixture.blocks()), rate))
    streams = {**_made_as_long(sources, mixture), MIX: mixture.blocks()}
    clips: list[Clip] = []
    silent, end = True, 0
    for number, together in enumerate(zip(*(pieces(s, size) for s in streams.values()), strict=True), start=1):
        utt = f"{recording.name}-{number:04d}"
        start = together[0][0]
        audio = {name: piece * gain for name, (_, piece) in zip(streams, together, strict=True)}
        inside = events_within(recording.events or (), mixture.start + start, size, rate)
        events = None if recording.events is None else [astuple(event) for event in inside]
        classes = [name for name in recording.classes if events is None or any(name == event.label for event in inside)]
        sounding = [name for name in sources if name in classes and audio[name].any()]
        clips.append(Clip(utt, recording.group, classes, events, sounding if sources else None))
        silent, end = silent and not audio[MIX].any(), start + size
        for name in (MIX, *sounding):
            files.append(folder / audio_name(name, utt))
            write_audio(files[-1], audio[name], rate, "FLOAT", durable=False)
    if silent:
        raise UserError(f"{recording.file}: digital silence throughout")
    end_s = (mixture.start + mixture.samples) / rate
    late = [event for event in recording.events or () if event.onset_s >= end_s]
    if late and recording.span_s is None:
        where = f"at {end_s:.3f} s, first {late[0].label} at {late[0].onset_s:g} s"
        raise UserError(f"{recording.file}: {len(late)} event(s) behind its end {where}")
    return clips, max(0, mixture.samples - end)


def prepare_shard(
    config: PrepareConfig, shard: tuple[Path, Sequence[Recording]]
) -> tuple[dict[str, list[Any]], list[Path]]:
    """Write the clips of some recordings of a set's folder.

    Returns:
        the clips, the samples left over at the ends of recordings, what is wrong with recordings; and the files.
    """
    folder, recordings = shard
    result: dict[str, list[Any]] = {"clips": [], "rests": [], "bad": []}
    files: list[Path] = []
    for recording in recordings:
        own: list[Path] = []
        try:
            clips, rest = prepare_recording(recording, config, folder, own)
        except UserError as error:
            for file in own:
                file.unlink(missing_ok=True)
            if isinstance(error.__context__, OSError) and error.__context__.errno in FULL_DISK:
                raise  # no recording is at fault
            result["bad"].append(str(error))
            continue
        result["clips"] += clips
        result["rests"] += [rest] if rest else []
        files += own
    return result, files


def prepare(
    sets: Mapping[str, Sequence[Recording]],
    problems: Sequence[str],
    config: PrepareConfig,
    classes: Sequence[str],
    label_files: Sequence[Path],
    notes: Shards,
    *,
    nj: int,
    max_bad_ratio: float,
) -> None:
    """Write data/{train,valid,test}.

    Args:
        sets: their recordings.
        problems: entries of the label files that cannot be used; they count as bad recordings.
        config: lengths, rate and level.
        classes: in the order of the class axis.
        label_files: where the labels were read.
        notes: of the step; their folder is data.
        nj: worker processes.
        max_bad_ratio: share of bad recordings that may be left out (each is named in the log).

    Raises:
        UserError: more bad recordings than allowed, then nothing is left of the sets; or a set's folder holds something
            else, or recordings, references or labels that are read here, then nothing there was touched.
    """
    folders = {name: notes.folder / name for name in sets}
    total = sum(map(len, sets.values())) + len(problems)
    title = f"{{}} of {total} recordings cannot be used: fix them, or see --max-bad-ratio"
    if len(problems) > max_bad_ratio * total:
        raise_problems(title.format(len(problems)), problems)
    files = [file for own in sets.values() for r in own for file in (r.file, *r.references.values())]
    read = {path if path.is_dir() else path.parent for path in (*files, *label_files)}
    for name, folder in folders.items():
        check_place(folder, "clips", TIMED_NAME, notes.path.exists(), read)
        raise_problems(f"{folder} cannot be written", clashes((r.name for r in sets[name]), notes.folder))

    def clear() -> None:
        for folder in folders.values():
            clear_set(folder, TABLES)

    shards = {
        shard: (folders[name], recordings)
        for name, own in sets.items()
        for shard, recordings in cut_shards(own, SHARD_RECORDINGS, f"{name}.").items()
    }
    with notes.unfinished(clear):
        results = run_shards(partial(prepare_shard, config), shards, notes, nj=nj, description="prepare")
        bad = [*problems, *(line for result in results for line in result["bad"])]
        if len(bad) > max_bad_ratio * total:
            clear()
            notes.remove()
            raise_problems(title.format(len(bad)), bad)
        for line in bad:
            logger.warning("left out: %s", line)
        rests_s = [samples / config.sample_rate for result in results for samples in result["rests"]]
        if rests_s:
            told = "%d recordings end in too little for one more clip, %.1f s in all"
            logger.info(told, len(rests_s), sum(rests_s))
        size = seconds_to_samples(config.clip_s, config.sample_rate)
        for folder in folders.values():
            of_set = [result for (home, _), result in zip(shards.values(), results, strict=True) if home == folder]
            clips = [Clip(*clip) for result in of_set for clip in result["clips"]]
            write_tables(folder, clips, classes, size, config.sample_rate)
