"""What the evaluation classifier hears in separated sources: does each sound like its class, and when.

Class k's probability is what the classifier gives class k on the separated source of class k. A source that holds
another class, or nothing, does not have it. One classifier for all systems makes their figures comparable. Beside them
stand the scores that weak labels alone allow (score/agreement.py).
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, starmap
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_json
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.shards import Shards
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.score.agreement import Heard, agreement, energy, frame_energies
from weaksep.score.clip import read_signals
from weaksep.score.system import find_estimates, read_residuals
from weaksep.score.tagging import Classifier, rounded, tag_scores
from weaksep.score.targets import experiment_of
from weaksep.signal.units import n_frames

logger = logging.getLogger(__name__)

# Starting a worker that imports torch takes as long as a hundred clips do, so a small set is not worth a second one.
SHARD_CLIPS = 500
BATCH_CLIPS = 8

# The folder of a classifier -> the classifier; a function of a module, for worker processes.
Load = Callable[[str], Classifier]
# A clip's id, and its files: K separated ones in the order of the classes, the mixture, and a residual where there is
# one; of a baseline the mixture alone.
Clip = tuple[str, tuple[str, ...]]


def hear_shard(
    load: Load, folder: str, baseline: str, n_outputs: int, clips: Sequence[Clip], claim: Claim
) -> list[dict[str, Any]]:
    """Run the classifier on some clips; the unit of work of a worker process.

    Args:
        load, folder: of the classifier.
        baseline: a key of ``BASELINES`` whose outputs are made here; empty where they are files.
        n_outputs: of the baseline.
        clips: see ``Clip``.

    Returns:
        what is heard, packed (``Heard``).

    Raises:
        UserError: a file is unreadable, at another rate, or of another length than that of another class.
    """
    import torch

    from weaksep.score.baselines import blind_outputs
    from weaksep.signal.stft import Stft

    classifier = load(folder)
    hop, k = classifier.features.hop_samples, len(classifier.classes)
    stft = Stft(classifier.features.window_samples, hop)

    def signals(utt: str, files: tuple[str, ...]) -> np.ndarray:
        read = read_signals(files, classifier.features.sample_rate)
        return np.insert(blind_outputs(baseline, utt, read[0], n_outputs, stft), k, read, axis=0) if baseline else read

    heard: list[dict[str, Any]] = []
    for start in range(0, len(clips), BATCH_CLIPS):
        batch = starmap(signals, clips[start : start + BATCH_CLIPS])
        for (_, length), run in groupby(batch, key=lambda clip: clip.shape):
            audio = np.stack(list(run))  # (B, K + 1 or K + 2, N)
            magnitude = stft.magnitude(torch.from_numpy(audio[:, :k]).flatten(0, 1))
            by_frame, by_class = (x.reshape(len(audio), k, *x.shape[1:]) for x in classifier.probabilities(magnitude))
            frames = n_frames(length, hop)
            for clip, own_frames, classes in zip(audio, np.einsum("bktk->btk", by_frame), by_class, strict=True):
                whole = energy(clip[k]) or 1.0
                unexplained = energy(clip[k] - np.delete(clip, k, axis=0).sum(axis=0, dtype=np.float64)) / whole
                residual = energy(clip[k + 1]) / whole if len(clip) > k + 1 else None
                outputs = frame_energies(clip[:k], hop, frames) / whole
                heard.append(Heard(own_frames, classes, outputs, residual, unexplained, length).packed())
    return heard


def classify_sources(
    data: DataDir,
    experiment: str | Path,
    network: Path,
    load: Load,
    *,
    n_outputs: int = 0,
    nj: int = 1,
    notes: Shards | None = None,
) -> Path:
    """Classify EXPERIMENT/separated/<set>, or what a baseline makes of the set, and write
    EXPERIMENT/scores/<set>/sources.json.

    Args:
        data: data/<set>.
        experiment: the system's folder, or that of a baseline.
        network: folder of the evaluation classifier.
        load: makes a classifier of its folder.
        n_outputs: of a baseline; 0 where the outputs are files.
        nj: worker processes.
        notes: of the step.

    Returns:
        the path of the JSON: name, classifier, the figures of ``tag_scores`` and ``agreement``, and ``margins``.

    Raises:
        UserError: the classifier knows other classes, or see ``find_estimates`` and ``hear_shard``.
    """
    experiment, set_name, name = Path(experiment), data.path.resolve().name, experiment_of(network).name
    separated = experiment / "separated" / set_name
    classifier = load(str(network))
    estimates = dict.fromkeys(data.wav, ()) if n_outputs else find_estimates(data, separated)
    if classifier.classes != data.classes:
        raise UserError(
            f"{name} cannot assess {separated}: classes {' '.join(classifier.classes)}, but {data.path}/labels.txt has "
            f"{' '.join(data.classes)}; give another --evaluation-classifier"
        )
    if not estimates:
        raise UserError(f"{data.path}/wav.scp is empty; rerun stage 1")
    residuals = read_residuals(separated)
    clips = [
        (utt, (*files, str(data.wav[utt]), *([residuals[utt]] if utt in residuals else [])))
        for utt, files in estimates.items()
    ]
    path = experiment / "scores" / set_name / "sources.json"
    notes = notes or Shards(path.parent, step="sources")
    with notes.unfinished([path]):
        work = partial(hear_shard, load, str(network), experiment.name if n_outputs else "", n_outputs)
        parts = run_shards(
            work, cut_shards(clips, SHARD_CLIPS), notes, nj=nj, description=f"classify {experiment.name}"
        )
        heard = dict(zip(estimates, [Heard.unpacked(clip) for part in parts for clip in part], strict=True))
        tagged = ((utt, clip.by_frame, np.diagonal(clip.by_class), clip.n_samples) for utt, clip in heard.items())
        scores = tag_scores(data, classifier, tagged)
        features = classifier.features
        agreed, margins = agreement(data, heard, features.sample_rate, features.hop_samples)
        write_json(path, {"name": experiment.name, "classifier": name, **scores, **rounded(agreed), "margins": margins})
    logger.info("%s: frame F %s, event F %s, by %s", path, scores["frame_f1"], scores["event_f1"], name)
    return path
