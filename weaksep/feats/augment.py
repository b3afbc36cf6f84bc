"""Random changes of a clip: gain, filter, speed, place in time.

They are drawn first (``draw_change``) and applied where each is cheap: speed to the waveform, the others to its complex
spectrum. What a change does to the times of the labels is done to the frame labels too.
"""

from dataclasses import dataclass

import numpy as np
import torch

from weaksep.feats.config import AugmentConfig

FILTER_POINTS = 6  # of the random response, from the lowest to the highest bin, evenly in pitch


@dataclass(frozen=True)
class Change:
    """What is done to one clip.

    Attributes:
        speed: how much faster it is played; its pitch rises as much.
        shift_frames: later by so many frames; what falls off the end comes at the beginning.
        response: gain and filter, float32 (F,), or (1,) for a gain alone.
    """

    speed: float
    shift_frames: int
    response: np.ndarray

    def waveform(self, audio: np.ndarray) -> np.ndarray:
        """Audio (N,) at another speed, cut or filled with silence to N samples."""
        if self.speed == 1.0:
            return audio
        index = np.arange(len(audio))
        return np.interp(index * self.speed, index, audio, right=0.0).astype(np.float32)

    def spectrum(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Complex spectrum (T, F) with the other changes."""
        return (spectrum * torch.from_numpy(self.response)).roll(self.shift_frames, dims=0)

    def labels(self, activity: np.ndarray) -> np.ndarray:
        """Frame labels (T, K) of the changed clip; those of a clip, (K,), stay."""
        if activity.ndim == 1:
            return activity
        if self.speed != 1.0:
            source = np.floor(np.arange(len(activity)) * self.speed + 0.5).astype(int)
            padded = np.concatenate([activity, np.zeros_like(activity[:1])])
            activity = padded[np.minimum(source, len(activity))]
        return np.roll(activity, self.shift_frames, axis=0)


UNCHANGED = Change(1.0, 0, np.ones(1, dtype=np.float32))


def random_filter(n_bins: int, range_db: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth response in dB, (F,): straight lines between points of at most ``range_db`` up or down.

    The points lie evenly on log(1 + bin / 8), so that low frequencies, where sounds differ most, have more of them.
    """
    points = rng.uniform(-range_db, range_db, FILTER_POINTS)
    place = np.log1p(np.arange(n_bins) / 8.0)
    return np.interp(place, np.linspace(0.0, place[-1], FILTER_POINTS), points)


def draw_change(config: AugmentConfig | None, rng: np.random.Generator, n_frames: int, n_bins: int) -> Change:
    """Draw a change for one clip of T frames and F bins; without a config, none."""
    if config is None:
        return UNCHANGED
    response_db = np.full(1, rng.uniform(*config.gain_db))
    if config.filter_db:
        response_db = response_db + random_filter(n_bins, config.filter_db, rng)
    speed = float((1.0 + config.speed) ** rng.uniform(-1.0, 1.0)) if config.speed else 1.0
    shift = int(rng.integers(n_frames)) if config.shift else 0
    return Change(speed, shift, (10.0 ** (response_db / 20.0)).astype(np.float32))
