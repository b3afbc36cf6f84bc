"""Descriptions of the mixtures, scenes.jsonl: read leniently, checked against the clips, their labels and events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from weaksep.mixtures.scene import Scene, scene_problem
from weaksep.signal.units import samples_to_seconds, seconds_to_samples
from weaksep.upkeep.durations import durations
from weaksep.upkeep.events import EventFile, EventRow
from weaksep.upkeep.folder import Folder
from weaksep.upkeep.labels import clip_classes
from weaksep.upkeep.problems import Problem

NAME = "scenes.jsonl"


@dataclass(frozen=True)
class SceneLine:
    """A scene, its line and the text of it."""

    line: int
    text: str
    scene: Scene


@dataclass(frozen=True)
class OtherLine:
    """A line that cannot be rendered; the clip it is of, where it says so."""

    text: str
    utt: str | None


@dataclass(frozen=True)
class SceneFile:
    """scenes.jsonl.

    Attributes:
        there: whether the file can be opened.
        scenes: the first scene of every clip.
        twice: clips that have a second, different scene.
        others: lines that are no scene or a wrong one.
        problems: of its lines by themselves.
    """

    there: bool = False
    scenes: dict[str, SceneLine] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    others: list[OtherLine] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_scenes(folder: Folder) -> SceneFile:
    """Read a folder's scenes.jsonl."""
    text, problems = folder.read_text(NAME)
    if text is None:
        return SceneFile(problems=problems)
    scenes = SceneFile(True, problems=problems)
    previous, late = "", []
    for number, line in text.lines:
        if not line.strip():
            problems.append(folder.problem(NAME, number, "an empty line", folder.fix))
            continue
        scene, what = _parse(line)
        utt = scene.utt_id if scene is not None and isinstance(scene.utt_id, str) else None
        if scene is None or utt is None or what:
            scenes.others.append(OtherLine(line, utt))
            problems.append(folder.problem(NAME, number, f"{utt}: {what}" if utt else what, folder.stage))
            continue
        if utt < previous:
            late.append(number)
        previous = utt
        _add(folder, scenes, SceneLine(number, line, scene))
    if late:
        what = f"not sorted by utt_id as by LC_ALL=C sort (lines like it: {len(late)})"
        problems.append(folder.problem(NAME, late[0], what, folder.fix))
    return scenes


def _parse(line: str) -> tuple[Scene | None, str]:
    """A scene, if it is one, and what keeps it from being rendered, if anything does."""
    try:
        scene = Scene.from_json(line)
    except ValueError as error:
        return None, f"not a scene: {str(error).removeprefix('not a scene: ')}"
    return scene, scene_problem(scene) or ""


def _add(folder: Folder, scenes: SceneFile, new: SceneLine) -> None:
    utt = new.scene.utt_id
    first = scenes.scenes.setdefault(utt, new)
    if first is new:
        return
    if first.scene == new.scene:
        what, mend = f"{utt} again, first in line {first.line}", folder.fix
    else:
        what, mend = f"{utt} again with another scene, first in line {first.line}", folder.drop
        scenes.twice.add(utt)
    scenes.problems.append(folder.problem(NAME, new.line, what, mend))


def check_scenes(folder: Folder, scenes: SceneFile) -> Iterator[Problem]:
    """All that is wrong with the scenes, and between them and the other tables."""
    yield from scenes.problems
    clips, lengths, classes = folder.wav.entries, durations(folder), clip_classes(folder)
    for utt, line in scenes.scenes.items():
        if clips and utt not in clips:
            yield folder.problem(NAME, line.line, f"{utt!r} is no clip of wav.scp", folder.fix)
            continue
        for what in _contradictions(folder, line.scene, lengths.get(utt), classes.get(utt)):
            yield folder.problem(NAME, line.line, f"{utt}: {what}", folder.stage)
    named = {*scenes.scenes, *(other.utt for other in scenes.others)}
    for utt, entry in clips.items() if scenes.there else ():
        if utt not in named:
            yield folder.problem("wav.scp", entry.line, f"{utt} is not in {NAME}", folder.stage)


def _contradictions(folder: Folder, scene: Scene, length_s: float | None, names: list[str] | None) -> Iterator[str]:
    active = set(scene.active_classes)
    known = folder.labels.lines
    for strange in sorted(active - set(known)) if known else ():
        yield f"class {strange!r} is not in labels.txt"
    if names is not None and set(names) != active:
        yield f"its events are of {','.join(sorted(active)) or 'no class'}, utt2labels has {','.join(names) or '-'}"
    if length_s is not None and seconds_to_samples(length_s, scene.sample_rate) != scene.n_samples:
        yield f"{scene.duration_s:g} s long, utt2dur has {length_s:g} s"


def _counts(scenes: SceneFile) -> Counter[tuple[str, str, int]]:
    """How often each (clip, class, onset in samples) occurs in the scenes."""
    counts: Counter[tuple[str, str, int]] = Counter()
    for utt, line in scenes.scenes.items():
        for event in line.scene.events:
            counts[utt, event.class_name, seconds_to_samples(event.onset_s, line.scene.sample_rate)] += 1
    return counts


def _key(row: EventRow, scenes: SceneFile) -> tuple[str, str, int]:
    return row.utt, row.label, seconds_to_samples(row.onset_s, scenes.scenes[row.utt].scene.sample_rate)


def repeated_rows(events: EventFile, scenes: SceneFile) -> list[EventRow]:
    """Rows that say what an earlier one says, more often than the clip's scene has it.

    Two events of a class may well begin and end together: both are cut at the clip's end.
    """
    counts = _counts(scenes)
    seen: Counter[tuple[str, ...]] = Counter()
    repeated = []
    for row in events.rows:
        seen[row.cells] += 1
        expected = counts[_key(row, scenes)] if row.utt in scenes.scenes else 1
        if seen[row.cells] > max(1, expected):
            repeated.append(row)
    return repeated


def check_rows(folder: Folder, events: EventFile, scenes: SceneFile) -> Iterator[Problem]:
    """Every event of a scene has its row in events.tsv, and no row is without an event."""
    repeated = repeated_rows(events, scenes)
    for row in repeated:
        yield folder.problem("events.tsv", row.line, f"{row.utt}: the same row again", folder.fix)
    counts = _counts(scenes)
    lines = {row.line for row in repeated}
    for row in events.rows:
        if row.utt not in scenes.scenes or row.line in lines:
            continue
        counts[_key(row, scenes)] -= 1
        if counts[_key(row, scenes)] < 0:
            what = f"{row.utt}: no {row.label} at {row.onset_s:g} s in its scene"
            yield folder.problem("events.tsv", row.line, what, folder.stage)
    for (utt, label, at), count in counts.items():
        if count > 0 and events.header:
            line = scenes.scenes[utt]
            what = f"{utt}: {label} at {samples_to_seconds(at, line.scene.sample_rate):g} s is not in events.tsv"
            yield folder.problem(NAME, line.line, what, folder.stage)
