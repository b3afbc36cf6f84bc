"""Recordings with the recipe's classes, and the set of each."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import EventLabel
from weaksep.fileio.names import doubled, id_problem, label_problem, plain_id
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.labels import all_classes, class_of
from weaksep.recordings.match import Stretch
from weaksep.recordings.split import split

logger = logging.getLogger(__name__)

SHOWN = 5


@dataclass(frozen=True)
class Item:
    """A recording, or a stretch of it, by the recipe's classes.

    Attributes:
        name: what the ids of its clips begin with.
        recording: group that stays on one side of the split.
        file, span_s: its audio.
        classes: that occur in it, in the order of the class axis.
        events: None where their times are not known.
        references: class -> file with its source alone.
    """

    name: str
    recording: str
    file: Path
    span_s: tuple[float, float] | None
    classes: tuple[str, ...]
    events: tuple[EventLabel, ...] | None
    references: Mapping[str, Path]


def classes_of(stretches: Sequence[Stretch], config: PrepareConfig) -> list[str]:
    """The recipe's classes: those of the configuration, or all that the labels name.

    Raises:
        UserError: fewer than two, or a class that no label names.
    """
    counts = Counter(tag for stretch in stretches for tag in _tags(stretch))
    named = all_classes(counts, config.rename)
    strange = [name for name in config.rename if name not in counts]
    if strange:
        logger.warning("rename: %d name(s) that no label has, first %r", len(strange), strange[0])
    if config.classes is not None:
        missing = [name for name in config.classes if name not in named]
        raise_problems(
            "classes that no label names (the labels' names, and rename: for others)",
            [f"{name}; there are {', '.join(named[:SHOWN])}{' ...' if len(named) > SHOWN else ''}" for name in missing],
        )
        others = Counter({tag: n for tag, n in counts.items() if class_of(tag, config.rename) not in config.classes})
        if others:
            most = ", ".join(f"{tag} ({n})" for tag, n in others.most_common(SHOWN))
            logger.info("labels of no class, which a residual is for: %d names, most often %s", len(others), most)
        return list(config.classes)
    wrong = [f"{name!r} {label_problem(name)}; see rename:" for name in named if label_problem(name)]
    wrong += [f"{name!r} and another name are one but for the case; see rename:" for name in doubled(named)]
    raise_problems("labels that cannot be classes", wrong)
    if len(named) < 2:
        raise UserError(f"the labels name {len(named)} class(es); a separator needs two")
    return named


def _tags(stretch: Stretch) -> list[str]:
    return [*stretch.tags, *(event.label for event in stretch.events or ())]


def _references(stretch: Stretch, folder: Path | None, classes: Sequence[str]) -> dict[str, Path]:
    """Files of the isolated sources of a recording; none where one is missing.

    They are REFERENCES/<class>/<path below the audio folder>, or <file name> where no other recording is called so.
    """
    if folder is None:
        return {}
    places = [stretch.name + stretch.file.suffix, *([stretch.file.name] if stretch.alone else [])]
    inside = {name: [folder / name / place for place in places] for name in classes}
    there = {name: [path for path in paths if path.is_file()] for name, paths in inside.items()}
    found = {name: paths[0] for name, paths in there.items() if paths}
    if found and len(found) < len(inside):
        lacking = ", ".join(name for name in inside if name not in found)
        logger.warning("%s: no reference of %s, so its others are not used", stretch.file, lacking)
        return {}
    return found


def _item(stretch: Stretch, config: PrepareConfig, classes: Sequence[str], references: Path | None) -> Item:
    present = {class_of(tag, config.rename) for tag in _tags(stretch)}
    events = stretch.events
    if events is not None:
        named = [EventLabel(e.onset_s, e.offset_s, class_of(e.label, config.rename)) for e in events]
        events = tuple(event for event in named if event.label in classes)
    recording = plain_id(stretch.recording)
    name = plain_id(stretch.name)
    if recording != name:
        name = f"{recording}-{name}"
    if stretch.span_s is not None:
        name += f"-{stretch.span_s[0]:010.3f}"
    own = tuple(name for name in classes if name in present)
    return Item(name, recording, stretch.file, stretch.span_s, own, events, _references(stretch, references, own))


def _check(items: Sequence[Item], homes: Mapping[str, set[str]]) -> None:
    clips = {f"{item.name}-0001": item for item in items}
    problems = [f"{item.file}: {clip!r} cannot be an id: {id_problem(clip)}" for clip, item in clips.items()
                if id_problem(clip)]  # fmt: skip
    counts = Counter(item.name for item in items)
    problems += [f"{name}: {count} recordings would have this id" for name, count in counts.items() if count > 1]
    torn = {name: " and ".join(sorted(sets)) for name, sets in homes.items() if len(sets) > 1}
    problems += [f"recording {name} is in {sets}" for name, sets in torn.items()]
    raise_problems("the recordings cannot be used", problems)


def _tell_unheard(items: Sequence[Item]) -> None:
    """Classes that a recording is tagged with and that have no event there are left out: the times decide."""
    unheard = [
        (item, name)
        for item in items
        if item.events is not None
        for name in item.classes
        if name not in {event.label for event in item.events}
    ]
    if unheard:
        item, name = unheard[0]
        told = f"first {name} in {item.file}; the events decide, so it is not labelled there"
        logger.warning("%d tag(s) without an event in recordings with events, %s", len(unheard), told)


def recordings_by_set(
    stretches: Sequence[Stretch], config: PrepareConfig, classes: Sequence[str], references: Path | None
) -> dict[str, list[Item]]:
    """Every recording with its set: the one that a label file names, or one drawn for it.

    Raises:
        UserError: two recordings with one id, a recording in two sets, or a set without recordings.
    """
    items = [_item(stretch, config, classes, references) for stretch in stretches]
    homes: dict[str, set[str]] = defaultdict(set)
    for item, stretch in zip(items, stretches, strict=True):
        if stretch.set_name is not None:
            homes[item.recording].add(stretch.set_name)
    _check(items, homes)
    if references is not None and not any(item.references for item in items):
        item = items[0]
        example = references / (item.classes[0] if item.classes else "<class>") / item.file.name
        logger.warning("%s: no source of any recording is there; one would be %s", references, example)
    _tell_unheard(items)
    free: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.recording not in homes:
            free[item.recording] |= set(item.classes)
    drawn = split(free, config.split.model_dump(), config.seed)
    sets: dict[str, list[Item]] = {"train": [], "valid": [], "test": []}
    for item in sorted(items, key=lambda item: item.name.encode()):
        home = next(iter(homes[item.recording])) if item.recording in homes else drawn[item.recording]
        sets[home].append(item)
    empty = [f"{name}: no recording; see split:, or name the sets in the label file" for name in sets if not sets[name]]
    raise_problems("the split of the recordings cannot be used", empty)
    for name, own in sets.items():
        found = {label for item in own for label in item.classes}
        lacking = [label for label in classes if label not in found]
        if lacking:
            logger.warning("%s: no recording of %s", name, ", ".join(lacking))
    return sets
