"""Scores of sound event detection: collar-based F of events and PSDS, by the package sed_scores_eval.

Event F (Mesaros, Heittola, Virtanen, "Metrics for polyphonic sound event detection", Applied Sciences, 2016): a class
is detected from the first to the last of consecutive frames whose probability is at least 0.5. A detected event hits an
event of its class when the onsets are at most 0.2 s apart and the offsets at most 0.2 s or a fifth of the true event's
length, whichever is more. Micro F pools the counts of all classes, macro F is the mean over the classes that occur or
are detected.

PSDS (Bilen et al., "A framework for the robust evaluation of sound event detection", ICASSP 2020; without a grid of
thresholds after Ebbers, Serizel, Haeb-Umbach, ICASSP 2022) is the area under the curve of hits over false alarms for
all thresholds, in the two scenarios of DCASE 2021, task 4: the first wants exact times, the second no mixed-up classes.
It is the mean over the classes that occur, less its standard deviation.

Conventions:
- Frame t stands for the time from times[t] up to times[t + 1], see ``frame_times``; nothing is smoothed.
- Events of one class that overlap or touch are one event: nobody could hear them apart.
- A class that never occurs has no curve and no part in PSDS. In event F its detections are false alarms.
"""

import importlib.util
import logging
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

PACKAGE = "sed_scores_eval"
THRESHOLD = 0.5
COLLARS = {"onset_collar": 0.2, "offset_collar": 0.2, "offset_collar_rate": 0.2}
MAX_FALSE_ALARMS = {"unit_of_time": "hour", "max_efpr": 100.0}
SCENARIOS: dict[str, dict[str, float]] = {
    "psds1": {"dtc_threshold": 0.7, "gtc_threshold": 0.7, "alpha_ct": 0.0, "alpha_st": 1.0},
    "psds2": {"dtc_threshold": 0.1, "gtc_threshold": 0.1, "cttc_threshold": 0.3, "alpha_ct": 0.5, "alpha_st": 1.0},
}
NAMES = ("event_f1", "event_f1_macro", *SCENARIOS)

TimedClass = tuple[float, float, int]


def installed() -> bool:
    """Whether the package is there; it is not imported, which takes a second."""
    return importlib.util.find_spec(PACKAGE) is not None


