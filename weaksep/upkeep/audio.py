"""The audio of a folder: every file is read to its end, block by block, clips by shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audioread import Sound, opened, parts, read_blocks, samples_problem
from weaksep.jobs import run_sharded, split_evenly
from weaksep.upkeep.durations import durations
from weaksep.upkeep.files import entry_problem
from weaksep.upkeep.folder import EVENTS, MIXTURES, Folder
from weaksep.upkeep.labels import clip_classes
from weaksep.upkeep.problems import Problem
from weaksep.upkeep.scenes import SceneFile

SHARD_CLIPS = 200
# Stems are whole numbers of 16 bits that sum up exactly. Others may be off by a rounding each.
STEP = 1 / 32768


@dataclass(frozen=True)
class File:
    """A file and the line that names it."""

    table: str
    line: int
    utt: str
    value: str


@dataclass(frozen=True)
class Clip:
    """A clip.

    Args:
        mixture: its audio.
        duration_s: length by utt2dur, None when that does not say.
        references: those that are named.
        summed: whether these are all, so that they must sum to the mixture.
    """

    mixture: File
    duration_s: float | None
    references: tuple[File, ...]
    summed: bool


@dataclass(frozen=True)
class Shard:
    """Some clips, for one worker."""

    folder: str
    clips: tuple[Clip, ...]


@dataclass
class Findings:
    """What was seen: (file, what is wrong) and (file, rate)."""

    wrong: list[tuple[File, str]] = field(default_factory=list)
    rates: list[tuple[File, int]] = field(default_factory=list)


def examine(shard: Shard) -> Findings:
    """Read the files of a shard; runs in a worker process."""
    findings = Findings()
    for clip in shard.clips:
        _examine_clip(Path(shard.folder), clip, findings)
    return findings


def _examine_clip(folder: Path, clip: Clip, findings: Findings) -> None:
    sizes: dict[File, tuple[int, int]] = {}  # samples and rate of the files that are all right
    for file in (clip.mixture, *clip.references):
        if entry_problem(str(folder), file.value):
            continue  # which is said elsewhere
        path = folder / file.value
        try:
            with opened(path) as sound:
                rate = sound.samplerate
                findings.rates.append((file, rate))
                samples, wrong = _read_through(sound)
        except UserError as error:
            wrong = [str(error).removeprefix(f"{path}: ")]
        findings.wrong += [(file, what) for what in wrong]
        if not wrong:
            sizes[file] = (samples, rate)
    if clip.mixture not in sizes:
        return
    samples, rate = whole = sizes.pop(clip.mixture)
    if clip.duration_s is not None and abs(samples - clip.duration_s * rate) > 0.5:
        what = f"utt2dur has {clip.duration_s:g} s ({clip.duration_s * rate:.1f} samples)"
        findings.wrong.append((clip.mixture, f"{samples} samples at {rate} Hz, {what}"))
    for file, (found, _) in sizes.items():
        if found != samples:
            findings.wrong.append((file, f"{found} samples, the mixture has {samples}"))
    if clip.summed and len(sizes) == len(clip.references) > 0 and set(sizes.values()) == {whole}:
        difference = _largest_difference([folder / file.value for file in (clip.mixture, *sizes)])
        if difference > STEP * len(sizes):
            what = f"the references do not sum to the mixture (they are off by up to {difference:.3g})"
            findings.wrong.append((clip.mixture, what))


def _read_through(sound: Sound) -> tuple[int, list[str]]:
    """Read a file to its end: its samples, and what is wrong unless it is one channel of sound, as long as promised."""
    samples, problem, heard = 0, None, False
    for block in parts(sound):
        samples += len(block)
        problem = problem or samples_problem(block)
        heard = heard or bool(block.any())
    wrong = []
    if samples < sound.promised:
        wrong.append(f"truncated: its header promises {sound.promised} samples, {samples} can be read")
    if sound.channels != 1:
        wrong.append(f"{sound.channels} channels, expected one")
    if problem:
        wrong.append(f"holds {problem}")
    elif not heard:
        wrong.append("silent, all samples are 0" if samples else "holds no samples")
    return samples, wrong


def _largest_difference(paths: Sequence[Path]) -> float:
    """Largest distance of the references' sum to the mixture, the first of files of one length, full scale 1."""
    difference = 0.0
    for mixture, *references in zip(*map(read_blocks, paths), strict=True):
        difference = max(difference, float(np.abs(mixture - np.sum(references, axis=0)).max()))
    return difference


def _clips(folder: Folder) -> list[Clip]:
    lengths = durations(folder)
    classes = clip_classes(folder) if folder.kind is not EVENTS else {}
    clips = []
    for utt, (line, value) in folder.wav.entries.items():
        references = []
        for label in classes.get(utt, []):
            name = f"src_{label}.scp"
            entry = folder.table(name).entries.get(utt)
            if entry is not None:
                references.append(File(name, entry.line, utt, entry.value))
        # Of labelled recordings nobody says that the sources are all that is in them.
        summed = folder.kind is MIXTURES and len(references) == len(classes.get(utt, []))
        clips.append(Clip(File("wav.scp", line, utt, value), lengths.get(utt), tuple(references), summed))
    return clips


def check_audio(folder: Folder, scenes: SceneFile, nj: int) -> list[Problem]:
    """Read all audio of a folder.

    Args:
        folder: the folder.
        scenes: its scenes, for the rate; without them most files decide.
        nj: worker processes.
    """
    clips = _clips(folder)
    parts: Sequence[Sequence[Clip]] = split_evenly(clips, max(nj, -(-len(clips) // SHARD_CLIPS)))
    shards = [Shard(str(folder.path), tuple(part)) for part in parts]
    results = run_sharded(examine, shards, nj=nj, description=f"audio {folder.path.name}")
    wrong = [pair for result in results for pair in result.wrong]
    rates = [pair for result in results for pair in result.rates]
    votes = [line.scene.sample_rate for line in scenes.scenes.values()]
    if rates:
        expected = Counter(votes or [rate for _, rate in rates]).most_common(1)[0][0]
        wrong += [(file, f"{rate} Hz, expected {expected} Hz") for file, rate in rates if rate != expected]
    return [
        folder.problem(file.table, file.line, f"{file.utt}: {file.value}: {what}", folder.stage) for file, what in wrong
    ]
