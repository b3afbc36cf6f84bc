"""Recordings with the recipe's classes, and the set of each."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from weaksep.errors import UserError, raise_problems, unknown_names
from weaksep.fileio.names import folded, id_problem, label_problem, plain_id
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.match import Recording
from weaksep.recordings.spelling import class_of, renaming, unclear_labels
from weaksep.recordings.split import split

logger = logging.getLogger(__name__)

SHOWN = 5


def classes_of(recordings: Sequence[Recording], config: PrepareConfig) -> list[str]:
    """The recipe's classes: those of the configuration, or all that the labels name.

    Raises:
        UserError: fewer than two, a class that no label names, or labels that are several names or look like a class.
    """
    counts = Counter(label for recording in recordings for label in recording.classes)
    unclear = unclear_labels(counts, config.classes or (), config.rename)
    raise_problems("labels that are hardly meant as they are spelt; mend them, or write into prepare.yaml", unclear)
    often = Counter[str]()
    for label, n in counts.items():
        often[class_of(label, config.rename)] += n
    named = sorted(often.keys() - {""})
    unknown = sorted(config.rename.keys() - counts.keys() - {class_of(label, {}) for label in counts})
    if unknown:
        logger.warning("rename: %d name(s) that no label has, first %r", len(unknown), unknown[0])
    if config.classes is not None:
        missing = unknown_names(config.classes, named)
        raise_problems("classes: that no label names; a label becomes one by rename: {LABEL: CLASS}", missing)
        others = Counter({name: n for name, n in counts.items() if class_of(name, config.rename) not in config.classes})
        if others:
            most = ", ".join(f"{name} ({n})" for name, n in others.most_common(SHOWN))
            logger.info("labels of no class, which a residual is for: %d names, most often %s", len(others), most)
        return list(config.classes)
    usual = {folded(name): name for name in sorted(named, key=lambda name: (often[name], name))}  # the last one stays
    others_of = {name: usual[folded(name)] for name in named if usual[folded(name)] != name}
    wrong = [
        f"{name!r} {label_problem(name)}; {renaming(name, f'{name[:30]}_1')}" for name in named if label_problem(name)
    ]
    wrong += [f"{name!r} is {own!r} but for the case; {renaming(name, own)}" for name, own in others_of.items()]
    raise_problems("labels that cannot be classes; write into prepare.yaml", wrong)
    if len(named) < 2:
        raise UserError(f"the labels name {len(named)} class(es); a separator needs two")
    return named


def _references(recording: Recording, folder: Path | None, classes: Sequence[str]) -> dict[str, Path]:
    """Files of the isolated sources of a recording; none where one is missing.

    They are REFERENCES/<class>/<path below the audio folder>, or <file name> where no other recording is called so.
    """
    if folder is None:
        return {}
    places = [recording.name + recording.file.suffix, *([recording.file.name] if recording.unique else [])]
    found = {name: [folder / name / place for place in places if (folder / name / place).is_file()] for name in classes}
    missing = [name for name, paths in found.items() if not paths]
    if missing and len(missing) < len(found):
        logger.warning("%s: no reference of %s, so its others are not used", recording.file, ", ".join(missing))
    return {} if missing else {name: paths[0] for name, paths in found.items()}


def _with_classes(
    recording: Recording, config: PrepareConfig, classes: Sequence[str], references: Path | None
) -> Recording:
    """A recording with an id, the recipe's classes in the order of the class axis, and its references."""
    named = {class_of(label, config.rename) for label in recording.classes}
    present = tuple(name for name in classes if name in named)
    renamed = (event._replace(label=class_of(event.label, config.rename)) for event in recording.events or ())
    events = None if recording.events is None else tuple(event for event in renamed if event.label in classes)
    group, name = plain_id(recording.group), plain_id(recording.name)
    name = name if name == group else f"{group}-{name}"
    name += "" if recording.span_s is None else f"-{recording.span_s[0]:010.3f}"
    sources = _references(recording, references, present)
    return replace(recording, name=name, group=group, classes=present, events=events, references=sources)


def _check(recordings: Sequence[Recording], homes: Mapping[str, set[str]]) -> None:
    ids = {f"{recording.name}-0001": recording.file for recording in recordings}
    problems = [f"{ids[utt]}: {utt!r} cannot be an id: {problem}" for utt in ids if (problem := id_problem(utt))]
    counts = Counter(recording.name for recording in recordings)
    problems += [f"{name}: {count} recordings would have this id" for name, count in counts.items() if count > 1]
    problems += [f"recording {group} is in {' and '.join(sorted(own))}" for group, own in homes.items() if len(own) > 1]
    raise_problems("the recordings cannot be used", problems)


def _tell_unheard(recordings: Sequence[Recording]) -> None:
    """Classes that a recording is labelled with and that have no event there are left out: the times decide."""
    unheard = [
        (name, recording.file)
        for recording in recordings
        if recording.events is not None
        for name in recording.classes
        if name not in {event.label for event in recording.events}
    ]
    if unheard:
        logger.warning(
            "%d clip label(s) without an event in recordings with events, first %s in %s; the events decide, so it is "
            "not labelled there",
            len(unheard),
            *unheard[0],
        )


def by_set(
    matched: Sequence[Recording], config: PrepareConfig, classes: Sequence[str], references: Path | None
) -> dict[str, list[Recording]]:
    """Every recording with its set: the one that a label file names, or one drawn for it.

    Raises:
        UserError: two recordings with one id, a recording in two sets, or a set without recordings.
    """
    recordings = [_with_classes(recording, config, classes, references) for recording in matched]
    homes: dict[str, set[str]] = defaultdict(set)
    occurring: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        homes[recording.group].update(filter(None, [recording.set_name]))
        occurring[recording.group] |= set(recording.classes)
    _check(recordings, homes)
    if references is not None and not any(recording.references for recording in recordings):
        example = references / (*recordings[0].classes, "<class>")[0] / recordings[0].file.name
        logger.warning("%s: no source of any recording is there; one would be %s", references, example)
    _tell_unheard(recordings)
    free = {group: names for group, names in occurring.items() if not homes[group]}
    drawn = split(free, config.split.model_dump(), config.seed)
    home = drawn | {group: name for group, names in homes.items() for name in names}
    recordings.sort(key=lambda recording: recording.name.encode())
    sets = {name: [own for own in recordings if home[own.group] == name] for name in ("train", "valid", "test")}
    empty = [f"{name}: no recording; see split:, or name the sets in the label file" for name in sets if not sets[name]]
    raise_problems("the split of the recordings cannot be used", empty)
    for name, own in sets.items():
        lacking = [label for label in classes if not any(label in recording.classes for recording in own)]
        if lacking:
            logger.warning("%s: no recording of %s", name, ", ".join(lacking))
    return sets
