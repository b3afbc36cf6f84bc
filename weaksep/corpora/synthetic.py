"""The built-in corpus: five urban sound classes, all SYNTHETIC, made on the spot from a seed.

It lets a recipe run without a download. "Recordings" are draws of a sound model's fixed parameters (this
horn, this dog, this place), shared by the events of a recording; the sets share no recording. The same
seed, recording and event index give the same samples, in whatever order they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from weaksep.corpora.config import SyntheticConfig
from weaksep.corpora.event import SETS, SourceEvent
from weaksep.corpora.sound_models import MODELS
from weaksep.corpora.sound_parts import colour, minimum_phase, room_response, trim
from weaksep.errors import UserError
from weaksep.seeding import generator

PEAK = 0.5  # of every event file; the mixer sets the level anew


@dataclass(frozen=True)
class SyntheticCorpus:
    """See the module. Made by :func:`open_synthetic`."""

    config: SyntheticConfig

    def sets(self) -> dict[str, list[SourceEvent]]:
        """All events of the three sets; nothing is synthesised yet, so durations are not known."""
        return {
            name: [
                SourceEvent(f"{recording}-{index:02d}", class_name, recording, fold, 1, None, None)
                for class_name in sorted(self.config.classes)
                for recording in self._recordings(class_name, name)
                for index in range(self.config.events_per_recording)
            ]
            for fold, name in enumerate(SETS, start=1)
        }

    def _recordings(self, class_name: str, set_name: str) -> list[str]:
        count = getattr(self.config.recordings_per_class, set_name)
        return [f"{class_name}-{set_name}{number:04d}" for number in range(1, count + 1)]

    def load(self, event: SourceEvent, sample_rate: int) -> np.ndarray:
        """Synthesise one event, float32 (N,), peak 0.5, without silence at its ends."""
        recording_rng = generator(self.config.seed, "synthetic", event.recording_id)
        model = MODELS[event.class_name](recording_rng, sample_rate)
        room = room_response(recording_rng, sample_rate)
        microphone = minimum_phase(colour(recording_rng), sample_rate)
        dry = model(generator(self.config.seed, "synthetic", event.event_id))
        wave = trim(fftconvolve(dry, fftconvolve(room, microphone)), sample_rate)
        return (wave * (PEAK / np.abs(wave).max())).astype(np.float32)


def open_synthetic(config: SyntheticConfig, db: Path | None) -> SyntheticCorpus:
    """The corpus; `db` is not used, since there is no folder.

    Raises:
        UserError: a class without a sound model.
    """
    unknown = [name for name in config.classes if name not in MODELS]
    if unknown:
        raise UserError(
            f"the synthetic corpus has no class {', '.join(unknown)} (it has {', '.join(MODELS)}): "
            "mend classes in data.yaml"
        )
    return SyntheticCorpus(config)
