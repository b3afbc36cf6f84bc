"""Repair the tables of a data folder: a copy of what was there is kept, and what is left to repair is told.

A clip stays when wav.scp, utt2spk and utt2labels (utt2class) all have it, each with one value. Of the other tables
utt2dur and spk2utt are made anew where they must be, and the rest only lose what belongs to no clip: a missing scene or
reference costs no clip, since stage 1 can write it again.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import atomic_path, write_text
from weaksep.fileio.datadir import EVENT_COLUMNS, SECONDS, TOLERANCE_S
from weaksep.fileio.lock import folder_lock
from weaksep.fileio.parsed import REPAIR, Problem
from weaksep.fileio.tables import invert
from weaksep.upkeep.checks import check, repeated_or_unknown
from weaksep.upkeep.folder import EVENTS_TSV, LABELS, REMADE, SCENES, Folder

BACKUP_NAME = ".backup"


@dataclass
class Fixed:
    """What was done.

    Attributes:
        kept: clips that stay, sorted.
        dropped: clip -> why it goes.
        removed: other lines that go, for people.
        texts: file -> its whole text, also where nothing changes; wav.scp is the last.
        changed: tables that were written again, in that order.
        backup: where the old ones are; None when there were none.
        remaining: problems that are still there.
        next_stage: the stage that reads the folder.
    """

    next_stage: int
    kept: list[str] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    backup: Path | None = None
    remaining: list[Problem] = field(default_factory=list)


def fix(path: Path, backup_root: Path | None = None) -> Fixed:
    """Repair the tables of a data folder as far as that can be done from the folder alone.

    Args:
        path: data/<set> or data/events/<set>.
        backup_root: folder in which each repair puts a folder with the old tables; DIR/.backup when None.

    Raises:
        UserError: no such folder, no wav.scp, a table that cannot be read, no clip would be left, or another process
            works in the folder. Then nothing has been changed.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such data folder")
    with folder_lock(path):
        folder = Folder(path)
        needed = [name for name in folder.names if name == "wav.scp" or (path / name).exists()]
        unread = folder.told(folder[name].problems[0] for name in needed if not folder[name].there)
        raise_problems(f"{path}: nothing was changed", list(map(str, unread)))
        fixed = plan(folder)
        old = {name: (path / name).read_bytes() for name in fixed.texts if (path / name).exists()}
        fixed.changed = [name for name, text in fixed.texts.items() if old.get(name) != text.encode()]
        if old.keys() & fixed.changed:
            root = backup_root or path / BACKUP_NAME
            root.mkdir(parents=True, exist_ok=True)
            # Named by the time; an earlier one is never touched.
            fixed.backup = backup = Path(tempfile.mkdtemp(prefix=datetime.now().strftime("%Y%m%dT%H%M%S-"), dir=root))
            for name in old.keys() & fixed.changed:
                with atomic_path(backup / name) as temporary:
                    shutil.copy2(path / name, temporary)
        for name in fixed.changed:
            write_text(path / name, fixed.texts[name])
    fixed.remaining = check(Folder(path))
    return fixed


