"""How well separated sources agree with weak labels: scores that need no reference.

Of the judge, a classifier: does the source of an active class sound like its class, and like others. Of energies: what
is left where the labels say that a class is silent, what a residual output took, and what no output explains. None of
them says that a source is right; together they say a lot when it is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weaksep.feats.labels import clip_vector, frame_labels
from weaksep.fileio.datadir import DataDir


@dataclass(frozen=True)
class Energies:
    """Energies of a clip's separated files, as shares of the mixture's.

    Attributes:
        outputs: of each class by frame, (K, T).
        residual: of the residual output; None where there is none.
        unexplained: of the mixture minus all outputs.
    """

    outputs: np.ndarray
    residual: float | None
    unexplained: float


def frame_energies(audio: np.ndarray, hop_samples: int, frames: int) -> np.ndarray:
    """Energy of the samples that are nearest to each frame's centre: (..., N) -> (..., T), float64."""
    starts = np.clip(np.arange(frames) * hop_samples - hop_samples // 2, 0, None)
    starts = np.minimum(starts, audio.shape[-1] - 1)
    return np.add.reduceat(np.square(audio, dtype=np.float64), starts, axis=-1)


def clip_energies(
    mixture: np.ndarray, outputs: np.ndarray, residual: np.ndarray | None, hop_samples: int, frames: int
) -> Energies:
    """Energies of one clip.

    Args:
        mixture: (N,).
        outputs: separated sources (K, N).
        residual: of a residual output, (N,).
        hop_samples, frames: the frames of the labels.
    """
    whole = float(np.square(mixture, dtype=np.float64).sum()) or 1.0
    left = mixture.astype(np.float64) - outputs.sum(axis=0, dtype=np.float64)
    own = None
    if residual is not None:
        left -= residual
        own = float(np.square(residual, dtype=np.float64).sum()) / whole
    return Energies(frame_energies(outputs, hop_samples, frames) / whole, own, float(np.square(left).sum()) / whole)


class AgreementScores:
    """Clips taken in one by one, then their scores.

    Args:
        data: data/<set>.
        sample_rate: of the audio, in Hz.
        hop_samples: frame step.
    """

    def __init__(self, data: DataDir, sample_rate: int, hop_samples: int) -> None:
        self._labels, self._settings = data.labels, (sample_rate, hop_samples)
        self._names, self._events, self._timed = data.clip_labels(), data.events(), data.timed()
        self._judged: list[np.ndarray] = []  # of active classes: own probability, largest of another class
        self._found: dict[str, list[float]] = {}

    def add(self, utt: str, by_class: np.ndarray, energies: Energies) -> None:
        """Take in a clip.

        Args:
            utt: its id.
            by_class: what the judge gives each class (columns) in the source of each class (rows), (K, K).
            energies: of its separated files.
        """
        active = clip_vector(self._names[utt], self._labels).astype(bool)
        own = np.diagonal(by_class)
        others = np.where(np.eye(len(own), dtype=bool), -1.0, by_class).max(axis=1)
        self._judged.append(np.stack([own, others], axis=1)[active])
        shares = {
            "inactive_classes": None if active.all() else float(energies.outputs[~active].sum()),
            "residual": energies.residual,
            "unexplained": energies.unexplained,
        }
        if utt in self._timed and active.any():
            frames = energies.outputs.shape[1]
            sounding = frame_labels(self._events[utt], self._labels, frames, *self._settings).T.astype(bool)
            shares["inactive_frames"] = float(energies.outputs[active][~sounding[active]].sum())
        for name, value in shares.items():
            if value is not None:
                self._found.setdefault(name, []).append(value)

    def result(self) -> dict[str, float | None]:
        """Means; None for what no clip has.

        own_class, other_class: what the judge gives a class in its own source, and the other class that it hears most
        there, over active classes. first_choice: share of active classes that the judge hears most in their source.
        inactive_classes, inactive_frames, residual, unexplained: shares of the mixtures' energy, mean over clips: in
        sources of classes that do not occur; in those of classes that do, outside their events; in the residual output;
        in the mixture minus all outputs.
        """
        judged = np.concatenate(self._judged) if self._judged else np.zeros((0, 2))
        own, others = judged.T
        scores: dict[str, float | None] = dict.fromkeys(("own_class", "other_class", "first_choice"))
        if len(judged):
            scores = {
                "own_class": float(own.mean()),
                "other_class": float(others.mean()),
                "first_choice": float((own > others).mean()),
            }
        for name in ("inactive_classes", "inactive_frames", "residual", "unexplained"):
            scores[name] = float(np.mean(self._found[name])) if name in self._found else None
        return {name: None if value is None else round(value, 6) for name, value in scores.items()}
