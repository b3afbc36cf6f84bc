"""How well separated sources agree with weak labels: scores that need no reference.

By the evaluation classifier: whether the source of an active class sounds like its class, and like others. By energies:
what is left where the labels say that a class is silent, what a residual output took, and what no output explains. None
of them says that a source is right; together they say a lot when it is wrong.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weaksep.feats.labels import clip_vector, frame_labels
from weaksep.fileio.datadir import DataDir

NAMES = (
    *("own_class", "other_class", "first_choice"),
    *("inactive_classes", "inactive_frames", "residual", "unexplained"),
)


@dataclass(frozen=True)
class Heard:
    """What is known of a clip's separated files; energies are shares of the mixture's.

    Attributes:
        by_frame: probability of class k in the source of class k, by the frames of the classifier, (T', K).
        by_class: of each class (columns) in the source of each class (rows), (K, K).
        outputs: energy of each source by frame, (K, T).
        residual: energy of the residual output; None where there is none.
        unexplained: energy of the mixture minus all outputs.
        n_samples: the clip's length.
    """

    by_frame: np.ndarray
    by_class: np.ndarray
    outputs: np.ndarray
    residual: float | None
    unexplained: float
    n_samples: int

    def packed(self) -> dict[str, Any]:
        """As JSON can say it, to the last bit: arrays as their type, shape and bytes."""
        return {name: _packed(value) for name, value in vars(self).items()}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> Heard:
        """The other way."""
        return cls(**{name: _unpacked(value) for name, value in packed.items()})


def _packed(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return [value.dtype.str, list(value.shape), base64.b64encode(value.tobytes()).decode("ascii")]


def _unpacked(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, shape, content = value
    return np.frombuffer(base64.b64decode(content), dtype=kind).reshape(shape)


def energy(audio: np.ndarray) -> float:
    """Sum of squares in double."""
    return float(np.square(audio, dtype=np.float64).sum())


def frame_energies(audio: np.ndarray, hop_samples: int, frames: int) -> np.ndarray:
    """Energy of the samples that are nearest to each frame's centre: (..., N) -> (..., T), float64."""
    starts = np.clip(np.arange(frames) * hop_samples - hop_samples // 2, 0, audio.shape[-1] - 1)
    return np.add.reduceat(np.square(audio, dtype=np.float64), starts, axis=-1)


def agreement(
    data: DataDir, clips: Mapping[str, Heard], sample_rate: int, hop_samples: int
) -> tuple[dict[str, float | None], dict[str, float]]:
    """Means over clips or, of what the classifier says, over active classes; None for what no clip has. And margins.

    Args:
        data: data/<set>.
        clips: by id.
        sample_rate, hop_samples: of the frames.

    Returns:
        own_class, other_class: what the classifier gives a class in its own source, and the other class that it hears
        most there. first_choice: share of active classes that it hears most in their source. inactive_classes,
        inactive_frames, residual, unexplained: shares of the mixtures' energy: in sources of classes that do not occur;
        in those of classes that do, outside their events; in the residual output; in the mixture minus all outputs.
        Margins, by clip: own minus other class, mean over its active classes. Unlike an energy a margin gains nothing
        from outputs that are merely fainter, so systems are compared by it with what separates nothing.
    """
    names, events, timed = data.clip_labels(), data.events(), data.timed()
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    margins: dict[str, float] = {}
    for utt, clip in clips.items():
        active = clip_vector(names[utt], data.classes).astype(bool)
        own = np.diagonal(clip.by_class)
        others = np.where(np.eye(len(own), dtype=bool), -1.0, clip.by_class).max(axis=1)
        found["own_class"] += own[active].tolist()
        found["other_class"] += others[active].tolist()
        found["first_choice"] += (own > others)[active].tolist()
        found["residual"] += [] if clip.residual is None else [clip.residual]
        found["unexplained"].append(clip.unexplained)
        if active.any():
            margins[utt] = round(float((own - others)[active].mean()), 6)
        if not active.all():
            found["inactive_classes"].append(float(clip.outputs[~active].sum()))
        if utt in timed and active.any():
            frames = (clip.outputs.shape[1], sample_rate, hop_samples)
            silent = frame_labels(events[utt], data.classes, *frames).T == 0
            found["inactive_frames"].append(float(clip.outputs[active][silent[active]].sum()))
    return {name: float(np.mean(values)) if values else None for name, values in found.items()}, margins
