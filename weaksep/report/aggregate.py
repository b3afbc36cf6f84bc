"""Means, medians and intervals of score rows, as they stand in summary.json (dB rounded to four places)."""

from __future__ import annotations

import bisect
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.tables import read_tsv, to_float
from weaksep.metrics.bootstrap import bootstrap_mean_ci

VALUES = ("si_sdr_db", "si_sdr_mixture_db", "si_sdri_db", "sdr_db", "sir_db", "sar_db", "leak_db", "overlap")
COLUMNS = ("utt", "class", "active", "n_active", *VALUES, "dominant_output")
# Share of the target's active frames in which another class is active too: 0 alone, then fifths.
OVERLAP_BINS = ("0", "0-0.2", "0.2-0.4", "0.4-0.6", "0.6-0.8", "0.8-1")
# SI-SDR of the unprocessed mixture, in dB.
INPUT_BINS = ("<-10", "-10--5", "-5-0", "0-5", ">=5")
INPUT_EDGES_DB = (-10.0, -5.0, 0.0, 5.0)
PLACES = 4


@dataclass(frozen=True)
class Score:
    """One row of scores.tsv; a cell that does not apply is None."""

    utt: str
    name: str
    n_active: int
    si_sdr_db: float | None = None
    si_sdr_mixture_db: float | None = None
    si_sdri_db: float | None = None
    sdr_db: float | None = None
    sir_db: float | None = None
    sar_db: float | None = None
    leak_db: float | None = None
    overlap: float | None = None
    dominant_output: str | None = None


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
            cells: dict[str, Any] = {column: to_float(row[column]) if row[column] else None for column in VALUES}
            score = Score(*key, _count(row["n_active"]), **cells, dominant_output=row["dominant_output"] or None)
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

    >>> [overlap_bin(share) for share in (0.0, 0.1, 0.2, 1.0)]
    ['0', '0-0.2', '0.2-0.4', '0.8-1']
    """
    return "0" if overlap <= 0 else OVERLAP_BINS[1 + min(int(overlap * 5), 4)]


def input_bin(si_sdr_mixture_db: float) -> str:
    """Name of the bin of the unprocessed mixture's SI-SDR in dB; an edge belongs to the bin above it.

    >>> [input_bin(level) for level in (-60.0, -10.0, -0.1, 0.0, 5.0)]
    ['<-10', '-10--5', '-5-0', '0-5', '>=5']
    """
    return INPUT_BINS[bisect.bisect_right(INPUT_EDGES_DB, si_sdr_mixture_db)]


def _gains_by(
    scores: Sequence[Score], bins: Sequence[str], bin_of: Callable[[Score], str | None]
) -> dict[str, dict[str, Any]]:
    """The improvement in each bin, in the bins' order; rows whose bin is None count in none."""
    values: dict[str, list[float]] = {name: [] for name in bins}
    for score in scores:
        name = bin_of(score)
        if name is not None and score.si_sdri_db is not None:
            values[name].append(score.si_sdri_db)
    return {name: describe(found) for name, found in values.items()}


def _below_zero(scores: Sequence[Score], bins: Sequence[str], bin_of: Callable[[Score], str | None]) -> dict[str, Any]:
    """Share of the rows of each bin whose improvement is below 0 dB, in the bins' order; null for an empty one."""
    gains = {name: [score.si_sdri_db for score in scores if bin_of(score) == name] for name in bins}
    return {
        name: round(sum(gain is not None and gain < 0 for gain in found) / len(found), PLACES) if found else None
        for name, found in gains.items()
    }


def _whereabouts(pairs: Sequence[Score]) -> dict[str, int]:
    """Of the pairs with an improvement below 0 dB: how often most of the class is in which kind of output."""
    active = {(score.utt, score.name) for score in pairs}
    counts = dict.fromkeys(("own", "active", "absent"), 0)
    for score in pairs:
        if score.si_sdri_db is None or score.si_sdri_db >= 0:
            continue
        own = score.dominant_output == score.name
        counts["own" if own else "active" if (score.utt, score.dominant_output) in active else "absent"] += 1
    return counts


def system_statistics(scores: Sequence[Score], classes: Sequence[str], seed: int) -> dict[str, Any]:
    """The figures of one system.

    Args:
        scores: all rows of its table.
        classes: in the order of the table's columns.
        seed: of the bootstrap.

    Returns:
        si_sdri_db over (mixture, present class) pairs of mixtures with two or more active classes; the same
        by number of active classes, by class, by overlap and by the unprocessed mixture's SI-SDR;
        worse, the share of those pairs that are below 0 dB, of all, by class and by the mixture's SI-SDR, and how
        many of them have ended up in their own output, in that of another active class or of an absent one;
        single_class_si_sdr_db over mixtures of one class; absent_leak_db over (mixture, absent class) pairs;
        sdr_db, sir_db and sar_db (BSS eval) over the pairs for which stage 6 measured them.
    """
    # Only mixtures of two or more active classes have an improvement at all (score/clip.py).
    pairs = [score for score in scores if score.si_sdri_db is not None]
    counts = sorted({score.n_active for score in pairs})

    def values(name: str, rows: Sequence[Score] = scores) -> list[float]:
        return [value for row in rows if (value := getattr(row, name)) is not None]

    def overlap(score: Score) -> str | None:
        return None if score.overlap is None else overlap_bin(score.overlap)

    def level(score: Score) -> str | None:
        return None if score.si_sdr_mixture_db is None else input_bin(score.si_sdr_mixture_db)

    return {
        "si_sdri_db": describe_with_interval(values("si_sdri_db", pairs), [score.utt for score in pairs], seed),
        "by_active_classes": _gains_by(pairs, [str(count) for count in counts], lambda score: str(score.n_active)),
        "by_class": _gains_by(pairs, classes, lambda score: score.name),
        "by_overlap": _gains_by(pairs, OVERLAP_BINS, overlap),
        "by_input_si_sdr": _gains_by(pairs, INPUT_BINS, level),
        "worse": {
            "all": _below_zero(pairs, ["all"], lambda score: "all")["all"],
            "by_class": _below_zero(pairs, classes, lambda score: score.name),
            "by_input_si_sdr": _below_zero(pairs, INPUT_BINS, level),
            "found_in": _whereabouts(pairs),
        },
        "single_class_si_sdr_db": describe(values("si_sdr_db", [score for score in scores if score.n_active == 1])),
        "absent_leak_db": describe(values("leak_db")),
        "sdr_db": describe(values("sdr_db")),
        "sir_db": describe(values("sir_db")),
        "sar_db": describe(values("sar_db")),
    }
