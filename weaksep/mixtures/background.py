"""What is under the events: a piece of an unlabelled recording, as long as the clip.

A longer recording is cut where it is drawn. A shorter one is repeated, faded at both ends, since a jump would click.
"""

import math

import numpy as np

from weaksep.mixtures.alone import faded
from weaksep.mixtures.config import BackgroundConfig
from weaksep.mixtures.pool import EventAudio
from weaksep.mixtures.scene import Event, Scene
from weaksep.seeding import generator
from weaksep.signal.level import db_to_gain, rms
from weaksep.signal.units import samples_to_seconds, seconds_to_samples


def sample_background(
    config: BackgroundConfig | None, seed: int, scene: Scene, attempt: int, audio: EventAudio | None
) -> Event | None:
    """Draw what is under the events of a scene: from a generator of its own, so that they are the same without.

    Args:
        config, seed: how backgrounds are drawn.
        scene: its id and its length count.
        attempt: of the scene's draws.
        audio: the recordings of the set.
    """
    if config is None or audio is None:
        return None
    rng = generator(seed, "background", scene.utt_id, attempt)
    if rng.random() >= config.probability:
        return None
    files = [(name, *found) for name, own in audio.pool.by_class.items() for found in own]
    name, event_id, recording_id = files[rng.integers(len(files))]
    offset = int(rng.integers(max(1, len(audio(event_id)[0]) - scene.n_samples + 1)))
    onset_s = -samples_to_seconds(offset, scene.sample_rate)
    return Event(event_id, name, recording_id, onset_s, level_db=float(rng.uniform(*config.level_db)))


def background_part(background: Event, waveform: np.ndarray, n_samples: int, sample_rate: int) -> np.ndarray:
    """The piece of a recording (M,) that is heard, at its level, float64 (n_samples,); of silence, silence."""
    if len(waveform) < n_samples:
        piece = np.resize(faded(waveform, sample_rate), n_samples).astype(np.float64)
    else:
        piece = waveform[seconds_to_samples(-background.onset_s, sample_rate) :][:n_samples].astype(np.float64)
    return piece * (db_to_gain(background.level_db) / (rms(piece) or math.inf))
