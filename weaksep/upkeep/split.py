"""Recordings on both sides of a split: what a model has heard in training must not be what it is tested on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from weaksep.upkeep.folder import MIXTURES, Folder
from weaksep.upkeep.problems import Problem, stage_command
from weaksep.upkeep.scenes import NAME as SCENES
from weaksep.upkeep.scenes import SceneFile

SETS = ("train", "valid", "test")
MEND = f"mend the split in conf/data.yaml, then {stage_command(0)}"


class Place(NamedTuple):
    """Where a recording is first named."""

    side: str
    file: Path
    line: int


def recordings(folder: Folder, scenes: SceneFile) -> dict[str, Place]:
    """Recording -> where the folder first names it: in utt2spk, or for mixtures in the events of their scenes."""
    found: dict[str, Place] = {}
    name = folder.path.resolve().name
    side = next((first for first in SETS if name.startswith(f"{first}_")), name)  # test_lambda10 is test's side
    if folder.kind is not MIXTURES:
        for line, recording in folder.table("utt2spk").entries.values():
            found.setdefault(recording, Place(side, folder.path / "utt2spk", line))
        return found
    for scene_line in scenes.scenes.values():
        for event in scene_line.scene.events:
            found.setdefault(event.recording_id, Place(side, folder.path / SCENES, scene_line.line))
    return found


def check_split(folders: Iterable[Mapping[str, Place]]) -> Iterator[Problem]:
    """Recordings of folders that are different sides, each told at its second and further sides.

    Folders of one name, such as data/train and data/events/train, are one side.
    """
    home: dict[str, Place] = {}
    for found in folders:
        for recording, place in found.items():
            first = home.setdefault(recording, place)
            if first.side != place.side:
                what = f"recording {recording} is also in {first.side} ({first.file}:{first.line})"
                yield Problem(place.file, place.line, what, MEND)
