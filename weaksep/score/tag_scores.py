"""What a classifier says of a set's clips against their labels: the figures of tagging.json and sources.json."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from weaksep.feats.labels import clip_vector, frame_labels, pool_labels
from weaksep.fileio.datadir import DataDir
from weaksep.metrics.sed import EventScores, frame_times
from weaksep.metrics.tagging import TagCounts, mean_average_precision


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 6)


class TagScores:
    """Probabilities taken in clip by clip, then their scores.

    Args:
        data: data/<set>; frame labels come from its events.tsv, pooled (max) to the classifier's frame rate.
        sample_rate: of the audio, in Hz.
        hop_samples: frame step of the STFT.
        time_pooling: frames of the STFT to one of the classifier.
    """

    def __init__(self, data: DataDir, sample_rate: int, hop_samples: int, time_pooling: int) -> None:
        self._labels = data.labels
        self._names, self._events = data.clip_labels(), data.events()
        self._known_times = data.timed()
        self._settings = (sample_rate, hop_samples, time_pooling)
        self._frames, self._clips = TagCounts(len(data.labels)), TagCounts(len(data.labels))
        self._timed = EventScores(len(data.labels))
        self._truth: list[np.ndarray] = []
        self._found: list[np.ndarray] = []

    def add(self, utt: str, by_frame: np.ndarray, by_clip: np.ndarray, n_frames: int, n_samples: int) -> None:
        """Take in a clip.

        Args:
            utt: its id.
            by_frame: probabilities of frames (T', K).
            by_clip: probabilities of the clip (K,).
            n_frames: T, frames of the STFT.
            n_samples: length of the audio.
        """
        self._truth.append(clip_vector(self._names[utt], self._labels))
        self._found.append(by_clip)
        if utt not in self._known_times:
            return
        sample_rate, hop_samples, pooling = self._settings
        events = self._events[utt]
        activity = frame_labels(events, self._labels, n_frames, sample_rate, hop_samples)
        self._frames.add(pool_labels(activity, pooling), by_frame)
        times = frame_times(len(by_frame), n_samples, sample_rate, hop_samples, pooling)
        timed = [(event.onset_s, event.offset_s, self._labels.index(event.label)) for event in events]
        self._timed.add(by_frame, times, timed)

    def result(self) -> dict[str, Any]:
        """frame_f1 and clip_f1 (both micro: pooled over classes), map (mean average precision of clips over classes),
        the macro forms, event_f1, event_f1_macro, psds1 and psds2 (see metrics/sed.py), n_clips. A score that is not
        defined is None."""
        truth, found = np.stack(self._truth), np.stack(self._found)
        self._clips.add(truth, found)
        return {
            "frame_f1": _number(self._frames.micro_f1()),
            "clip_f1": _number(self._clips.micro_f1()),
            "map": _number(mean_average_precision(truth, found)),
            "frame_f1_macro": _number(self._frames.macro_f1()),
            "clip_f1_macro": _number(self._clips.macro_f1()),
            **{name: _number(value) for name, value in self._timed.result().items()},
            "n_clips": len(self._truth),
        }
