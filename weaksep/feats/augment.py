"""Random changes of a clip: gain, filter, speed, room, place in time.

They are drawn first (``draw_change``) and applied where each is cheap: speed and room to the waveform, the others to
its complex spectrum. What a change does to the times of the labels is done to the frame labels too.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.signal import fftconvolve

from weaksep.feats.config import AugmentConfig
from weaksep.fileio.network import Features

FILTER_POINTS = 6  # of the random response, from the lowest to the highest bin, evenly in pitch
T60_S, TAIL_DB = (0.1, 0.8), (-15.0, 0.0)  # of random rooms: how long they ring, energy of that to the direct sound's


@dataclass(frozen=True)
class Change:
    """What is done to one clip.

    Attributes:
        speed: how much faster it is played; its pitch rises as much.
        shift_frames: later by so many frames; what falls off the end comes at the beginning.
        response: gain and filter, float32 (F,), or (1,) for a gain alone.
        room: impulse response of a room, float32 (L,); None in the open.
    """

    speed: float
    shift_frames: int
    response: np.ndarray
    room: np.ndarray | None = None

    def waveform(self, audio: np.ndarray) -> np.ndarray:
        """Audio (N,) at another speed and in a room, cut or filled with silence to N samples."""
        if self.speed != 1.0:
            audio = faster(audio, self.speed)
        return audio if self.room is None else fftconvolve(audio, self.room)[: len(audio)].astype(np.float32)

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


def faster(audio: np.ndarray, speed: float) -> np.ndarray:
    """Audio (N,) that is played so many times as fast, on straight lines between its samples; filled with silence.

    Written out: np.interp looks for each place anew, and takes half as long again.
    """
    place = np.arange(min(len(audio), int((len(audio) - 1) / speed) + 1)) * speed
    before = place.astype(np.intp)
    place -= before
    rises, played = np.append(audio[1:], np.float32(0.0)) - audio, np.zeros_like(audio)
    played[: len(place)] = audio.take(before) + rises.take(before) * place.astype(np.float32)
    return played


@lru_cache(maxsize=8)
def _filter_axis(n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Where bins and points of a random filter lie."""
    place = np.log1p(np.arange(n_bins) / 8.0)
    return place, np.linspace(0.0, place[-1], FILTER_POINTS)


def random_filter(n_bins: int, range_db: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth response in dB, (F,): straight lines between points of at most ``range_db`` up or down.

    The points lie evenly on log(1 + bin / 8), so that low frequencies, where sounds differ most, have more of them.
    """
    bins, points = _filter_axis(n_bins)
    return np.interp(bins, points, rng.uniform(-range_db, range_db, FILTER_POINTS))


def random_room(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """The direct sound, and behind it noise that decays by 60 dB in T60, float32 (L,)."""
    t60_s, tail_db = rng.uniform(*T60_S), rng.uniform(*TAIL_DB)
    samples = int(t60_s * sample_rate)
    tail = rng.standard_normal(samples) * 10.0 ** (-3.0 * np.arange(samples) / samples)
    tail *= 10.0 ** (tail_db / 20.0) / np.sqrt(np.square(tail).sum())
    return np.concatenate([[1.0], tail]).astype(np.float32)


def draw_change(config: AugmentConfig | None, rng: np.random.Generator, n_frames: int, features: Features) -> Change:
    """Draw a change for one clip of so many frames; without a config, none."""
    if config is None:
        return UNCHANGED
    response_db = np.full(1, rng.uniform(*config.gain_db))
    if config.filter_db:
        response_db = response_db + random_filter(features.window_samples // 2 + 1, config.filter_db, rng)
    speed = float((1.0 + config.speed) ** rng.uniform(-1.0, 1.0)) if config.speed else 1.0
    shift = int(rng.integers(n_frames)) if config.shift else 0
    inside = config.p_room and rng.random() < config.p_room
    room = random_room(features.sample_rate, rng) if inside else None
    return Change(speed, shift, (10.0 ** (response_db / 20.0)).astype(np.float32), room)
