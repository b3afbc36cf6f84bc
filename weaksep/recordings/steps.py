"""Labels read, recordings found, and their preparation as a step, done again when any of it or a setting changes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.stamp import PREPARE_STAMP, Step
from weaksep.fileio.yamlfile import load_config
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.jams import jams_files
from weaksep.recordings.match import match, read_label_files
from weaksep.recordings.sets import Item, classes_of, recordings_by_set

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where recordings, labels and references lie."""

    audio: Path | None
    clip_labels: Path | None
    events: Path | None
    references: Path | None

    def completed(self, config: PrepareConfig, db: Path, whole: bool) -> Places:
        """What is not given here from the configuration, whose paths start at ``db``.

        Args:
            whole: a configuration was given; else only what was named is meant, and --audio must be.
        """

        def other(given: Path | None, name: str | None, optional: bool = False) -> Path | None:
            if given is not None or name is None or not whole:
                return given
            if optional and not (db / name).exists():
                logger.info("%s is not there, so it is done without", db / name)
                return None
            return db / name

        places = Places(
            other(self.audio, config.audio),
            other(self.clip_labels, config.clip_labels, optional=self.events is not None),
            other(self.events, config.events, optional=True),
            other(self.references, config.references, optional=True),
        )
        if places.references is not None and not places.references.is_dir():
            raise UserError(f"{places.references}: no such folder of references")
        if places.audio is None:
            raise UserError("no recordings: give --audio DIR, or --config")
        return places


@dataclass(frozen=True)
class Found:
    """What there is to prepare.

    Attributes:
        items: recordings by set.
        problems: entries of the label files without audio.
        classes: of the recipe.
    """

    items: dict[str, list[Item]]
    problems: list[str]
    classes: list[str]


def load_prepare_config(path: Path | None, overrides: Sequence[str]) -> PrepareConfig:
    """The configuration, or the defaults."""
    return load_config(PrepareConfig, path, overrides)


def look(config: PrepareConfig, places: Places) -> Found:
    """Read the label files and find the audio of each entry. Opens it only to tell a video from its segment.

    Raises:
        UserError: a label file cannot be used, or there is no recording, class or set to prepare.
    """
    assert places.audio is not None
    labels = read_label_files(places.clip_labels, places.events)
    matched = match(*labels, places.audio, config.accept_truncated)
    if not matched.stretches:
        raise UserError(f"{places.audio}: none of the labelled recordings is there; first: {matched.problems[0]}"
                        if matched.problems else "the label files name no recording")  # fmt: skip
    if matched.unlabelled:
        first = matched.unlabelled[0]
        logger.info("%s: %d files without labels, not used, first %s", places.audio, len(matched.unlabelled), first)
    classes = classes_of(matched.stretches, config)
    items = recordings_by_set(matched.stretches, config, classes, places.references)
    return Found(items, matched.problems, classes)


def prepare_step(config: PrepareConfig, places: Places, found: Found, out: Path, max_bad_ratio: float) -> Step:
    """Preparation as a step: its inputs are the label files and the recordings that they name."""
    labels = [path for path in (places.clip_labels, places.events) if path is not None]
    items = [item for own in found.items.values() for item in own]
    references = {f"{name} of {item.name}": path for item in items for name, path in item.references.items()}
    return Step(
        name=str(out),
        folder=out,
        settings={"config": config.model_dump(mode="json"), "max_bad_ratio": max_bad_ratio},
        tables={str(file): file for path in labels for file in jams_files(path)},
        files={**{str(item.file): item.file for item in items}, **references},
        code=["weaksep.recordings.prepare"],
        outputs=list(found.items),
        stamp_name=PREPARE_STAMP,
    )
