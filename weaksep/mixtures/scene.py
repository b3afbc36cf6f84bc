"""A mixture as a description: enough, with the event files, to rebuild its audio bit for bit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.tables import read_lines
from weaksep.signal.units import seconds_to_samples


@dataclass(frozen=True)
class Event:
    """One event in a mixture.

    Args:
        event_id: key in data/events/<set>/wav.scp.
        class_name: sound class.
        recording_id: recording the event was cut from.
        onset_s: start in the mixture, seconds, on the sample grid.
        level_db: RMS of the whole event file, dB relative to full scale, before `Scene.gain_db`.
    """

    event_id: str
    class_name: str
    recording_id: str
    onset_s: float
    level_db: float


@dataclass(frozen=True)
class Scene:
    """One mixture.

    Args:
        utt_id: its id, `<set>-000001`.
        duration_s: length in seconds.
        sample_rate: Hz.
        gain_db: applied to the whole scene so that nothing clips; 0 for almost all.
        events: in the order in which they were drawn, which is the order in which they are summed.
    """

    utt_id: str
    duration_s: float
    sample_rate: int
    gain_db: float
    events: tuple[Event, ...]

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return seconds_to_samples(self.duration_s, self.sample_rate)

    @property
    def active_classes(self) -> tuple[str, ...]:
        """Classes that occur, sorted by name."""
        return tuple(sorted({event.class_name for event in self.events}))

    def to_json(self) -> str:
        """One line. Floats are written so that they read back exactly."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Scene:
        """Inverse of `to_json`. ValueError when the line is not a scene."""
        value: Any = json.loads(line)
        try:
            events = tuple(Event(**event) for event in value.pop("events"))
            return cls(events=events, **value)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a scene: {error}") from None


def read_scenes(path: str | Path) -> Iterator[Scene]:
    """Scenes of a scenes.jsonl, in the file's order.

    Raises:
        UserError: a line that is not a scene, with file:line.
    """
    for number, line in enumerate(read_lines(path), start=1):
        try:
            yield Scene.from_json(line)
        except ValueError as error:
            raise UserError(f"{path}:{number}: {error}") from None
