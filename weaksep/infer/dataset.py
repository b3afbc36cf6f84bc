"""Separate a data folder: one 16-bit WAV a clip and class under OUT/audio/<class>/, and OUT/<class>.scp.

A separator with a residual output has residual.scp beside them.

The tables are written last, so a folder that has them is whole. Memory does not grow with the number of
clips: a batch is read, separated and written before the next.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import INT16_SCALE, read_audio, write_audio
from weaksep.fileio.datadir import SOURCE_NAME, DataDir
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import on_disk, require_space
from weaksep.fileio.tables import write_table
from weaksep.infer.clips import Clip, equal_length_batches, read_clips
from weaksep.infer.masks import ORACLES
from weaksep.infer.model import Separator, checkpoint_path, load_separator
from weaksep.infer.separate import apply_masks, separate_waveform
from weaksep.jobs import run_sharded, split_evenly
from weaksep.signal.stft import Stft

logger = logging.getLogger(__name__)

# A GPU waits for the disk with one thread; a CPU worker has one thread for everything.
GPU_FILE_THREADS = 4
SHARD_BATCHES = 4


@dataclass(frozen=True)
class Oracle:
    """An oracle mask and the STFT it is taken in."""

    name: str
    window_samples: int
    hop_samples: int


@dataclass(frozen=True)
class BatchJob:
    """All that is needed for one batch."""

    system: Oracle | str  # an oracle, or the path of a best.pt
    clips: tuple[Clip, ...]
    outputs: tuple[str, ...]  # the classes, and the residual where there is one
    sample_rate: int
    out: str
    device: str

    def path(self, clip: Clip, label: str) -> Path:
        """Where a clip's output of a class goes."""
        return Path(self.out) / "audio" / label / f"{clip.utt}.wav"


@dataclass(frozen=True)
class Shard:
    """Some batches, for one worker, and where to note them as done."""

    name: str
    jobs: list[BatchJob]
    notes: Shards


@lru_cache(maxsize=1)
def _separator(path: str, modified_ns: int, device: str) -> Separator:
    """One load a process; ``modified_ns`` keeps a rewritten file from being taken for the old one."""
    return load_separator(path, device)


@lru_cache(maxsize=1)
def _stft(window_samples: int, hop_samples: int) -> Stft:
    return Stft(window_samples, hop_samples)


def _read(path: str, clip: Clip, sample_rate: int) -> np.ndarray:
    audio = read_audio(path, sample_rate)
    if audio.size != clip.n_samples:
        raise UserError(f"{path}: {audio.size} samples, the mixture {clip.utt} has {clip.n_samples}; rerun stage 1")
    return audio


def _oracle_separate(oracle: Oracle, job: BatchJob, mixtures: torch.Tensor) -> torch.Tensor:
    """Mixtures (B, N) -> (B, K, N) by the oracle's mask."""
    references = np.zeros((len(job.clips), len(job.outputs), mixtures.shape[1]), dtype=np.float32)
    for row, clip in enumerate(job.clips):
        for column, path in clip.references:
            references[row, column] = _read(path, clip, job.sample_rate)
    stft = _stft(oracle.window_samples, oracle.hop_samples)
    sources = torch.from_numpy(references).to(mixtures.device)
    spectrum = stft.forward(mixtures)
    spectra = stft.forward(sources.flatten(0, 1)).unflatten(0, sources.shape[:2])
    return apply_masks(stft, spectrum, ORACLES[oracle.name](spectra, spectrum), mixtures.shape[1])


def _write(path: Path, source: np.ndarray, job: BatchJob) -> int:
    """Write one output and return how many of its samples 16 bits cannot hold."""
    scaled_peak = float(np.abs(source).max()) * INT16_SCALE
    if not math.isfinite(scaled_peak):
        raise UserError(f"{job.system}: the output for {path.stem} is not finite; the training has diverged")
    write_audio(path, source, job.sample_rate, durable=False)
    if scaled_peak < 32767.5:
        return 0
    return int(((source >= 32767.5 / INT16_SCALE) | (source < -32768.5 / INT16_SCALE)).sum())


@torch.inference_mode()
def separate_batch(job: BatchJob) -> tuple[int, int]:
    """Read, separate and write one batch; returns (samples, files) that clipped at 16 bits.

    Raises:
        UserError: a file cannot be read, or the network gives NaN or infinity.
    """
    threads = GPU_FILE_THREADS if job.device != "cpu" else 1
    with ThreadPoolExecutor(threads) as pool:
        waves = pool.map(lambda clip: _read(clip.wav, clip, job.sample_rate), job.clips)
        mixtures = torch.from_numpy(np.stack(list(waves))).to(job.device)
        if isinstance(job.system, Oracle):
            sources = _oracle_separate(job.system, job, mixtures).cpu().numpy()
        else:
            modified_ns = os.stat(job.system).st_mtime_ns
            sources = separate_waveform(_separator(job.system, modified_ns, job.device), mixtures).cpu().numpy()

        def write(row: int, column: int) -> int:
            return _write(job.path(job.clips[row], job.outputs[column]), sources[row, column], job)

        rows, columns = np.indices(sources.shape[:2])
        clipped = list(pool.map(write, rows.ravel().tolist(), columns.ravel().tolist()))
    return sum(clipped), sum(count > 0 for count in clipped)


