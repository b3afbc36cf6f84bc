"""All that is wrong with data folders, in one list."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from weaksep.errors import count
from weaksep.fileio.parsed import Problem
from weaksep.upkeep.checks import check
from weaksep.upkeep.folder import EVENTS, MIXTURES, SCENES, Folder

SETS = ("train", "valid", "test")


class Report(NamedTuple):
    """What was found in one folder: clips, classes and seconds for people, and all that is wrong."""

    path: Path
    summary: str
    problems: list[Problem]


def expand(paths: Sequence[Path]) -> list[Path]:
    """The folders to look at: a folder of sets stands for all three and their variants; none is named twice."""
    found: dict[Path, Path] = {}
    for path in paths:
        is_parent = not (path / "wav.scp").exists() and any((path / name).is_dir() for name in SETS)
        variants = sorted(file.parent for name in SETS for file in path.glob(f"{name}_*/wav.scp"))
        for folder in [*(path / name for name in SETS), *variants] if is_parent else [path]:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


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
    homes: dict[str, tuple[str, str]] = {}
    for path in expand(paths):
        if not path.is_dir():
            reports.append(Report(path, "", [Problem(path, None, "no such data folder", "run.sh --stage 1")]))
            continue
        folder = Folder(path)
        words = [
            count(len(folder.clips), "clip"),
            count(len(folder.classes), "class", "es"),
            f"{sum(folder.lengths_s.values()):.1f} s",
        ]
        problems = [*check(folder), *_crossing(folder, homes)]
        if check_audio:
            from weaksep.upkeep import audio

            problems += audio.check_audio(folder, nj)
            words.append("audio read")
        if check_feats and folder.kind != EVENTS:
            from weaksep.upkeep import feats

            problems += feats.check_feats(folder, dump, nj)
            words.append("features read")
        reports.append(Report(path, ", ".join(words), problems))
    return reports


def _crossing(folder: Folder, homes: dict[str, tuple[str, str]]) -> Iterator[Problem]:
    """Recordings of a folder that an earlier one has, where the two are different sides of the split.

    Folders of one name, such as data/train and data/events/train, are one side, and so are variants of a set.

    Args:
        folder: those of mixtures are named by the events of their scenes.
        homes: recording -> side, and where it is named first; those of the folder are added.
    """
    side = folder.path.resolve().name
    side = next((name for name in SETS if side.startswith(f"{name}_")), side)
    table = folder[SCENES if folder.kind == MIXTURES else "utt2spk"]
    named = [
        (recording, line)
        for line, value, _ in table.entries.values()
        for recording in ([value] if isinstance(value, str) else [event.recording_id for event in value.sounds])
    ]
    for recording, line in dict(reversed(named)).items():  # where it is named first
        other, where = homes.setdefault(recording, (side, f"{table.path}:{line}"))
        if other != side:
            remedy = "correct the split in conf/data.yaml, then run.sh --stage 0"
            yield Problem(table.path, line, f"recording {recording} is also in {other} ({where})", remedy)
