"""Labelled recordings -> data/{train,valid,test}: clips, labels, references where there are any.

Every recording is tried before the first complaint, so that one list names all that are missing or unreadable. Tables
are written last, wav.scp at the very end: a folder with a wav.scp is complete.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.names import clashes
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.cut import Cutter, between, events_within, pieces
from weaksep.recordings.match import Recording
from weaksep.recordings.write import TABLES, Clip, write_clips
from weaksep.signal.level import gain_to, is_silent
from weaksep.signal.units import samples_to_seconds, seconds_to_samples

logger = logging.getLogger(__name__)

SHARD_RECORDINGS = 50
LENGTH_TOLERANCE_S = 0.01
MIX = "mix"  # the folder of the recordings themselves

Item = TypeVar("Item")


def _as_long(cutters: Mapping[str, Cutter]) -> dict[str, Iterator[np.ndarray]]:
    """Streams of a recording and its references, all exactly as long as the recording: cut, or padded with silence.

    Raises:
        UserError: their lengths differ by more than ``LENGTH_TOLERANCE_S``.
    """
    rate, mixture = cutters[MIX].sample_rate, cutters[MIX].path
    samples = {cutter.path: sum(map(len, cutter.blocks())) for cutter in cutters.values()}
    silence = np.zeros(seconds_to_samples(LENGTH_TOLERANCE_S, rate), dtype=np.float32)
    if max(samples.values()) - min(samples.values()) > len(silence):
        lengths = ", ".join(f"{path} {length / rate:.3f} s" for path, length in samples.items())
        raise UserError(f"{mixture}: its references are not as long ({lengths})")
    padded = {name: chain(cutter.blocks(), [silence]) for name, cutter in cutters.items()}
    return {name: between(blocks, 0, samples[mixture]) for name, blocks in padded.items()}


def clips_of(
    recording: Recording, config: PrepareConfig, rests: list[int]
) -> Iterator[tuple[Clip, dict[str, np.ndarray]]]:
    """The clips of a recording, with their audio and that of the references that sound there, by folder.

    Where the times of events are known, a clip has the classes of those that lie in it.

    Args:
        rests: if samples at the end are too few for one more clip, their number is appended to it.

    Raises:
        UserError: a file cannot be read, the recording is silent throughout or ends before one of its events, or a
            reference is not as long.
    """
    size, rate = seconds_to_samples(config.clip_s, config.sample_rate), config.sample_rate
    paths = {MIX: recording.file, **recording.references}
    cutters = {name: Cutter(path, rate, recording.span_s, config.accept_truncated) for name, path in paths.items()}
    mixture = cutters[MIX]
    gain = np.float32(gain_to(config.level_db, (block[None] for block in mixture.blocks()), rate))
    streams = _as_long(cutters) if recording.references else {MIX: mixture.blocks()}
    silent, end = True, 0
    for number, together in enumerate(zip(*(pieces(s, size) for s in streams.values()), strict=True), start=1):
        audio = {name: piece * gain for name, (_, piece) in zip(streams, together, strict=True)}
        start = together[0][0]
        there = min(size, mixture.samples - start)  # what follows is padding, in which nothing sounds
        inside = events_within(recording.events or (), mixture.start + start, there, rate)
        events = None if recording.events is None else inside
        classes = [name for name in recording.classes if events is None or any(name == event.label for event in inside)]
        sounding = [name for name in recording.references if name in classes and not is_silent(audio[name])]
        utt, known = f"{recording.name}-{number:04d}", sounding if recording.references else None
        silent, end = silent and is_silent(audio[MIX]), start + size
        yield Clip(utt, recording.group, classes, events, known), {name: audio[name] for name in (MIX, *sounding)}
    if silent:
        raise UserError(f"{recording.file}: digital silence throughout")
    end_s = (mixture.start + mixture.samples) / rate
    late = [event for event in recording.events or () if event.onset_s >= end_s]
    if late and recording.span_s is None:
        where = f"at {end_s:.3f} s, first {late[0].label} at {late[0].onset_s:g} s"
        raise UserError(f"{recording.file}: {len(late)} event(s) after its end {where}")
    rests += [mixture.samples - end] if mixture.samples > end else []


def _until_error(items: Iterator[Item], errors: list[str]) -> Iterator[Item]:
    """Items up to a UserError of the iterator, which is appended to a list; one raised by their user passes through."""
    try:
        yield from items
    except UserError as error:
        errors.append(str(error))


def prepare_shard(config: PrepareConfig, shard: tuple[Path, Sequence[Recording]], claim: Claim) -> dict[str, list[Any]]:
    """Write the clips of some recordings of a set's folder.

    Returns:
        the clips, where their audio is, the samples left over at the ends of recordings, and what is wrong with some.
    """
    folder, recordings = shard
    result: dict[str, list[Any]] = {"clips": [], "entries": [], "rests": [], "bad": []}
    with ClipWriter(folder, config.audio_format, config.sample_rate, claim, "FLOAT") as writer:
        for recording in recordings:
            clips: list[Clip] = []
            entries: dict[str, dict[str, str]] = {}
            errors: list[str] = []
            for clip, audio in _until_error(clips_of(recording, config, result["rests"]), errors):
                clips.append(clip)
                entries[clip.utt] = writer.write(clip.utt, audio)
            result["bad"] += errors
            if errors:
                writer.remove(entries.values())
            else:
                result["clips"] += clips
                result["entries"] += entries.items()
    return result


def _tell_cut(clips: Sequence[Clip], clip_s: float) -> None:
    """Say how many recordings were cut, since a clip may inherit labels of what is not in it."""
    counts = Counter(clip.utt.rpartition("-")[0] for clip in clips)
    cut = {name for name, count in counts.items() if count > 1}
    told = len(counts), len(clips), clip_s, len(cut)
    logger.info("%d recordings, %d clips of %g s (clip_s); cut into several: %d", *told)
    blind = {name for clip in clips if clip.events is None and (name := clip.utt.rpartition("-")[0]) in cut}
    if blind:
        logger.warning(
            "%d recordings are longer than clip_s and have no times of events: each of their clips, up to %d of one, "
            "has all labels of its recording; a larger clip_s (prepare.yaml, or run.sh --clip-s) cuts fewer",
            len(blind),
            max(counts[name] for name in blind),
        )


def _entry(entries: Mapping[str, Mapping[str, str]], name: str, utt: str) -> str:
    return entries[utt][name]


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
    for name, folder in folders.items():
        check_place(folder, "clips", notes.known(), [*files, *label_files])
        raise_problems(f"{folder} cannot be written", clashes((r.name for r in sets[name]), notes.folder))
    shards = {
        shard: (folders[name], recordings)
        for name, own in sets.items()
        for shard, recordings in cut_shards(own, SHARD_RECORDINGS, f"{name}.").items()
    }
    tables = [*TABLES, *(f"src_{name}.scp" for name in classes)]
    with notes.unfinished(folder / table for folder in folders.values() for table in tables):
        results = list(run_shards(partial(prepare_shard, config), shards, notes, nj=nj, description="prepare"))
        bad = [*problems, *(line for result in results for line in result["bad"])]
        if len(bad) > max_bad_ratio * total:
            notes.undo()
            raise_problems(title.format(len(bad)), bad)
        for line in bad:
            logger.warning("left out: %s", line)
        rests_s = [samples / config.sample_rate for result in results for samples in result["rests"]]
        if rests_s:
            logger.info("%d recordings end in too little for one more clip, %.1f s in all", len(rests_s), sum(rests_s))
        _tell_cut([Clip(*clip) for result in results for clip in result["clips"]], config.clip_s)
        length_s = samples_to_seconds(seconds_to_samples(config.clip_s, config.sample_rate), config.sample_rate)
        for folder in folders.values():
            of_set = [result for (home, _), result in zip(shards.values(), results, strict=True) if home == folder]
            clips = [Clip(*clip) for result in of_set for clip in result["clips"]]
            entries = {utt: own for result in of_set for utt, own in result["entries"]}
            lengths_s = dict.fromkeys((clip.utt for clip in clips), length_s)
            write_clips(folder, clips, classes, lengths_s, partial(_entry, entries))
