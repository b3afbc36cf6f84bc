"""A classifier's judgement of separated sources: does the source of each class sound like that class, and when.

Class k's probability is what the classifier, the judge, gives class k on the separated source of class k. A source that
holds another class, or nothing, does not have it. One judge for all systems makes their figures comparable. Beside them
stand the scores that weak labels alone allow (score/agreement.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_json
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import RESIDUAL, DataDir, read_scp
from weaksep.jobs import run_sharded
from weaksep.score.agreement import AgreementScores, Energies, clip_energies
from weaksep.score.system import find_estimates
from weaksep.score.tag_scores import TagScores
from weaksep.score.tagging import Classifier
from weaksep.signal.units import n_frames

logger = logging.getLogger(__name__)

# Starting a worker that imports torch takes as long as a hundred clips do, so a small set is not worth a second one.
CLIPS_IN_A_JOB = 500
BATCH_CLIPS = 8

# The path of a checkpoint -> the classifier; a function of a module, for worker processes.
Load = Callable[[str], Classifier]


@dataclass(frozen=True)
class Judged:
    """What the judge says of one clip.

    Attributes:
        by_frame: probability of class k in the source of class k, by its frames (T', K).
        by_class: of each class (columns) in the source of each class (rows), (K, K).
        energies: of the separated files.
        n_samples: the clip's length.
    """

    by_frame: np.ndarray
    by_class: np.ndarray
    energies: Energies
    n_samples: int


@dataclass(frozen=True)
class ClipPaths:
    """The files of one clip: separated ones in the order of the classes, the mixture, a residual where there is one."""

    sources: tuple[str, ...]
    mixture: str
    residual: str | None


@dataclass(frozen=True)
class Job:
    """Some clips to judge.

    ``modified_ns``, the checkpoint's time of change, keeps a rewritten one from being taken for the old one.
    """

    load: Load
    checkpoint: str
    modified_ns: int
    clips: tuple[ClipPaths, ...]


@lru_cache(maxsize=1)
def _loaded(load: Load, checkpoint: str, modified_ns: int) -> Classifier:
    return load(checkpoint)


def _read(clips: tuple[ClipPaths, ...], sample_rate: int) -> Iterator[np.ndarray]:
    """Sources, mixture and, where there is one, residual of each clip: (K + 1, N) or (K + 2, N)."""
    for clip in clips:
        files = [*clip.sources, clip.mixture, *([clip.residual] if clip.residual else [])]
        signals = [read_audio(file, sample_rate) for file in files]
        for file, signal in zip(files, signals, strict=True):
            if signal.size != signals[0].size:
                raise UserError(f"{file}: {signal.size} samples, {files[0]} has {signals[0].size}; rerun stage 5")
        yield np.stack(signals)


def judge_clips(job: Job) -> list[Judged]:
    """Judge some clips; the unit of work of a worker process.

    Raises:
        UserError: a file is unreadable, at another rate, or of another length than that of another class.
    """
    import torch

    from weaksep.signal.stft import Stft

    judge = _loaded(job.load, job.checkpoint, job.modified_ns)
    stft = Stft(judge.window_samples, judge.hop_samples)
    n_classes = len(judge.classes)
    judged: list[Judged] = []
    for start in range(0, len(job.clips), BATCH_CLIPS):
        signals = _read(job.clips[start : start + BATCH_CLIPS], judge.sample_rate)
        for shape, run in groupby(signals, key=lambda clip: clip.shape):
            audio = np.stack(list(run))
            sources, mixtures = audio[:, :n_classes], audio[:, n_classes]  # (B, K, N), (B, N)
            residuals = audio[:, n_classes + 1] if shape[0] > n_classes + 1 else [None] * len(audio)
            magnitude = stft.magnitude(torch.from_numpy(sources).flatten(0, 1)).numpy()
            by_frame, by_clip = judge.probabilities(magnitude)
            size = sources.shape[:2]
            own_frames = np.einsum("bktk->btk", by_frame.reshape(*size, *by_frame.shape[1:]))
            by_class = by_clip.reshape(*size, -1)
            frame = (judge.hop_samples, n_frames(shape[1], judge.hop_samples))
            for row in range(len(audio)):
                energies = clip_energies(mixtures[row], sources[row], residuals[row], *frame)
                judged.append(Judged(own_frames[row], by_class[row], energies, shape[1]))
    return judged


def judge_sources(data: DataDir, experiment: str | Path, checkpoint: Path, load: Load, *, nj: int = 1) -> Path:
    """Judge EXPERIMENT/separated/<set> and write EXPERIMENT/scores/<set>/sources.json.

    Args:
        data: data/<set>.
        experiment: the system's folder.
        checkpoint: of the judge.
        load: makes a classifier of a checkpoint's path.
        nj: worker processes.

    Returns:
        the path of the JSON: name, judge, and the figures of ``TagScores`` and ``AgreementScores``.

    Raises:
        UserError: the judge knows other classes, or see ``find_estimates`` and ``judge_clips``.
    """
    experiment = Path(experiment)
    set_name = data.path.resolve().name
    separated = experiment / "separated" / set_name
    data.check_source(separated, "rerun stage 5")
    modified_ns = checkpoint.stat().st_mtime_ns
    judge = _loaded(load, str(checkpoint), modified_ns)
    name = checkpoint.parent.name
    if judge.classes != data.labels:
        raise UserError(
            f"{name} cannot judge {separated}: classes {' '.join(judge.classes)}, but {data.path}/labels.txt has "
            f"{' '.join(data.labels)}; give another --judge"
        )
    estimates = find_estimates(data, separated)
    if not estimates:
        raise UserError(f"{data.path}/wav.scp is empty; rerun stage 1")
    path = separated / f"{RESIDUAL}.scp"
    residuals = read_scp(path) if path.is_file() else {}
    clips = [
        ClipPaths(files, str(data.wav[utt]), str(residuals[utt]) if utt in residuals else None)
        for utt, files in estimates.items()
    ]
    starts = range(0, len(clips), CLIPS_IN_A_JOB)
    jobs = [Job(load, str(checkpoint), modified_ns, tuple(clips[s : s + CLIPS_IN_A_JOB])) for s in starts]
    parts = run_sharded(judge_clips, jobs, nj=nj, description=f"judge {experiment.name}")
    scores = TagScores(data, judge.sample_rate, judge.hop_samples, judge.time_pooling)
    agreement = AgreementScores(data, judge.sample_rate, judge.hop_samples)
    judged = [clip for part in parts for clip in part]
    for utt, clip in zip(estimates, judged, strict=True):
        frames = n_frames(clip.n_samples, judge.hop_samples)
        scores.add(utt, clip.by_frame, np.diagonal(clip.by_class), frames, clip.n_samples)
        agreement.add(utt, clip.by_class, clip.energies)
    result = {"name": experiment.name, "judge": name, **scores.result(), **agreement.result()}
    path = experiment / "scores" / set_name / "sources.json"
    write_json(path, result)
    logger.info("%s: frame F %s, event F %s, by %s", path, result["frame_f1"], result["event_f1"], name)
    return path
