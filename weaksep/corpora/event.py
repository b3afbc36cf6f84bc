"""What every corpus gives: events of known class and recording, and their sound on request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

SETS = ("train", "valid", "test")


@dataclass(frozen=True)
class SourceEvent:
    """One isolated sound event of a corpus.

    Args:
        event_id: unique in the corpus; begins with the recording id, so that tables sort as Kaldi likes.
        class_name: sound class.
        recording_id: the recording it was cut from; no recording may sit on two sides of a split.
        fold: the corpus' own fold, 0 where it has none.
        salience: 1 foreground, 2 background (UrbanSound8K's scale); 1 where the corpus does not say.
        path: its audio file; None when the corpus makes the sound itself.
        duration_s: length by the corpus' metadata, seconds; None when only loading the sound tells.
    """

    event_id: str
    class_name: str
    recording_id: str
    fold: int
    salience: int
    path: Path | None
    duration_s: float | None


class Corpus(Protocol):
    """The two things stage 0 asks of a corpus. It must pickle: worker processes call `load`."""

    def sets(self) -> dict[str, list[SourceEvent]]:
        """Events of `train`, `valid` and `test`, sorted by event id; touches no audio."""
        ...

    def load(self, event: SourceEvent, sample_rate: int) -> np.ndarray:
        """Sound of one event, float32 (N,) mono at `sample_rate`. UserError when it cannot be had."""
        ...
