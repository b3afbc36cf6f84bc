"""What must hold within and between the tables of a data folder."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from weaksep.fileio.datadir import TIMED_NAME, check_events, labels_problem
from weaksep.fileio.names import BACKGROUND, id_problem
from weaksep.fileio.parsed import LOST, REPAIR, Parsed, Problem
from weaksep.fileio.scp import file_of
from weaksep.fileio.tables import invert
from weaksep.signal.units import samples_to_seconds, seconds_to_samples
from weaksep.upkeep.folder import EVENTS, EVENTS_TSV, LABELS, MIXTURES, RECORDINGS, SCENES, Folder


def check(folder: Folder) -> list[Problem]:
    """All that is wrong with the tables of a folder, and with the files that they name."""
    rules = [_values, _members, _groups, *([] if folder.kind == EVENTS else [_references, _labels, _rows])]
    found = [problem for name in folder.names for problem in folder[name].problems if name != "spk2utt"]
    return folder.told([*found, *(problem for rule in rules for problem in rule(folder))])


def file_problem(locate: Callable[[str], Path], value: str) -> str | None:
    """What is wrong with an entry of an scp file, by its name and the file's size alone.

    An absolute path is taken as it is: it is how one names recordings that lie elsewhere. A ``..`` is refused, since
    the folder could not be moved or linked without another file coming to stand for the clip.
    """
    if ".." in value.split("/"):
        return f"{value} leads out of the folder; give a path inside it, or an absolute one"
    path = file_of(locate(value))
    if not os.path.isfile(path):
        return f"no file {value}"
    return None if os.path.getsize(path) else f"{value} is empty"


# Values that cannot be right.
def _values(folder: Folder) -> list[Problem]:
    known, labels, used = folder.classes, folder.label_table, set().union(*folder.clip_classes.values())
    all_used = folder.kind != EVENTS or not folder[labels].there  # a set of mixtures may do without a class
    rules: dict[str, Callable[[str, str], Any]] = {
        "utt2spk": lambda _, text: id_problem(text) and f"the recording {text!r} {id_problem(text)}",
        # Without any class this is said of labels.txt itself.
        labels: lambda utt, _: known and labels_problem(folder.clip_classes[utt], known),
        LABELS: lambda label, _: not all_used and label not in used and "no event of this class",
        **dict.fromkeys(("wav.scp", *folder.sources), lambda _, value: file_problem(folder.locate, value)),
    }
    return [
        Problem(folder[name].path, entry.line, f"{key}: {problem}", folder.stage)
        for name, problem_of in rules.items()
        for key, entry in folder[name].entries.items()
        if (problem := problem_of(key, entry.value))
    ]


def unmatched(one: Parsed, other: Parsed, remedy: str = LOST) -> list[Problem]:
    """Clips of one table that another lacks; it may name them in a line that says nothing else."""
    named = {*other.entries, *(text.split()[0] for _, text in other.others if text)}
    return [
        Problem(one.path, entry.line, f"{utt} is not in {other.path.name}", remedy)
        for utt, entry in one.entries.items()
        if other.there and utt not in named
    ]


def _members(folder: Folder) -> Iterator[Problem]:
    wav, scenes = folder["wav.scp"], [SCENES] if folder.kind == MIXTURES else []
    if wav.there and not folder.clips:
        yield Problem(wav.path, None, "no clip in it", folder.stage)
    for name in folder.tables[1:]:
        remedy = REPAIR if name == "utt2dur" else LOST
        yield from (*unmatched(wav, folder[name], remedy), *unmatched(folder[name], wav, remedy))
    for name in (*folder.sources, *folder.lists, *scenes):
        yield from unmatched(folder[name], wav, REPAIR)
    for name in scenes:
        yield from unmatched(wav, folder[name], folder.stage)


# spk2utt says the same as utt2spk, the other way round.
def _groups(folder: Folder) -> list[Problem]:
    table, groups = folder["spk2utt"], invert({utt: entry.value for utt, entry in folder["utt2spk"].entries.items()})
    if any(map(id_problem, groups)):
        return []  # said of utt2spk
    expected = {f"{group} {members}" for group, members in groups.items()}
    found = {entry.text: entry.line for entry in table.entries.values()}
    differing = sorted(expected ^ found.keys()) if table.there and folder["utt2spk"].there else ()
    return table.problems + [
        Problem(table.path, found.get(text), f"{text!r:.200}, {what} what utt2spk says", REPAIR)
        for text in differing
        for what in ("which is not" if text in found else "not there, which is",)
    ]


# A reference for each class and background of each clip, and none beyond; of recordings, a class without one is silent.
def _references(folder: Folder) -> Iterator[Problem]:
    labels, classes = folder["utt2labels"], folder.clip_sources
    for name, label in folder.sources.items():
        source, owners = folder[name], {utt for utt, names in classes.items() if label in names}
        if folder.classes and label not in (*folder.classes, BACKGROUND):
            remedy = f"remove it, or {folder.stage}"
            yield Problem(source.path, None, f"class {label!r} is not in labels.txt", remedy)
        surplus = [utt for utt in source.entries if utt in classes and utt not in owners]
        missing = [utt for utt in owners if utt in folder.clips and utt not in source.entries]
        what = f"a reference of class {label}, which {SCENES if label == BACKGROUND else 'utt2labels'} does not give it"
        yield from (Problem(source.path, source.entries[u].line, f"{u} has {what}", folder.stage) for u in surplus)
        if source.there and folder.kind != RECORDINGS:
            what = f"class {label} and is not in {name}"
            yield from (Problem(labels.path, labels.entries[u].line, f"{u} has {what}", folder.stage) for u in missing)


# The classes of a clip are those of its events, and of its scene.
def _labels(folder: Folder) -> list[Problem]:
    labels, events = folder["utt2labels"], folder[EVENTS_TSV]
    timed = folder[TIMED_NAME].entries if TIMED_NAME in folder.lists else labels.entries
    by_event: dict[str, set[str]] = {utt: set() for utt in timed if events.header}
    for _, (utt, event), _ in events.entries.values():
        by_event.setdefault(utt, set()).add(event.label)
    by_scene = {utt: set(entry.value.active_classes) for utt, entry in folder.scenes.items()}
    return [
        Problem(
            labels.path,
            line,
            f"{utt} is labelled {text}, in {name} it has {','.join(sorted(found[utt])) or 'no class'}",
            folder.stage,
        )
        for name, found in ((EVENTS_TSV, by_event), (SCENES, by_scene))
        for utt, (line, text, _) in labels.entries.items()
        if utt in folder.clips and found.get(utt, set(folder.clip_classes[utt])) != set(folder.clip_classes[utt])
    ]


# Events lie inside their clips, in order, and are those of the scenes, which are as long as their clips.
def _rows(folder: Folder) -> Iterator[Problem]:
    events = folder[EVENTS_TSV]
    yield from check_events(events, folder.clips, folder.classes, folder.lengths_s)
    late = [line for (_, one), (line, other) in pairwise(events.entries.items()) if other.value < one.value]
    what = "not sorted by filename, onset, offset and class"
    yield from (Problem(events.path, line, what, REPAIR) for line in late)
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
    events, scenes, seen = folder[EVENTS_TSV], folder[SCENES], set()
    rates = {utt: entry.value.sample_rate for utt, entry in folder.scenes.items()}
    left = Counter(
        (utt, event.class_name, seconds_to_samples(event.onset_s, rates[utt]))
        for utt, entry in folder.scenes.items()
        for event in entry.value.events
    )
    for line, (_, (utt, event), text) in events.entries.items():
        key = utt, event.label, seconds_to_samples(event.onset_s, rates.get(utt, 1))
        if left[key]:
            left[key] -= 1
        elif text in seen:
            yield Problem(events.path, line, f"{utt}: the same row again", REPAIR)
        elif utt in rates:
            what = f"{utt}: no {event.label} at {event.onset_s:g} s in its scene"
            yield Problem(events.path, line, what, folder.stage)
        seen.add(text)
    for utt, label, at in +left if events.header else ():
        what = f"{utt}: {label} at {samples_to_seconds(at, rates[utt]):g} s is not in events.tsv"
        yield Problem(scenes.path, scenes.entries[utt].line, what, folder.stage)
