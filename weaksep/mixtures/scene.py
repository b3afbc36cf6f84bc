"""A mixture as a description: enough, with the event files, to rebuild its audio bit for bit."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.fileio.audioread import RATES_HZ
from weaksep.fileio.jsontext import finite
from weaksep.fileio.names import id_problem, label_problem
from weaksep.fileio.parsed import Parsed
from weaksep.fileio.tables import parse
from weaksep.signal.units import seconds_to_samples

MAX_CLIP_S = 3600.0  # a mixture is held in memory, with a reference a class
LEVELS_DB = (-300.0, 0.0)  # of an event, and of the gain that keeps a scene from clipping


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
        try:
            value: Any = json.loads(line)
            events = tuple(Event(**event) for event in value.pop("events"))
            return cls(events=events, **value)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # The error quotes keys of the line, and what they hold must not break a message into lines.
            raise ValueError(f"not a scene: {repr(str(error))[1:-1]}") from None


def scene_problem(scene: Scene) -> str | None:
    """What keeps a scene from being rendered; None when nothing does. JSON brings any type and any number.

    Ids and classes become names of files, so they are looked at as in a table.
    """
    if not isinstance(scene.utt_id, str) or id_problem(scene.utt_id):
        return f"utt_id {scene.utt_id!r} cannot be the name of a file"
    if not finite(scene.duration_s, 0.0, MAX_CLIP_S) or scene.duration_s <= 0:
        return f"duration_s {scene.duration_s!r} is not above 0 and at most {MAX_CLIP_S:g} s"
    if not isinstance(scene.sample_rate, int) or not finite(scene.sample_rate, *RATES_HZ):
        return f"sample_rate {scene.sample_rate!r} is none"
    if not finite(scene.gain_db, *LEVELS_DB):
        return f"gain_db {scene.gain_db!r} is not between {LEVELS_DB[0]:g} and {LEVELS_DB[1]:g}"
    if not scene.events:
        return "no events"
    return next(filter(None, (_event_problem(event, scene.duration_s) for event in scene.events)), None)


def _event_problem(event: Event, duration_s: float) -> str | None:
    for name in (event.event_id, event.recording_id):
        if not isinstance(name, str) or id_problem(name):
            return f"{name!r} cannot be the id of an event or a recording"
    if not isinstance(event.class_name, str) or label_problem(event.class_name):
        return f"{event.class_name!r} cannot be the name of a class"
    if not finite(event.onset_s, 0.0, duration_s) or event.onset_s == duration_s:
        return f"{event.event_id} begins at {event.onset_s!r} s, not inside the {duration_s:g} s of the scene"
    if not finite(event.level_db, *LEVELS_DB):
        return f"{event.event_id} has the level {event.level_db!r}, not between {LEVELS_DB[0]:g} and {LEVELS_DB[1]:g}"
    return None


def _split(line: str) -> tuple[str, Scene, str]:
    scene = Scene.from_json(line)
    if problem := scene_problem(scene):
        raise ValueError(problem)
    return scene.utt_id, scene, line


def parse_scenes(path: str | Path) -> Parsed:
    """scenes.jsonl: clip -> Scene."""
    return parse(path, _split)


def read_scenes(path: str | Path) -> list[Scene]:
    """Scenes of a scenes.jsonl, in the file's order.

    Raises:
        UserError: listing every line that is not a scene, cannot be rendered, repeats an id or is out of order.
    """
    return list(parse_scenes(path).values("a list of scenes as stage 1 writes it").values())
