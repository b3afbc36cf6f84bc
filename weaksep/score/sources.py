"""A classifier's judgement of separated sources: does the source of each class sound like that class, and when.

Class k's probability is what the classifier, the judge, gives class k on the separated source of class k. A source that
holds another class, or nothing, does not have it. One judge for all systems makes their figures comparable.
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
from weaksep.fileio.datadir import DataDir
from weaksep.jobs import run_sharded
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
# Probabilities of frames (T', K) and of the clip (K,), and its number of samples.
Judged = tuple[np.ndarray, np.ndarray, int]


@dataclass(frozen=True)
class Job:
    """Some clips to judge: the separated files of each, in the order of the classes.

    ``modified_ns``, the checkpoint's time of change, keeps a rewritten one from being taken for the old one.
    """

    load: Load
    checkpoint: str
    modified_ns: int
    clips: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=1)
def _loaded(load: Load, checkpoint: str, modified_ns: int) -> Classifier:
    return load(checkpoint)


def _read(clips: tuple[tuple[str, ...], ...], sample_rate: int) -> Iterator[np.ndarray]:
    """Sources (K, N) of each clip."""
    for files in clips:
        sources = [read_audio(file, sample_rate) for file in files]
        for file, source in zip(files, sources, strict=True):
            if source.size != sources[0].size:
                raise UserError(f"{file}: {source.size} samples, {files[0]} has {sources[0].size}; rerun stage 5")
        yield np.stack(sources)


def judge_clips(job: Job) -> list[Judged]:
    """Judge some clips; the unit of work of a worker process.

    Raises:
        UserError: a file is unreadable, at another rate, or of another length than that of another class.
    """
    import torch

    from weaksep.signal.stft import Stft

    judge = _loaded(job.load, job.checkpoint, job.modified_ns)
    stft = Stft(judge.window_samples, judge.hop_samples)
    judged: list[Judged] = []
    for start in range(0, len(job.clips), BATCH_CLIPS):
        sources = _read(job.clips[start : start + BATCH_CLIPS], judge.sample_rate)
        for n_samples, run in groupby(sources, key=lambda clip: clip.shape[1]):
            audio = np.stack(list(run))  # (B, K, N)
            magnitude = stft.magnitude(torch.from_numpy(audio).flatten(0, 1)).numpy()
            by_frame, by_clip = judge.probabilities(magnitude)
            size = audio.shape[:2]
            own_frames = np.einsum("bktk->btk", by_frame.reshape(*size, *by_frame.shape[1:]))
            own_clips = np.einsum("bkk->bk", by_clip.reshape(*size, -1))
            judged += [(frames, clip, n_samples) for frames, clip in zip(own_frames, own_clips, strict=True)]
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
        the path of the JSON: name, judge, and the figures of ``TagScores``.

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
    clips = list(estimates.values())
    starts = range(0, len(clips), CLIPS_IN_A_JOB)
    jobs = [Job(load, str(checkpoint), modified_ns, tuple(clips[s : s + CLIPS_IN_A_JOB])) for s in starts]
    parts = run_sharded(judge_clips, jobs, nj=nj, description=f"judge {experiment.name}")
    scores = TagScores(data, judge.sample_rate, judge.hop_samples, judge.time_pooling)
    judged = [clip for part in parts for clip in part]
    for utt, (by_frame, by_clip, n_samples) in zip(estimates, judged, strict=True):
        scores.add(utt, by_frame, by_clip, n_frames(n_samples, judge.hop_samples), n_samples)
    result = {"name": experiment.name, "judge": name, **scores.result()}
    path = experiment / "scores" / set_name / "sources.json"
    write_json(path, result)
    logger.info("%s: frame F %s, event F %s, by %s", path, result["frame_f1"], result["event_f1"], name)
    return path
