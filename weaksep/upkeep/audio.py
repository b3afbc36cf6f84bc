"""The audio of a folder: every file is read to its end, block by block, clips by shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from weaksep.fileio.audio import missing_samples
from weaksep.jobs import run_sharded, split_evenly
from weaksep.upkeep.durations import durations
from weaksep.upkeep.files import entry_problem
from weaksep.upkeep.folder import EVENTS, MIXTURES, Folder
from weaksep.upkeep.labels import clip_classes
from weaksep.upkeep.problems import Problem
from weaksep.upkeep.scenes import SceneFile

SHARD_CLIPS = 200
BLOCK_SAMPLES = 65536
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
        with ExitStack() as stack:
            _examine_clip(shard.folder, clip, findings, stack)
    return findings


def _examine_clip(folder: str, clip: Clip, findings: Findings, stack: ExitStack) -> None:
    sounds = {}
    for file in (clip.mixture, *clip.references):
        try:
            sound = _open(folder, file, findings, stack)
            if sound is not None and _read_through(file, sound, findings):
                sounds[file] = sound
        except (soundfile.LibsndfileError, OSError) as error:
            findings.wrong.append((file, f"cannot be read as audio ({error})"))
    mixture = sounds.pop(clip.mixture, None)
    if mixture is None:
        return
    if clip.duration_s is not None and abs(mixture.frames - clip.duration_s * mixture.samplerate) > 0.5:
        length = f"{mixture.frames} samples at {mixture.samplerate} Hz"
        what = f"{length}, utt2dur has {clip.duration_s:g} s ({clip.duration_s * mixture.samplerate:.1f} samples)"
        findings.wrong.append((clip.mixture, what))
    for file, sound in sounds.items():
        if sound.frames != mixture.frames:
            findings.wrong.append((file, f"{sound.frames} samples, the mixture has {mixture.frames}"))
    all_there = clip.summed and len(sounds) == len(clip.references) > 0
    if all_there and {sound.frames for sound in sounds.values()} == {mixture.frames}:
        difference = _largest_difference(mixture, list(sounds.values()))
        if difference > STEP * len(sounds):
            what = f"the references do not sum to the mixture (they are off by up to {difference:.3g})"
            findings.wrong.append((clip.mixture, what))


def _open(folder: str, file: File, findings: Findings, stack: ExitStack) -> soundfile.SoundFile | None:
    """An open file; None when it is not there, which is said elsewhere, or not whole."""
    if entry_problem(folder, file.value):
        return None
    path = Path(folder) / file.value
    sound = stack.enter_context(soundfile.SoundFile(path))
    missing = missing_samples(path)
    if missing:
        promised, held = missing
        findings.wrong.append((file, f"cut short: {held} samples of the {promised} that its header promises"))
        return None
    findings.rates.append((file, sound.samplerate))
    return sound


def _read_through(file: File, sound: soundfile.SoundFile, findings: Findings) -> bool:
    """Read a file to its end; whether it is one channel of finite sound, of the length that its header says."""
    samples, finite, heard = 0, True, False
    for block in sound.blocks(BLOCK_SAMPLES, dtype="float32", always_2d=True):
        samples += len(block)
        finite = finite and bool(np.isfinite(block).all())
        heard = heard or bool(block.any())
    wrong = []
    if samples < sound.frames:
        wrong.append(f"cut short: {samples} samples of the {sound.frames} that its header promises")
    if sound.channels != 1:
        wrong.append(f"{sound.channels} channels, expected one")
    if not finite:
        wrong.append("holds NaN or infinite samples")
    elif not heard:
        wrong.append("silent, all samples are 0" if sound.frames else "holds no samples")
    findings.wrong += [(file, what) for what in wrong]
    return not wrong


def _largest_difference(mixture: soundfile.SoundFile, references: Sequence[soundfile.SoundFile]) -> float:
    """Largest distance of the references' sum to the mixture, full scale 1."""
    difference = 0.0
    for sound in (mixture, *references):
        sound.seek(0)
    for block in mixture.blocks(BLOCK_SAMPLES, dtype="float32"):
        for sound in references:
            block -= sound.read(BLOCK_SAMPLES, dtype="float32")
        difference = max(difference, float(np.abs(block).max()))
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
