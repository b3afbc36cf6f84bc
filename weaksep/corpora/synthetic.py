"""The built-in corpus: five urban sound classes, all SYNTHETIC, made on the spot from a seed.

It lets a recipe run without a download. "Recordings" are draws of a sound model's fixed parameters (this
horn, this dog, this place), shared by the events of a recording; the sets share no recording. The same
seed, recording and event index give the same samples, in whatever order they are asked for.
"""

from functools import partial
from pathlib import Path

import numpy as np

from weaksep.corpora.config import SyntheticConfig
from weaksep.corpora.event import Corpus, SourceEvent
from weaksep.corpora.sound_models import MODELS
from weaksep.corpora.sound_parts import colour, convolve, minimum_phase, room_response, trim
from weaksep.errors import UserError
from weaksep.seeding import generator

PEAK = 0.5  # of every event file; the mixer sets the level anew


def synthesise(event: SourceEvent, sample_rate: int, seed: int) -> np.ndarray:
    """One event, float32 (N,), peak 0.5, without silence at its ends."""
    recording_rng, event_rng = (generator(seed, "synthetic", name) for name in (event.recording_id, event.event_id))
    dry = MODELS[event.class_name](recording_rng, event_rng, sample_rate)
    room = room_response(recording_rng, sample_rate)
    microphone = minimum_phase(colour(recording_rng), sample_rate)
    wave = trim(convolve(dry, convolve(room, microphone)), sample_rate)
    return (wave * (PEAK / np.abs(wave).max())).astype(np.float32)


def open_synthetic(config: SyntheticConfig, db: Path | None) -> Corpus:
    """The corpus; `db` is not used, since there is no folder.

    Raises:
        UserError: a class without a sound model.
    """
    unknown = [name for name in config.classes if name not in MODELS]
    if unknown:
        raise UserError(
            f"the synthetic corpus has no class {', '.join(unknown)} (it has {', '.join(MODELS)}): "
            "change classes in data.yaml"
        )
    sets = {
        name: [
            SourceEvent(f"{recording}-{index:02d}", class_name, recording)
            for class_name in sorted(config.classes)
            for recording in (f"{class_name}-{name}{number:04d}" for number in range(1, count + 1))
            for index in range(config.events_per_recording)
        ]
        for name, count in config.recordings_per_class.model_dump().items()
    }
    return Corpus(sets, partial(synthesise, seed=config.seed))
