"""From a scene to audio: one reference a class and one of the background, and their sum.

References are summed in float64 and rounded to int16; the mixture is the integer sum of the rounded
references, so the stems sum to the mixture bit for bit.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.names import BACKGROUND
from weaksep.mixtures.background import background_part
from weaksep.mixtures.scene import Scene
from weaksep.signal.level import db_to_gain
from weaksep.signal.units import seconds_to_samples

FULL_SCALE = 32768.0
MAX_PEAK = 0.99  # of full scale, for the mixture and for every reference

# A mixture, int16 (N,), and class -> its reference, int16 (N,).
Stems = tuple[np.ndarray, dict[str, np.ndarray]]
Load = Callable[[str], tuple[np.ndarray, float]]


def class_sums(
    scene: Scene, load_event: Load, load_background: Load | None = None
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Sum of each active class before `Scene.gain_db`, float64 (N,), full scale 1; and each event's peak.

    Args:
        load_event: event id -> (waveform (M,), RMS of the whole waveform).
        load_background: the same of backgrounds, where the scene has one.

    Returns:
        class -> sum, and the background beside them; and for every event of the scene, and the background, the largest
        sample of the part inside the clip.
    """
    sums = {name: np.zeros(scene.n_samples) for name in scene.active_classes}
    peaks = []
    for event in scene.events:
        waveform, level = load_event(event.event_id)
        start = seconds_to_samples(event.onset_s, scene.sample_rate)
        gain = db_to_gain(event.level_db) / level
        # float64 from the first product on, whatever numpy's promotion rules.
        part = np.multiply(waveform[: max(0, scene.n_samples - start)], gain, dtype=np.float64)
        sums[event.class_name][start : start + len(part)] += part
        peaks.append(peak(waveform[: len(part)]) * gain)
    if scene.background is not None and load_background is not None:
        recording, _ = load_background(scene.background.event_id)
        sums[BACKGROUND] = background_part(scene.background, recording, scene.n_samples, scene.sample_rate)
        peaks.append(peak(sums[BACKGROUND]))
    return sums, peaks


def peak(waveform: np.ndarray) -> float:
    """Largest absolute sample; 0 of an empty waveform."""
    return float(max(waveform.max(initial=0.0), -waveform.min(initial=0.0)))


def added(waves: Iterable[np.ndarray]) -> np.ndarray:
    """Sum of some waveforms, one after the other."""
    first, *others = waves
    total = first.copy()
    for wave in others:
        total += wave
    return total


def protective_gain_db(sums: Mapping[str, np.ndarray], peaks: Sequence[float]) -> float:
    """0, or the gain in dB (rounded down to 0.001) that brings mixture and references under `MAX_PEAK`.

    Args:
        sums, peaks: of ``class_sums``.
    """
    if sum(peaks) <= 0.999 * MAX_PEAK:  # no sum of the parts can be louder, so most mixtures need no look at theirs
        return 0.0
    loudest = max(peak(wave) for wave in (added(sums.values()), *sums.values()))
    if loudest <= MAX_PEAK:
        return 0.0
    return math.floor(20.0 * math.log10(MAX_PEAK / loudest) * 1000.0) / 1000.0


def to_stems(sums: Mapping[str, np.ndarray], gain_db: float) -> Stems:
    """Round float sums, which are scaled in their place."""
    scale = FULL_SCALE * db_to_gain(gain_db)
    references = {}
    for name, wave in sums.items():
        wave *= scale
        references[name] = np.rint(wave, out=wave).astype(np.int16)
    # It cannot overflow: the peak is 0.99 and rounding adds half a step a class.
    return added(references.values()), references


def render(scene: Scene, load_event: Load, load_background: Load | None = None) -> Stems:
    """Rebuild a finished scene: active classes alone, and the background.

    Raises:
        UserError: it would clip.
    """
    sums, peaks = class_sums(scene, load_event, load_background)
    if scene.gain_db > protective_gain_db(sums, peaks):
        raise UserError(f"{scene.utt_id}: these events at these levels would clip: not a scene as it was drawn")
    return to_stems(sums, scene.gain_db)


def finish(
    scene: Scene, load_event: Load, load_background: Load | None = None
) -> tuple[Scene, np.ndarray, dict[str, np.ndarray]] | None:
    """Render a drawn scene and set its gain: (scene, mixture, references).

    None when the clip's end leaves nothing of an event but digital silence, or the piece of the background is that: its
    label would be a lie.
    """
    sums, peaks = class_sums(scene, load_event, load_background)
    gain_db = protective_gain_db(sums, peaks)
    if min(peaks) * FULL_SCALE * db_to_gain(gain_db) <= 0.5:
        return None
    return dataclasses.replace(scene, gain_db=gain_db), *to_stems(sums, gain_db)
