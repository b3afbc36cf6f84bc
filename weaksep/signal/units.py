"""Seconds, samples and frames: the only place where one is rounded to another.

Rounding is half up (``floor(x + 0.5)``), so 0.5 samples are one sample on every machine and Python version.
"""

import math

import numpy as np


def seconds_to_samples(seconds: float, sample_rate: int) -> int:
    """Nearest sample, halves up.

    >>> seconds_to_samples(0.25, 8000)
    2000
    """
    return math.floor(seconds * sample_rate + 0.5)


def samples_to_seconds(samples: int, sample_rate: int) -> float:
    """Time of a sample in seconds."""
    return samples / sample_rate


def n_frames(n_samples: int, hop_samples: int) -> int:
    """Number of frames of a centred STFT: frame t is centred on sample t * hop_samples.

    >>> n_frames(20000, 128)
    157
    """
    return 1 + n_samples // hop_samples


def frame_centres(frames: int, hop_samples: int) -> np.ndarray:
    """Samples on which the frames are centred, int64 (T,)."""
    return np.arange(frames, dtype=np.int64) * hop_samples
