"""Separate a data folder: one 16-bit WAV a clip and class under OUT/audio/<class>/, and OUT/<class>.scp.

A separator with a residual output has residual.scp beside them, as have oracles where the mixtures have backgrounds.

The tables are written last, so a folder that has them is whole. Memory does not grow with the number of
clips: a batch is read, separated and written before the next.
"""

import logging
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import INT16_SCALE, read_audio
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.datadir import CONFIDENCE_NAME, SOURCE_NAME, DataDir
from weaksep.fileio.experiments import WEIGHTS_NAME
from weaksep.fileio.names import RESIDUAL, AudioFormat
from weaksep.fileio.place import check_place
from weaksep.fileio.scp import scp_entries
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import on_disk, require_space
from weaksep.fileio.tables import write_table
from weaksep.infer.clips import Clip, equal_length_batches, read_clips
from weaksep.infer.confidence import ConfidenceMeter, write_confidence
from weaksep.infer.masks import ORACLES
from weaksep.infer.model import Separator, apply_masks, load_separator, separate_waveform
from weaksep.infer.steps import Oracle
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.signal.stft import Stft

logger = logging.getLogger(__name__)

# A GPU waits for the disk with one thread; a CPU worker has one thread for everything.
GPU_FILE_THREADS = 4
SHARD_BATCHES = 4


@dataclass(frozen=True)
class Task:
    """What all batches have in common.

    Attributes:
        system: an oracle, or the folder of a separator.
        outputs: the classes, and the residual where there is one.
        sample_rate: Hz.
        out: folder to write.
        device: torch device.
        audio_format: of what is written.
    """

    system: Oracle | Path
    outputs: tuple[str, ...]
    sample_rate: int
    out: Path
    device: str
    audio_format: AudioFormat


@lru_cache(maxsize=1)
def _separator(folder: Path, modified_ns: int, device: str) -> Separator:
    """One load a process; ``modified_ns`` keeps a rewritten file from being taken for the old one."""
    return load_separator(folder, device)


def _read(path: str, clip: Clip, sample_rate: int) -> np.ndarray:
    audio = read_audio(path, sample_rate)
    if audio.size != clip.n_samples:
        raise UserError(f"{path}: {audio.size} samples, the mixture {clip.utt} has {clip.n_samples}; rerun stage 1")
    return audio


def _oracle_separate(oracle: Oracle, task: Task, clips: Sequence[Clip], mixtures: torch.Tensor) -> torch.Tensor:
    """Mixtures (B, N) -> (B, K, N) by the oracle's mask."""
    references = np.zeros((len(clips), len(task.outputs), mixtures.shape[1]), dtype=np.float32)
    for row, clip in enumerate(clips):
        for column, path in clip.references:
            references[row, column] = _read(path, clip, task.sample_rate)
    stft = Stft(oracle.window_samples, oracle.hop_samples)
    sources = torch.from_numpy(references).to(mixtures.device)
    spectrum = stft.forward(mixtures)
    spectra = stft.forward(sources.flatten(0, 1)).unflatten(0, sources.shape[:2])
    return apply_masks(stft, spectrum, ORACLES[oracle.name](spectra, spectrum), mixtures.shape[1])


def _write(task: Task, writer: ClipWriter, clip: Clip, sources: np.ndarray) -> tuple[dict[str, str], list[int]]:
    """Write the outputs of a clip, (K, N); their entries, and how many samples of each 16 bits cannot hold."""
    if not math.isfinite(float(np.abs(sources).max()) * INT16_SCALE):
        raise UserError(f"{task.system}: the output for {clip.utt} is not finite; the training has diverged")
    entries = writer.write(clip.utt, dict(zip(task.outputs, sources, strict=True)))
    beyond = (sources >= 32767.5 / INT16_SCALE) | (sources < -32768.5 / INT16_SCALE)
    return entries, beyond.sum(axis=1).tolist()


class Done(NamedTuple):
    """What is told of separated clips: samples and files that clipped; clip -> entry of each output, and confidence of
    each class."""

    clipped: tuple[int, int]
    entries: dict[str, dict[str, str]]
    confidence: dict[str, list[float | None]]


@torch.inference_mode()
def separate_batch(task: Task, writer: ClipWriter, clips: Sequence[Clip]) -> Done:
    """Read, separate and write clips of one length.

    Raises:
        UserError: a file cannot be read, or the network gives NaN or infinity.
    """
    with ThreadPoolExecutor(GPU_FILE_THREADS if task.device != "cpu" else 1) as pool:
        waves = pool.map(lambda clip: _read(clip.wav, clip, task.sample_rate), clips)
        mixtures = torch.from_numpy(np.stack(list(waves))).to(task.device)
        confidence: dict[str, list[float | None]] = {}
        if isinstance(task.system, Oracle):
            sources = _oracle_separate(task.system, task, clips, mixtures).cpu().numpy()
        else:
            modified_ns = os.stat(task.system / WEIGHTS_NAME).st_mtime_ns
            separator = _separator(task.system, modified_ns, task.device)
            meter = ConfidenceMeter(len(clips), len(separator.classes))
            sources = separate_waveform(separator, mixtures, meter.add).cpu().numpy()
            confidence = dict(zip((clip.utt for clip in clips), meter.values(), strict=True))
        entries, beyond = zip(*pool.map(partial(_write, task, writer), clips, sources), strict=True)
        clipped = [samples for own in beyond for samples in own]
        by_clip = {clip.utt: own for clip, own in zip(clips, entries, strict=True)}
        return Done((sum(clipped), sum(samples > 0 for samples in clipped)), by_clip, confidence)


