"""Frame labels from timed events, and clip labels as vectors.

The one rule: an event's onset and offset are rounded to samples (signal/units.py, halves up); frame t, centred on
sample t * hop_samples, is active when onset <= centre < offset.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from weaksep.fileio.datadir import EventLabel
from weaksep.signal.units import frame_centres, seconds_to_samples


def frame_labels(
    events: Iterable[EventLabel], classes: Sequence[str], n_frames: int, sample_rate: int, hop_samples: int
) -> np.ndarray:
    """Activity of each class in each frame, uint8 (T, K)."""
    centres = frame_centres(n_frames, hop_samples)
    activity = np.zeros((n_frames, len(classes)), dtype=np.uint8)
    for event in events:
        times = [seconds_to_samples(seconds, sample_rate) for seconds in (event.onset_s, event.offset_s)]
        first, last = np.searchsorted(centres, times)
        activity[first:last, classes.index(event.label)] = 1
    return activity


def pool_labels(activity: np.ndarray, factor: int) -> np.ndarray:
    """Max over runs of ``factor`` frames: (T, K) -> (ceil(T / factor), K); the last run may be shorter."""
    padded = np.pad(activity, ((0, -len(activity) % factor), (0, 0)))
    return padded.reshape(-1, factor, activity.shape[1]).max(axis=1)


def clip_vector(names: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Classes of a clip as uint8 (K,)."""
    vector = np.zeros(len(classes), dtype=np.uint8)
    vector[[classes.index(name) for name in names]] = 1
    return vector


def noisy_labels(
    names: Sequence[str], classes: Sequence[str], missing: float, wrong: float, rng: np.random.Generator
) -> tuple[str, ...]:
    """Clip labels as a careless listener would give them.

    Args:
        names: classes of the clip.
        classes: all classes.
        missing: probability that a class is left out.
        wrong: probability that one that is not is taken for another class, which is not in the clip; where there is no
            other, its label stays.
    """
    absent = [name for name in classes if name not in names]
    given: list[str] = []
    for name in names:
        unnoticed, mistaken = rng.random(2) < (missing, wrong)
        if not unnoticed:
            given.append(absent.pop(int(rng.integers(len(absent)))) if mistaken and absent else name)
    return tuple(name for name in classes if name in given)
