"""What every corpus gives: events of known class and recording, and their sound on request."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import raise_problems

SETS = ("train", "valid", "test")
NO_CLASS = "there is no such class as data.yaml asks for"


@dataclass(frozen=True)
class SourceEvent:
    """One isolated sound event of a corpus.

    Args:
        event_id: unique in the corpus; begins with the recording id, so that tables sort as Kaldi likes.
        class_name: sound class.
        recording_id: the recording it was cut from; no recording may be in two sets.
        path: its audio file; None when the corpus makes the sound itself.
        span_s: the part of the file that it is, from onset to offset in seconds; None: all of it.
        fold: the corpus' own fold, 0 where it has none.
        salience: 1 foreground, 2 background (UrbanSound8K's scale); 1 where the corpus does not say.
    """

    event_id: str
    class_name: str
    recording_id: str
    path: Path | None = None
    span_s: tuple[float, float] | None = None
    fold: int = 0
    salience: int = 1


@dataclass(frozen=True)
class Corpus:
    """What stage 0 needs of a corpus.

    Args:
        sets: events of `train`, `valid` and `test`, sorted by event id. No audio is touched to find them.
        load: (event, sample rate in Hz) -> its sound, float32 (N,) mono. UserError when it cannot be had. It must
            pickle: worker processes call it.
    """

    sets: dict[str, list[SourceEvent]]
    load: Callable[[SourceEvent, int], np.ndarray]


def check_sets(sets: Mapping[str, Sequence[SourceEvent]], classes: Sequence[str]) -> None:
    """Every class must occur in every set, every id once, and no recording in two sets.

    Raises:
        UserError: listing all that is wrong.
    """
    problems = []
    home: dict[str, str] = {}
    for name, events in sets.items():
        found = {event.class_name for event in events}
        problems += [f"{name}: no event of class {label}" for label in classes if label not in found]
        counts = Counter(event.event_id for event in events)
        problems += [f"{name}: {event_id} occurs {count} times" for event_id, count in counts.items() if count > 1]
        others = {e.recording_id for e in events if home.setdefault(e.recording_id, name) != name}
        problems += [f"recording {recording} is in {home[recording]} and {name}" for recording in others]
    raise_problems("the split of the corpus cannot be used", sorted(problems))