def plan(folder: Folder) -> Fixed:
    """Work out the tables of a folder; nothing is written.

    Raises:
        UserError: no clip would be left.
    """
    fixed = Fixed(folder.made_by + 1)
    lengths = _choose_clips(folder, fixed)
    if not lengths:
        where = f"wav.scp, utt2spk and {folder.label_table}"
        raise UserError(f"{folder.path}: no clip is in all of {where}, so none would be left; {folder.stage}")
    groups = invert({utt: e.value for utt, e in folder["utt2spk"].entries.items() if utt in lengths})
    lines = {
        "spk2utt": [f"{group} {groups[group]}" for group in sorted(groups)],
        "utt2dur": list(lengths.values()),
        LABELS: [entry.text for entry in folder[LABELS].entries.values()],
        EVENTS_TSV: _event_lines(folder, fixed, lengths),
    }
    for name in [*folder.names[1:], "wav.scp"]:
        parsed = folder[name]
        if name not in lines or name == "utt2dur":
            unknown = [utt for utt in parsed.entries if utt not in lengths and utt not in fixed.dropped]
            fixed.removed += [f"{name}:{parsed.entries[utt].line}: {utt} is no clip" for utt in unknown]
        lines.setdefault(name, [parsed.entries[utt].text for utt in lengths if utt in parsed.entries])
        kept = [text for _, text in parsed.others if text is not None and name in (EVENTS_TSV, SCENES)]
        gone = [line for line, text in parsed.others if text not in kept and name not in (LABELS, "spk2utt")]
        fixed.removed += [f"{name}:{p.line}: {p.what}" for p in parsed.problems if p.line in gone]
        if folder[REMADE.get(name, name)].there and not (name == LABELS and parsed.others):
            fixed.texts[name] = "".join(f"{line}\n" for line in [*lines[name], *kept])
    return fixed


# The clips that stay, each with its line of utt2dur.
def _choose_clips(folder: Folder, fixed: Fixed) -> dict[str, str]:
    needed = [folder[name] for name in folder.tables if name != "utt2dur" and folder[name].there]
    others = [folder[name] for name in folder.names if name not in REMADE]
    lengths = {}
    for utt in sorted({utt for table in needed for utt in table.entries}):
        why = [f"not in {table.path.name}" for table in needed if utt not in table.entries]
        why += [f"{table.path.name} has it twice, with different values" for table in others if utt in table.conflicts]
        length = None if why else _length(folder, utt)
        if length is None:
            fixed.dropped[utt] = [*why, "utt2dur does not say how long it is, and its audio cannot be read"][0]
        else:
            lengths[utt] = length
    fixed.kept = list(lengths)
    return lengths


# The line of utt2dur, as it is or by the header of the audio.
def _length(folder: Folder, utt: str) -> str | None:
    if utt in folder.lengths_s and utt not in folder["utt2dur"].conflicts:
        return folder["utt2dur"].entries[utt].text
    from weaksep.fileio.audio import audio_info  # rarely needed, and slow to import

    try:
        n_samples, rate, _ = audio_info(folder.locate(folder.clips[utt].value))
    except UserError:
        return None
    return f"{utt} {n_samples / rate:{SECONDS}}" if n_samples else None


# Header and rows of events.tsv, sorted, each row cut at both ends of its clip.
def _event_lines(folder: Folder, fixed: Fixed, lengths: dict[str, str]) -> list[str]:
    events = folder[EVENTS_TSV]
    repeated = {problem.line for problem in repeated_or_unknown(folder) if problem.remedy == REPAIR}
    rows = []
    for line, (_, (utt, event), text) in events.entries.items():
        length, start_s, end_s = lengths.get(utt, "0").split()[-1], event.onset_s, event.offset_s
        cells = text.split("\t")
        if start_s < 0:
            start_s, cells[events.header.index(EVENT_COLUMNS[1])] = 0.0, f"{0:{SECONDS}}"
        if end_s > float(length) + TOLERANCE_S:
            end_s, cells[events.header.index(EVENT_COLUMNS[2])] = float(length), length
        reasons = {
            "which is no clip": utt not in lengths,
            "the same row again": line in repeated,
            "outside the clip": end_s <= start_s and event.onset_s < event.offset_s,
        }
        why = [reason for reason, holds in reasons.items() if holds]
        if not why:
            rows.append((utt, start_s, end_s, event.label, "\t".join(cells)))
        elif utt not in fixed.dropped:
            fixed.removed.append(f"{EVENTS_TSV}:{line}: {event.label} in {utt}, {why[0]}")
    header = ["\t".join(events.header)] if events.header else []
    return header + [row[-1] for row in sorted(rows, key=lambda row: row[:-1])]
