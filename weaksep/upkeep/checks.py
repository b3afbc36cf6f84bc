"""What must hold within and between the tables of a data folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from weaksep.fileio.datadir import TIMED_NAME, check_events, labels_problem
from weaksep.fileio.names import id_problem
from weaksep.fileio.parsed import LOST, REPAIR, Parsed, Problem
from weaksep.fileio.tables import invert
from weaksep.signal.units import samples_to_seconds, seconds_to_samples
from weaksep.upkeep.folder import EVENTS, EVENTS_TSV, LABELS, MIXTURES, RECORDINGS, SCENES, Folder


def check(folder: Folder) -> list[Problem]:
    """All that is wrong with the tables of a folder, and with the files that they name."""
    rules = [_values, _members, _groups, *([] if folder.kind is EVENTS else [_references, _labels, _rows])]
    found = [problem for name in folder.names for problem in folder[name].problems if name != "spk2utt"]
    return folder.told([*found, *(problem for rule in rules for problem in rule(folder))])


def file_problem(folder: Path, value: str) -> str | None:
    """What is wrong with an entry of an scp file, by its name and the file's size alone.

    An absolute path is taken as it is: it is how one names recordings that lie elsewhere. A ``..`` is refused, since
    the folder could not be moved or linked without another file coming to stand for the clip.
    """
    if ".." in value.split("/"):
        return f"{value} leads out of the folder; give a path inside it, or an absolute one"
    path = os.path.join(folder, value)
    if not os.path.isfile(path):
        return f"no file {value}"
    return None if os.path.getsize(path) else f"{value} is empty"


# Values that cannot be right.
def _values(folder: Folder) -> Iterator[Problem]:
    known, labels, used = folder.classes, folder.kind.labels, set().union(*folder.clip_classes.values())
    all_used = folder.kind is not EVENTS or not folder[labels].there  # a set of mixtures may do without a class
    rules: dict[str, tuple[Callable[[str, str], Any], str]] = {
        "utt2spk": (lambda _, text: id_problem(text) and f"the recording {text!r} {id_problem(text)}", folder.stage),
        # Without any class this is said of labels.txt itself.
        labels: (lambda utt, _: known and labels_problem(folder.clip_classes[utt], known), folder.stage),
        LABELS: (lambda label, _: not all_used and label not in used and "no event of this class", folder.stage),
    }
    file_rule = (lambda _, value: file_problem(folder.path, value), folder.stage)
    rules |= dict.fromkeys(("wav.scp", *folder.sources), file_rule)
    for name, (problem_of, remedy) in rules.items():
        for utt, (line, value, _) in folder[name].entries.items():
            if problem := problem_of(utt, value):
                yield Problem(folder[name].path, line, f"{utt}: {problem}", remedy)


def unmatched(one: Parsed, other: Parsed, remedy: str = LOST) -> Iterator[Problem]:
    """Clips of one table that another lacks; it may name them in a line that says nothing else."""
    named = {text.split()[0] for _, text in other.others if text}
    for utt, entry in one.entries.items() if other.there else ():
        if utt not in other.entries and utt not in named:
            yield Problem(one.path, entry.line, f"{utt} is not in {other.path.name}", remedy)


def _members(folder: Folder) -> Iterator[Problem]:
    wav = folder["wav.scp"]
    if wav.there and not folder.clips:
        yield Problem(wav.path, None, "no clip in it", folder.stage)
    for name in folder.tables[1:]:
        remedy = REPAIR if name == "utt2dur" else LOST
        yield from (*unmatched(wav, folder[name], remedy), *unmatched(folder[name], wav, remedy))
    for name in (*folder.sources, *folder.lists, *([SCENES] if folder.kind is MIXTURES else [])):
        yield from unmatched(folder[name], wav, REPAIR)
    if folder.kind is MIXTURES:
        yield from unmatched(wav, folder[SCENES], folder.stage)


# spk2utt says the same as utt2spk, the other way round.
def _groups(folder: Folder) -> Iterator[Problem]:
    table, groups = folder["spk2utt"], invert({utt: entry.value for utt, entry in folder["utt2spk"].entries.items()})
    if any(map(id_problem, groups)):
        return  # said of utt2spk
    yield from table.problems
    expected = {f"{group} {members}" for group, members in groups.items()}
    found = {entry.text: entry.line for entry in table.entries.values()}
    for text in sorted(expected ^ found.keys()) if table.there and folder["utt2spk"].there else ():
        what = "which is not" if text in found else "not there, which is"
        yield Problem(table.path, found.get(text), f"{text!r:.200}, {what} what utt2spk says", REPAIR)


# A reference for each class of each clip, and none beyond; of recordings, a class without one is silent.
def _references(folder: Folder) -> Iterator[Problem]:
    labels = folder["utt2labels"]
    for name, label in folder.sources.items():
        source, owners = folder[name], {utt for utt, names in folder.clip_classes.items() if label in names}
        if folder.classes and label not in folder.classes:
            remedy = f"remove it, or {folder.stage}"
            yield Problem(source.path, None, f"class {label!r} is not in labels.txt", remedy)
        for utt, entry in source.entries.items():
            if utt in folder.clip_classes.keys() - owners:
                what = f"{utt} has a reference of class {label}, which utt2labels does not give it"
                yield Problem(source.path, entry.line, what, folder.stage)
        for utt in owners & folder.clips.keys() if source.there and folder.kind is not RECORDINGS else ():
            if utt not in source.entries:
                what = f"{utt} has class {label} and is not in {name}"
                yield Problem(labels.path, labels.entries[utt].line, what, folder.stage)


# The classes of a clip are those of its events, and of its scene.
def _labels(folder: Folder) -> Iterator[Problem]:
    labels, events = folder["utt2labels"], folder[EVENTS_TSV]
    timed = folder[TIMED_NAME].entries if TIMED_NAME in folder.lists else labels.entries
    by_event: dict[str, set[str]] = {utt: set() for utt in timed if events.header}
    for utt, event in (entry.value for entry in events.entries.values()):
        by_event.setdefault(utt, set()).add(event.label)
    by_scene = {utt: set(entry.value.active_classes) for utt, entry in folder.scenes.items()}
    for name, found in ((EVENTS_TSV, by_event), (SCENES, by_scene)):
        for utt in folder.clip_classes.keys() & found.keys() & folder.clips.keys():
            if found[utt] != set(folder.clip_classes[utt]):
                line, value, _ = labels.entries[utt]
                what = f"{utt} is labelled {value}, in {name} it has {','.join(sorted(found[utt])) or 'no class'}"
                yield Problem(labels.path, line, what, folder.stage)


# Events lie inside their clips, in order, and are those of the scenes, which are as long as their clips.
def _rows(folder: Folder) -> Iterator[Problem]:
    events = folder[EVENTS_TSV]
    yield from check_events(events, folder.clips, folder.classes, folder.lengths_s)
    for (_, before), (line, row) in pairwise(events.entries.items()):
        if row.value < before.value:
            yield Problem(events.path, line, "not sorted by filename, onset, offset and class", REPAIR)
    yield from repeated_or_unknown(folder)
    for utt, (line, scene, _) in folder.scenes.items():
        length_s = folder.lengths_s.get(utt, scene.duration_s)
        if seconds_to_samples(length_s, scene.sample_rate) != scene.n_samples:
            what = f"{utt}: {scene.duration_s:g} s long, utt2dur has {length_s:g} s"
            yield Problem(folder[SCENES].path, line, what, folder.stage)


def repeated_or_unknown(folder: Folder) -> Iterator[Problem]:
    """Rows of events.tsv that say what an earlier one says or what no scene says, and events that have no row.

    Two events of a class may well begin and end together: both are cut at the clip's end.
    """
    events, scenes, seen = folder[EVENTS_TSV], folder.scenes, set()
    left = Counter(
        (utt, event.class_name, seconds_to_samples(event.onset_s, entry.value.sample_rate))
        for utt, entry in scenes.items()
        for event in entry.value.events
    )
    for line, ((_, (utt, event), text)) in events.entries.items():
        rate = scenes[utt].value.sample_rate if utt in scenes else 1
        key = utt, event.label, seconds_to_samples(event.onset_s, rate)
        if text in seen and not left[key]:
            yield Problem(events.path, line, f"{utt}: the same row again", REPAIR)
        elif utt in scenes and not left[key]:
            what = f"{utt}: no {event.label} at {event.onset_s:g} s in its scene"
            yield Problem(events.path, line, what, folder.stage)
        else:
            left[key] -= utt in scenes
        seen.add(text)
    for (utt, label, at), number in left.items():
        if number and events.header:
            onset_s = samples_to_seconds(at, scenes[utt].value.sample_rate)
            what = f"{utt}: {label} at {onset_s:g} s is not in events.tsv"
            yield Problem(folder[SCENES].path, scenes[utt].line, what, folder.stage)