def separate_shard(task: Task, batches: Sequence[Sequence[Clip]], claim: Claim) -> list[Done]:
    """Separate some batches."""
    with ClipWriter(task.out, task.audio_format, task.sample_rate, claim) as writer:
        return [separate_batch(task, writer, clips) for clips in batches]


def _finish(out: Path, data: DataDir, tables: dict[str, dict[str, str]]) -> None:
    """Write the tables, and what they were made from: stages 6 and 7 refuse to mix results of two test sets."""
    write_text(out / SOURCE_NAME, data.fingerprint() + "\n")
    for name, table in tables.items():
        write_table(out / f"{name}.scp", scp_entries(out, table))


def _begun(notes: Shards, data: DataDir, outputs: Sequence[str]) -> AbstractContextManager[None]:
    """The block in which files are written: tables last, so the folder never looks whole while it is not."""
    check_place(notes.folder, "separated files", notes.known(), [data.path, *data.wav.values()])
    tables = (SOURCE_NAME, CONFIDENCE_NAME, *(f"{output}.scp" for output in outputs))
    return notes.unfinished(notes.folder / name for name in tables)


def separate_dataset(
    system: Oracle | Path,
    data: DataDir,
    out: Path,
    *,
    nj: int = 1,
    device: str = "cpu",
    batch_size: int = 16,
    audio_format: AudioFormat = "wav",
    notes: Shards | None = None,
) -> None:
    """Separate every clip of a data folder.

    Args:
        system: an oracle, or a separator's folder.
        data: the mixtures; oracles read its references too.
        out: folder to write; what an earlier run left there is replaced.
        nj: worker processes on the CPU; a GPU is fed by one.
        device: torch device; "cuda" for the GPU that each Slurm job is given.
        batch_size: clips of one length that go through the net together.
        audio_format: of what is written.
        notes: of the step.

    Raises:
        UserError: no room on the disk; see ``read_clips`` and ``load_separator``; or classes or rate differ from the
            separator's.
    """
    clips, sample_rate = read_clips(data, with_references=isinstance(system, Oracle))
    outputs = (*data.classes, RESIDUAL)[: len(data.sources)]
    if not isinstance(system, Oracle):
        separator = load_separator(system)
        if separator.classes != data.classes:
            raise UserError(
                f"{system}: trained for classes {' '.join(separator.classes)}, but {data.path}/labels.txt has"
                f" {' '.join(data.classes)}"
            )
        if separator.sample_rate != sample_rate:
            raise UserError(f"{system}: trained at {separator.sample_rate} Hz, {data.path} is at {sample_rate} Hz")
        outputs = separator.outputs
    n_files = len(outputs) * len(clips)
    require_space(out, len(outputs) * sum(on_disk(44 + 2 * clip.n_samples) for clip in clips), n_files, "--expdir")
    notes, task = notes or Shards(out, kind="separated"), Task(system, outputs, sample_rate, out, device, audio_format)
    with _begun(notes, data, outputs):
        shards = run_shards(
            partial(separate_shard, task),
            cut_shards(list(equal_length_batches(clips, batch_size)), SHARD_BATCHES),
            notes,
            nj=1 if device.startswith("cuda:") else nj,
            description=f"separate {system.name}",
            backend="local" if device.startswith("cuda:") else None,  # the GPU is here, whatever cmd.sh says
        )
        done = [Done(*batch) for batches in shards for batch in batches]
        samples, files = (sum(count) for count in zip(*(batch.clipped for batch in done), strict=True))
        if samples:
            logger.warning("%s: %d sample(s) in %d of %d files clipped", out, samples, files, n_files)
        if not isinstance(system, Oracle):
            confidence = {utt: values for batch in done for utt, values in batch.confidence.items()}
            write_confidence(out, data.classes, {utt: confidence[utt] for utt in data.wav})
        entries = {utt: own for batch in done for utt, own in batch.entries.items()}
        _finish(out, data, {name: {utt: entries[utt][name] for utt in data.wav} for name in outputs})
    logger.info("%s: %d clips x %d classes", out, len(clips), len(data.classes))


def write_unprocessed(data: DataDir, out: Path, notes: Shards | None = None) -> None:
    """The row that separates nothing: every class's table points at the mixtures themselves.

    Raises:
        UserError: see ``read_clips``.
    """
    clips, _ = read_clips(data, with_references=False)
    with _begun(notes or Shards(out, kind="separated"), data, data.classes):
        table = {clip.utt: os.path.abspath(clip.wav) for clip in clips}
        _finish(out, data, dict.fromkeys(data.classes, table))
    logger.info("%s: %d clips, all classes the mixture", out, len(clips))
