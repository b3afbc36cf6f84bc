"""A mixture as a description: enough, with the event files, to rebuild its audio bit for bit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import refuse
from weaksep.fileio.audioread import RATES_HZ
from weaksep.fileio.jsontext import finite
from weaksep.fileio.names import id_problem, label_problem
from weaksep.fileio.parsed import Parsed
from weaksep.fileio.tables import MAX_EVENT_S, parse
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
        background: sounds under the events from beginning to end; None for silence. Its id is a key of
            data/backgrounds/<set>, its onset is 0 or before the clip begins, and its level is that of the piece that is
            heard.
    """

    utt_id: str
    duration_s: float
    sample_rate: int
    gain_db: float
    events: tuple[Event, ...]
    background: Event | None = None

    @property
    def n_samples(self) -> int:
        """Length in samples."""
        return seconds_to_samples(self.duration_s, self.sample_rate)

    @property
    def active_classes(self) -> tuple[str, ...]:
        """Classes that occur, sorted by name."""
        return tuple(sorted({event.class_name for event in self.events}))

    @property
    def sounds(self) -> tuple[Event, ...]:
        """Events, and the background where there is one."""
        return self.events if self.background is None else (*self.events, self.background)

    def to_json(self) -> str:
        """One line. Floats are written so that they read back exactly."""
        value = {**vars(self), "events": [vars(event) for event in self.events]}  # asdict would copy every number
        below = value.pop("background")
        if below is not None:
            value["background"] = vars(below)
        return json.dumps(value, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Scene:
        """Inverse of `to_json`. ValueError when the line is not a scene."""
        try:
            value: Any = json.loads(line)
            events = tuple(Event(**event) for event in value.pop("events"))
            below = value.pop("background", None)
            return cls(events=events, background=None if below is None else Event(**below), **value)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # The error quotes keys of the line, and what they hold must not break a message into lines.
            raise ValueError(f"not a scene: {repr(str(error))[1:-1]}") from None


def check_scene(scene: Scene) -> None:
    """ValueError when a scene cannot be rendered. JSON brings any type and any number.

    Ids and classes become names of files, so they are looked at as in a table.
    """
    utt, length_s, rate = scene.utt_id, scene.duration_s, scene.sample_rate
    levels, some_length = f"between {LEVELS_DB[0]:g} and {LEVELS_DB[1]:g}", finite(length_s, 0.0, MAX_CLIP_S)
    refuse(
        {
            f"utt_id {utt!r} cannot be the name of a file": not isinstance(utt, str) or id_problem(utt),
            f"duration_s {length_s!r} is not above 0 and at most {MAX_CLIP_S:g} s": not some_length or length_s <= 0,
            f"sample_rate {rate!r} is none": not isinstance(rate, int) or not finite(rate, *RATES_HZ),
            f"gain_db {scene.gain_db!r} is not {levels}": not finite(scene.gain_db, *LEVELS_DB),
            "no events": not scene.sounds,
        }
    )
    for event in scene.sounds:
        name, recording, label, onset_s = event.event_id, event.recording_id, event.class_name, event.onset_s
        earliest, latest = (-MAX_EVENT_S, 0.0) if event is scene.background else (0.0, length_s)
        begun = finite(onset_s, earliest, latest) and onset_s < length_s
        no_id = "cannot be the id of an event or a recording"
        refuse(
            {
                f"{name!r} {no_id}": not isinstance(name, str) or id_problem(name),
                f"{recording!r} {no_id}": not isinstance(recording, str) or id_problem(recording),
                f"{label!r} cannot be the name of a class": not isinstance(label, str) or label_problem(label),
                f"{name} begins at {onset_s!r} s, not inside the {length_s:g} s of the scene": not begun,
                f"{name} has the level {event.level_db!r}, not {levels}": not finite(event.level_db, *LEVELS_DB),
            }
        )


def _split(line: str) -> tuple[str, Scene, str]:
    scene = Scene.from_json(line)
    check_scene(scene)
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