def separate_shard(shard: Shard) -> None:
    """Separate the batches of a shard; note how many samples and files clipped."""
    files = [job.path(clip, label) for job in shard.jobs for clip in job.clips for label in job.outputs]
    shard.notes.claims(shard.name)(files)
    counts = [separate_batch(job) for job in shard.jobs]
    shard.notes.save(shard.name, [sum(count) for count in zip(*counts, strict=True)], files)


def _require_space(out: Path, clips: Sequence[Clip], n_outputs: int) -> None:
    n_bytes = n_outputs * sum(on_disk(44 + 2 * clip.n_samples) for clip in clips)
    require_space(out, n_bytes, n_outputs * len(clips), "--expdir")


def _finish(out: Path, data: DataDir, tables: dict[str, dict[str, str]]) -> None:
    """Write the tables, and what they were made from: stages 6 and 7 refuse to mix results of two test sets."""
    write_text(out / SOURCE_NAME, data.fingerprint() + "\n")
    for label, table in tables.items():
        write_table(out / f"{label}.scp", table)


def _begin(notes: Shards, data: DataDir, outputs: Sequence[str]) -> None:
    check_place(notes.folder, "separated files", notes.known(), [data.path, *data.wav.values()])
    notes.begin(notes.folder / name for name in (SOURCE_NAME, *(f"{label}.scp" for label in outputs)))


def separate_dataset(
    system: Oracle | str | Path,
    data: DataDir,
    out: str | Path,
    *,
    nj: int = 1,
    device: str = "cpu",
    batch_size: int = 16,
    shards: Shards | None = None,
) -> None:
    """Separate every clip of a data folder.

    Args:
        system: an oracle, or a separator's folder or best.pt.
        data: the mixtures; oracles read its references too.
        out: folder to write; what it held is replaced.
        nj: worker processes on the CPU; a GPU is fed by one.
        device: torch device.
        batch_size: clips of one length that go through the net together.
        shards: those that an interrupted run has finished.

    Raises:
        UserError: no room on the disk; see ``read_clips`` and ``load_separator``; or classes or rate differ from the
            separator's.
    """
    out = Path(out)
    oracle = isinstance(system, Oracle)
    clips, sample_rate = read_clips(data, with_references=oracle)
    outputs = data.labels
    if not isinstance(system, Oracle):
        separator = load_separator(system)
        if separator.classes != data.labels:
            raise UserError(
                f"{system}: trained for classes {' '.join(separator.classes)}, but {data.path}/labels.txt has"
                f" {' '.join(data.labels)}"
            )
        if separator.sample_rate != sample_rate:
            raise UserError(f"{system}: trained at {separator.sample_rate} Hz, {data.path} is at {sample_rate} Hz")
        outputs = separator.outputs
        system = str(checkpoint_path(system))
    _require_space(out, clips, len(outputs))
    notes = shards or Shards(out)
    _begin(notes, data, outputs)
    jobs = [
        BatchJob(system, batch, outputs, sample_rate, str(out), device)
        for batch in equal_length_batches(clips, batch_size)
    ]
    work = [
        Shard(str(number), list(part), notes)
        for number, part in enumerate(split_evenly(jobs, -(-len(jobs) // SHARD_BATCHES)), start=1)
    ]
    name = system.name if isinstance(system, Oracle) else Path(system).parent.name
    workers = nj if device == "cpu" else 1
    backend = None if device == "cpu" else "local"  # the GPU is here, whatever cmd.sh says
    todo = [shard for shard in work if not notes.done(shard.name)]
    run_sharded(separate_shard, todo, nj=workers, description=f"separate {name}", backend=backend)
    samples, files = (sum(count) for count in zip(*(notes.load(shard.name) for shard in work), strict=True))
    if samples:
        logger.warning("%s: %d sample(s) in %d of %d files clipped", out, samples, files, len(clips) * len(outputs))
    tables = {label: {clip.utt: f"audio/{label}/{clip.utt}.wav" for clip in clips} for label in outputs}
    _finish(out, data, tables)
    logger.info("%s: %d clips x %d classes", out, len(clips), len(data.labels))
    if shards is None:
        notes.finish()


def write_unprocessed(data: DataDir, out: str | Path, shards: Shards | None = None) -> None:
    """The row that separates nothing: every class's table points at the mixtures themselves.

    Raises:
        UserError: see ``read_clips``.
    """
    out = Path(out)
    clips, _ = read_clips(data, with_references=False)
    notes = shards or Shards(out)
    _begin(notes, data, data.labels)
    # Resolved first: ".." out of a folder that is a symbolic link leads elsewhere than its name says.
    table = {clip.utt: os.path.relpath(Path(clip.wav).resolve(), out.resolve()) for clip in clips}
    _finish(out, data, dict.fromkeys(data.labels, table))
    logger.info("%s: %d clips, all classes the mixture", out, len(clips))
    if shards is None:
        notes.finish()
