"""All that is wrong with data folders, in one list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weaksep.upkeep.durations import check_durations, durations
from weaksep.upkeep.events import check_events, read_events
from weaksep.upkeep.files import check_files
from weaksep.upkeep.folder import EVENTS, MIXTURES, RECORDINGS, Folder
from weaksep.upkeep.labels import check_classes_occur, check_clip_labels, check_references
from weaksep.upkeep.problems import Problem, count, stage_command
from weaksep.upkeep.scenes import SceneFile, check_rows, check_scenes, read_scenes
from weaksep.upkeep.split import SETS, Place, check_split, recordings
from weaksep.upkeep.tables import check_ids, check_inverse


@dataclass(frozen=True)
class Report:
    """What was found in one folder.

    Attributes:
        path: the folder.
        summary: clips, classes, seconds, for people.
        problems: all that is wrong.
    """

    path: Path
    summary: str
    problems: list[Problem]


def expand(paths: Sequence[Path]) -> list[Path]:
    """The folders to look at: a folder of sets stands for all three and their variants; none is named twice."""
    found: dict[Path, Path] = {}
    for path in paths:
        is_parent = not (path / "wav.scp").exists() and any((path / name).is_dir() for name in SETS)
        for folder in _sets(path) if is_parent else [path]:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _sets(parent: Path) -> list[Path]:
    """train, valid and test, there or not, and then the variants that are there, such as test_lambda10."""
    variants = sorted(path for name in SETS for path in parent.glob(f"{name}_*") if (path / "wav.scp").exists())
    return [parent / name for name in SETS] + variants


def validate(
    paths: Sequence[Path],
    *,
    check_audio: bool = False,
    check_feats: bool = False,
    dump: Path | None = None,
    nj: int = 1,
) -> list[Report]:
    """Look for problems in data folders, of mixtures or of events.

    Args:
        paths: data/<set>, data/events/<set>, or folders that hold train, valid and test (and variants of them).
        check_audio: read all audio.
        check_feats: read all features of folders of mixtures.
        dump: where the features of the sets lie, DUMP/<set>; dump/<set> beside data/<set> when None.
        nj: worker processes, for audio and features.

    Returns:
        one report a folder; recordings on both sides of a split are in the report of the later one.
    """
    reports: list[Report] = []
    sides: list[Mapping[str, Place]] = []
    for path in expand(paths):
        if not path.is_dir():
            reports.append(Report(path, "", [Problem(path, None, "no such data folder", stage_command(1))]))
            continue
        folder = Folder(path)
        scenes = read_scenes(folder) if folder.kind is MIXTURES else SceneFile()
        problems = list(check_tables(folder, scenes))
        if check_audio:
            from weaksep.upkeep import audio

            problems += audio.check_audio(folder, scenes, nj)
        if check_feats and folder.kind is not EVENTS:
            from weaksep.upkeep import feats

            problems += feats.check_feats(folder, dump, nj)
        new = recordings(folder, scenes)
        problems += [problem for problem in check_split([*sides, new]) if problem.file.parent == path]
        sides.append(new)
        reports.append(Report(path, _summary(folder, check_audio, check_feats), problems))
    return reports


def check_tables(folder: Folder, scenes: SceneFile | None = None) -> Iterator[Problem]:
    """All that is wrong with the tables of a folder, and the files they name."""
    yield from folder.wav.problems
    if folder.wav.there and not folder.wav.entries:
        yield folder.problem("wav.scp", None, "no clip in it", folder.stage)
    yield from check_ids(folder.wav, folder.drop)
    yield from check_files(folder, "wav.scp")
    for name in folder.kind.names:
        yield from folder.table(name).problems
        yield from _check_members(folder, name)
    yield from folder.table("spk2utt").problems
    if folder.table("utt2spk").there and folder.table("spk2utt").there:
        yield from check_inverse(folder.table("utt2spk"), folder.table("spk2utt"), folder.fix)
    yield from check_durations(folder)
    yield from folder.labels.problems
    yield from check_clip_labels(folder)
    if folder.kind is EVENTS:
        yield from check_classes_occur(folder)
        return
    yield from check_references(folder)
    for name in folder.reference_names:
        yield from check_files(folder, name)
    events = read_events(folder)
    yield from check_events(folder, events)
    if folder.kind is RECORDINGS:
        return
    scenes = scenes or read_scenes(folder)
    yield from check_scenes(folder, scenes)
    yield from check_rows(folder, events, scenes)


def _check_members(folder: Folder, name: str) -> Iterator[Problem]:
    """The clips of a table are those of wav.scp."""
    table = folder.table(name)
    if not table.there or not folder.wav.there:
        return  # said of the file itself
    mend = folder.fix if name == "utt2dur" else folder.drop
    for utt, entry in folder.wav.entries.items():
        if utt not in table.entries:
            yield folder.problem("wav.scp", entry.line, f"{utt} is not in {name}", mend)
    for utt, entry in table.entries.items():
        if utt not in folder.wav.entries:
            yield folder.problem(name, entry.line, f"{utt} is not in wav.scp", mend)


def _summary(folder: Folder, audio: bool, feats: bool) -> str:
    words = [
        count(len(folder.wav.entries), "clip"),
        count(len(folder.labels.lines), "class", "es"),
        f"{sum(durations(folder).values()):.1f} s",
    ]
    words += ["audio read"] if audio else []
    words += ["features read"] if feats and folder.kind is not EVENTS else []
    return ", ".join(words)
