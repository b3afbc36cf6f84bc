"""What the tables of a folder should say: worked out from what they say now, nothing written yet.

A clip stays when wav.scp, utt2spk and utt2labels (utt2class) all have it, each with one value. Of the other tables
utt2dur and spk2utt are made anew where they must be, and the rest only lose what belongs to no clip: a missing scene or
reference costs no clip, since stage 1 can write it again.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from weaksep.errors import UserError
from weaksep.fileio.datadir import EVENT_COLUMNS
from weaksep.fileio.names import id_problem
from weaksep.fileio.tables import invert
from weaksep.upkeep.durations import seconds
from weaksep.upkeep.events import NAME as EVENTS_TSV
from weaksep.upkeep.events import TOLERANCE_S, EventRow, read_events
from weaksep.upkeep.folder import EVENTS, MIXTURES, Folder
from weaksep.upkeep.scenes import NAME as SCENES_JSONL
from weaksep.upkeep.scenes import SceneFile, read_scenes, repeated_rows


@dataclass
class Plan:
    """How a folder is to be.

    Attributes:
        kept: clips that stay, sorted.
        dropped: clip -> why it goes.
        removed: other lines that go, for people.
        texts: file -> its whole text, also where nothing changes; wav.scp is the last.
    """

    kept: list[str] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def make_plan(folder: Folder) -> Plan:
    """Work out the tables of a folder.

    Raises:
        UserError: no clip would be left.
    """
    plan = Plan()
    scenes = read_scenes(folder) if folder.kind is MIXTURES else SceneFile()
    _choose_clips(folder, scenes, plan)
    durations = _durations(folder, plan)
    if not plan.kept:
        names = f"wav.scp, utt2spk and {folder.kind.labels}"
        raise UserError(f"{folder.path}: no clip is in all of {names}, so none would be left; {folder.stage}")
    _note_strangers(folder, "utt2dur", plan)
    if folder.labels.lines and folder.labels.whole:
        plan.texts["labels.txt"] = "".join(f"{label}\n" for label in folder.labels.lines)
    if folder.kind is not EVENTS:
        _plan_events(folder, scenes, durations, plan)
        _plan_scenes(scenes, plan)
        for name in folder.reference_names:
            _note_strangers(folder, name, plan)
            plan.texts[name] = _table_text(_chosen(folder, name, plan))
    tables = {name: _chosen(folder, name, plan) for name in folder.kind.names}
    tables |= {"utt2dur": durations, "spk2utt": invert(tables["utt2spk"])}
    for name, table in [*tables.items(), ("wav.scp", _chosen(folder, "wav.scp", plan))]:
        if table:  # empty where utt2spk or the labels are missing, which this cannot mend
            plan.texts[name] = _table_text(table)
    return plan


def _table_text(table: dict[str, str]) -> str:
    return "".join(f"{key} {table[key]}\n" for key in sorted(table))


def _chosen(folder: Folder, name: str, plan: Plan) -> dict[str, str]:
    entries = folder.table(name).entries
    return {utt: entries[utt].value for utt in plan.kept if utt in entries}


def _choose_clips(folder: Folder, scenes: SceneFile, plan: Plan) -> None:
    needed = [name for name in ("wav.scp", *folder.kind.names) if name != "utt2dur" and folder.table(name).there]
    clips = {utt for name in needed for utt in folder.table(name).entries}
    for name in needed:
        for utt in sorted(clips - set(folder.table(name).entries)):
            plan.dropped.setdefault(utt, f"not in {name}")
    twice = {name: folder.table(name).twice for name in (*needed, *folder.reference_names)}
    for name, utts in {**twice, SCENES_JSONL: scenes.twice}.items():
        for utt in sorted(utts & clips):
            plan.dropped.setdefault(utt, f"{name} has it twice, with different values")
    for utt in sorted(clips):
        wrong = id_problem(utt)
        if wrong:
            plan.dropped.setdefault(utt, f"the id {wrong}")
    plan.kept = sorted(clips - set(plan.dropped))


def _durations(folder: Folder, plan: Plan) -> dict[str, str]:
    """utt2dur of the clips that stay: as it was, or by the header of the audio; a clip with neither goes."""
    table = folder.table("utt2dur")
    found = {}
    for utt in plan.kept:
        entry = table.entries.get(utt)
        if entry is not None and utt not in table.twice and seconds(entry.value) is not None:
            found[utt] = entry.value
            continue
        measured = _measure(folder, folder.wav.entries[utt].value)
        if measured is None:
            plan.dropped[utt] = "utt2dur does not say how long it is, and its audio cannot be read"
        else:
            found[utt] = measured
    plan.kept = [utt for utt in plan.kept if utt in found]
    return found


def _measure(folder: Folder, value: str) -> str | None:
    from weaksep.fileio.audio import audio_info  # rarely needed, and slow to import

    path = folder.path / value
    if not path.is_file():  # a named pipe would have us wait
        return None
    try:
        n_samples, rate, _ = audio_info(path)
    except UserError:
        return None
    text = f"{n_samples / rate:.7f}"
    return None if seconds(text) is None else text


def _note_strangers(folder: Folder, name: str, plan: Plan) -> None:
    """Lines of a table that belong to no clip; those of a dropped clip go without a word of their own."""
    clips = {*plan.kept, *plan.dropped}
    for utt, entry in folder.table(name).entries.items():
        if utt not in clips:
            plan.removed.append(f"{name}:{entry.line}: {utt} is no clip")


def _plan_scenes(scenes: SceneFile, plan: Plan) -> None:
    clips = set(plan.kept)
    for utt, line in scenes.scenes.items():
        if utt not in plan.dropped and utt not in clips:
            plan.removed.append(f"{SCENES_JSONL}:{line.line}: {utt} is no clip")
    if scenes.there:
        lines = [scenes.scenes[utt].text for utt in plan.kept if utt in scenes.scenes]
        lines += [other.text for other in scenes.others if other.utt is None or other.utt in clips]
        plan.texts[SCENES_JSONL] = "".join(f"{line}\n" for line in lines)


def _plan_events(folder: Folder, scenes: SceneFile, durations: dict[str, str], plan: Plan) -> None:
    events = read_events(folder)
    if not events.header:
        text, _ = folder.read_text(EVENTS_TSV)
        if text is not None and text.lines and not text.broken:
            plan.texts[EVENTS_TSV] = "".join(f"{line}\n" for _, line in text.lines)
        return
    clips, repeated = set(plan.kept), {row.line for row in repeated_rows(events, scenes)}
    rows = []
    for row in events.rows:
        if row.utt in plan.dropped:
            continue
        place = f"{EVENTS_TSV}:{row.line}: {row.label} in {row.utt}"
        if row.utt not in clips:
            plan.removed.append(f"{place}, which is no clip")
        elif row.line in repeated:
            plan.removed.append(f"{place}, the same row again")
        else:
            inside = clip_row(row, durations[row.utt], events.header)
            if inside is None:
                plan.removed.append(f"{place}, outside the clip")
            else:
                rows.append(inside)
    lines = ["\t".join(events.header)]
    lines += ["\t".join(row.cells) for row in sorted(rows, key=lambda row: row.order)]
    plan.texts[EVENTS_TSV] = "".join(f"{line}\n" for line in [*lines, *(text for _, text in events.others)])


def clip_row(row: EventRow, duration: str, header: tuple[str, ...]) -> EventRow | None:
    """A row of events.tsv cut at both ends of its clip; None when nothing is left of it.

    A row that ends before it begins stays as it is: nobody knows what it should say.
    """
    if row.offset_s <= row.onset_s:
        return row
    length_s = float(duration)
    cells = list(row.cells)
    onset_s, offset_s = row.onset_s, row.offset_s
    if onset_s < 0:
        onset_s, cells[header.index(EVENT_COLUMNS[1])] = 0.0, "0.0000000"
    if offset_s > length_s + TOLERANCE_S:
        offset_s, cells[header.index(EVENT_COLUMNS[2])] = length_s, duration
    if offset_s <= onset_s:
        return None
    return dataclasses.replace(row, cells=tuple(cells), onset_s=onset_s, offset_s=offset_s)
