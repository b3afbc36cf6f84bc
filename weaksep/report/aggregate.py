"""Means, medians and intervals of score rows, as they stand in summary.json (dB rounded to four places)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.tables import read_tsv, to_float
from weaksep.metrics.bootstrap import bootstrap_mean_ci

COLUMNS = ("utt", "class", "active", "n_active", "si_sdr_db", "si_sdri_db", "leak_db", "overlap")
# Share of the target's active frames in which another class is active too: 0 alone, then quarters.
OVERLAP_BINS = ("0", "0-0.25", "0.25-0.5", "0.5-0.75", "0.75-1")
PLACES = 4


@dataclass(frozen=True)
class Score:
    """One row of scores.tsv; a cell that does not apply is None."""

    utt: str
    name: str
    n_active: int
    si_sdr_db: float | None
    si_sdri_db: float | None
    leak_db: float | None
    overlap: float | None


def read_scores(path: str | Path) -> list[Score]:
    """Rows of a scores.tsv.

    Raises:
        UserError: missing, without rows, or listing every line with a cell that is no number or a second row for a
            clip and a class.
    """
    scores: dict[tuple[str, str], Score] = {}
    problems = []
    for number, row in enumerate(read_tsv(path, COLUMNS), start=2):
        key = (row["utt"], row["class"])
        try:
            cells = [to_float(row[column]) if row[column] else None for column in COLUMNS[4:]]
            score = Score(*key, _count(row["n_active"]), *cells)
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
            continue
        if key in scores:
            problems.append(f"{path}:{number}: a second row for {row['utt']} and {row['class']}")
        scores[key] = score
    raise_problems(f"{path} is not a score table; rerun stage 6", problems)
    if not scores:
        raise UserError(f"{path}: holds no rows; rerun stage 6")
    return list(scores.values())


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text!r} is not a number of classes")
    return int(text)


def check_complete(scores: Sequence[Score], utts: Sequence[str], classes: Sequence[str], path: Path) -> None:
    """A mean over fewer rows than there are clips and classes would pass for the result.

    Raises:
        UserError: listing what is missing and what does not belong here.
    """
    wanted = {(utt, name) for utt in utts for name in classes}
    found = {(score.utt, score.name) for score in scores}
    problems = []
    for title, rows in (("missing", wanted - found), ("not in the data folder", found - wanted)):
        if rows:
            problems.append(f"{path}: {len(rows)} rows are {title}, first {' '.join(min(rows))}")
    raise_problems(f"{path} does not fit the data folder; rerun stage 6", problems)


def describe(values: Sequence[float]) -> dict[str, Any]:
    """{"mean", "median", "n"}; null for a mean of nothing, since JSON has no NaN."""
    if not values:
        return {"mean": None, "median": None, "n": 0}
    return {
        "mean": round(statistics.fmean(values), PLACES),
        "median": round(statistics.median(values), PLACES),
        "n": len(values),
    }


def describe_with_interval(values: Sequence[float], mixtures: Sequence[str], seed: int) -> dict[str, Any]:
    """{"mean", "median", "ci95": [low, high], "n"}; the interval resamples whole mixtures."""
    described = describe(values)
    interval: list[float | None] = [None, None]
    if values:
        interval = [round(bound, PLACES) for bound in bootstrap_mean_ci(values, mixtures, seed)]
    return {"mean": described["mean"], "median": described["median"], "ci95": interval, "n": described["n"]}


def overlap_bin(overlap: float) -> str:
    """Name of the bin of an overlap share in [0, 1]; an edge belongs to the bin above it, 1 to the last.

    >>> [overlap_bin(share) for share in (0.0, 0.1, 0.25, 1.0)]
    ['0', '0-0.25', '0.25-0.5', '0.75-1']
    """
    return "0" if overlap <= 0 else OVERLAP_BINS[1 + min(int(overlap * 4), 3)]


def system_statistics(scores: Sequence[Score], classes: Sequence[str], seed: int) -> dict[str, Any]:
    """The figures of one system.

    Args:
        scores: all rows of its table.
        classes: in the order of the table's columns.
        seed: of the bootstrap.

    Returns:
        si_sdri_db over (mixture, present class) pairs of mixtures with two or more active classes; the same
        by number of active classes, by class and by overlap; single_class_si_sdr_db over mixtures of one
        class; absent_leak_db over (mixture, absent class) pairs.
    """
    # Only mixtures of two or more active classes have an improvement at all (score/clip.py).
    pairs = [(score, score.si_sdri_db) for score in scores if score.si_sdri_db is not None]
    by_overlap: dict[str, list[float]] = {name: [] for name in OVERLAP_BINS}
    for score, gain in pairs:
        if score.overlap is not None:
            by_overlap[overlap_bin(score.overlap)].append(gain)
    counts = sorted({score.n_active for score, _ in pairs})
    single = [s.si_sdr_db for s in scores if s.n_active == 1 and s.si_sdr_db is not None]
    return {
        "si_sdri_db": describe_with_interval([gain for _, gain in pairs], [score.utt for score, _ in pairs], seed),
        "by_active_classes": {
            str(count): describe([gain for score, gain in pairs if score.n_active == count]) for count in counts
        },
        "by_class": {name: describe([gain for score, gain in pairs if score.name == name]) for name in classes},
        "by_overlap": {name: describe(values) for name, values in by_overlap.items()},
        "single_class_si_sdr_db": describe(single),
        "absent_leak_db": describe([score.leak_db for score in scores if score.leak_db is not None]),
    }