@cache
def _package() -> ModuleType | None:
    """sed_scores_eval; None without it, and one log line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports uses things that are to go from Python one day
            return importlib.import_module(PACKAGE)
    except ImportError as error:
        logger.warning("no event F and no PSDS: %s (pip install 'weaksep[sed]')", error)
        return None


def frame_times(n_frames: int, n_samples: int, sample_rate: int, hop_samples: int, time_pooling: int = 1) -> np.ndarray:
    """When the frames of a classifier begin, and when the last one ends, in seconds.

    Frame t of an STFT, centred on sample t * hop, stands for the half hop on both sides of it: then the frames whose
    centres lie in an event begin, on average, when the event does. A classifier's frame stands for the ``time_pooling``
    frames that it pools. The first frame begins with the clip and the last one ends with it.

    Args:
        n_frames: T' of the classifier.
        n_samples: length of the clip.
        sample_rate: in Hz.
        hop_samples: between frames of the STFT.
        time_pooling: frames of the STFT to one of the classifier.

    Returns:
        float64 (T' + 1,), rising.

    >>> frame_times(3, 1000, 1000, 100, 4).tolist()
    [0.0, 0.35, 0.75, 1.0]
    """
    edges = (np.arange(n_frames + 1) * time_pooling - 0.5) * hop_samples / sample_rate
    edges[0], edges[-1] = 0.0, n_samples / sample_rate
    return edges


def merged(events: Iterable[TimedClass], duration_s: float) -> list[TimedClass]:
    """Events cut at the clip's end, those of a class that overlap or touch made one, by class and onset.

    >>> merged([(0.5, 0.8, 0), (0.2, 0.5, 0), (0.4, 2.0, 1)], 1.0)
    [(0.2, 0.8, 0), (0.4, 1.0, 1)]
    """
    result: list[TimedClass] = []
    for onset, offset, k in sorted(events, key=lambda event: (event[2], event[0])):
        offset = min(offset, duration_s)
        if onset >= offset:
            continue
        if result and result[-1][2] == k and onset <= result[-1][1]:
            result[-1] = (result[-1][0], max(offset, result[-1][1]), k)
        else:
            result.append((onset, offset, k))
    return result


class EventScores:
    """Frame probabilities and events of a set's clips, and their scores.

    Args:
        n_classes: K.
    """

    def __init__(self, n_classes: int) -> None:
        self._n_classes = n_classes
        self._clips: list[tuple[np.ndarray, np.ndarray, list[TimedClass]]] = []

    def add(self, probabilities: np.ndarray, times: np.ndarray, events: Iterable[TimedClass]) -> None:
        """Take in a clip.

        Args:
            probabilities: of frames, (T, K).
            times: (T + 1,) in seconds, see ``frame_times``.
            events: (onset_s, offset_s, class index).

        Raises:
            ValueError: shapes do not fit.
        """
        if probabilities.shape != (len(times) - 1, self._n_classes):
            raise ValueError(f"expected probabilities {(len(times) - 1, self._n_classes)}, got {probabilities.shape}")
        self._clips.append((np.asarray(probabilities, dtype=np.float64), times, merged(events, float(times[-1]))))

    def result(self) -> dict[str, float | None]:
        """``NAMES`` and their values in [0, 1]; None where nothing occurs (event F: or is detected), or all without
        the package."""
        package = _package()
        if package is None:
            return dict.fromkeys(NAMES)
        occurring = sorted({k for *_, events in self._clips for _, _, k in events})
        return {**self._event_f1(package, occurring), **self._psds(package, occurring)}

    def _inputs(self, package: ModuleType, classes: Sequence[int], binary: bool) -> dict[str, Any]:
        """Probabilities and events of some classes in the package's form."""
        names = [f"class {k}" for k in classes]
        create = package.base_modules.scores.create_score_dataframe
        scores, truth = {}, {}
        for number, (probabilities, times, events) in enumerate(self._clips):
            chosen = probabilities[:, classes]
            scores[str(number)] = create((chosen >= THRESHOLD).astype(float) if binary else chosen, times, names)
            truth[str(number)] = [(a, b, f"class {k}") for a, b, k in events]
        return {"scores": scores, "ground_truth": truth}

    def _event_f1(self, package: ModuleType, occurring: list[int]) -> dict[str, float | None]:
        counts = np.zeros((3, self._n_classes))  # hits, false alarms and events of each class
        for k in set(range(self._n_classes)) - set(occurring):
            # Each run of detected frames has two edges, or one where the clip ends.
            found = (np.diff(probabilities[:, k] >= THRESHOLD, prepend=False) for probabilities, *_ in self._clips)
            counts[1, k] = sum((np.count_nonzero(edges) + 1) // 2 for edges in found)
        if occurring:
            # Of zeros and ones: one threshold instead of all, and "at least 0.5" is meant to the letter.
            inputs = self._inputs(package, occurring, binary=True)
            own = package.collar_based.fscore(**inputs, threshold=THRESHOLD, **COLLARS)[3]
            counts[:, occurring] = [[own[f"class {k}"][key] for k in occurring] for key in ("tps", "fps", "n_ref")]
        hits, total = counts[0], counts.sum(axis=0)  # total: 2 TP + FP + FN
        return {
            "event_f1": float(2 * hits.sum() / total.sum()) if total.any() else None,
            "event_f1_macro": float(np.mean(2 * hits[total > 0] / total[total > 0])) if total.any() else None,
        }

    def _psds(self, package: ModuleType, occurring: list[int]) -> dict[str, float | None]:
        if not occurring:
            return dict.fromkeys(SCENARIOS)
        inputs = self._inputs(package, occurring, binary=False)
        inputs["audio_durations"] = {str(number): float(times[-1]) for number, (_, times, _) in enumerate(self._clips)}
        # One class cannot be taken for another.
        alone = {"alpha_ct": 0.0, "cttc_threshold": None} if len(occurring) == 1 else {}
        settings = {name: {**MAX_FALSE_ALARMS, **scenario, **alone} for name, scenario in SCENARIOS.items()}
        psds = package.intersection_based.psds
        return {name: float(np.clip(psds(**inputs, **how)[0], 0.0, 1.0)) for name, how in settings.items()}
