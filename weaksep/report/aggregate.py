"""Means, medians and intervals of score rows, as they stand in summary.json (dB rounded to four places)."""

import bisect
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.tables import to_float
from weaksep.fileio.tsv import read_tsv
from weaksep.metrics.bootstrap import FEWEST_GROUPS, Recordings, bootstrap_mean_ci, count_recordings, support
from weaksep.metrics.leak import LEAST_SHARE

NEWER = ("relative_level_db", "level_error_db", "confidence")  # which older tables do not have
VALUES = (
    *("si_sdr_db", "si_sdr_mixture_db", "si_sdri_db", "sdr_db", "sir_db", "sar_db", "leak_db", *NEWER, "overlap"),
    "mixture_correlation",
)
COLUMNS = ("utt", "class", "active", "n_active", *VALUES, "dominant_output")
# Bins and what they are in words; an edge belongs to the bin above it. Share of the target's active frames in which
# another class is active too: none (no share is smaller than a frame in a billion), then fifths.
OVERLAP_EDGES = (1e-9, 0.2, 0.4, 0.6, 0.8)
OVERLAP_BINS = {
    "0": "none",
    "0-0.2": "0 to 20 %",
    "0.2-0.4": "20 to 40 %",
    "0.4-0.6": "40 to 60 %",
    "0.6-0.8": "60 to 80 %",
    "0.8-1": "80 to 100 %",
}
# SI-SDR of the unprocessed mixture, in dB.
INPUT_EDGES_DB = (-10.0, -5.0, 0.0, 5.0)
INPUT_BINS = {
    "<-10": "below -10 dB",
    "-10--5": "-10 to -5 dB",
    "-5-0": "-5 to 0 dB",
    "0-5": "0 to 5 dB",
    ">=5": "5 dB and more",
}
# Level of a class relative to its mixture, in dB.
LEVEL_EDGES_DB = (-15.0, -10.0, -5.0, 0.0)
LEVEL_BINS = {
    "<-15": "below -15 dB",
    "-15--10": "-15 to -10 dB",
    "-10--5": "-10 to -5 dB",
    "-5-0": "-5 to 0 dB",
    ">=0": "0 dB and more",
}
PLACES = 4
TRUST_PAIRS = 10


class Score(NamedTuple):
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
    relative_level_db: float | None = None
    level_error_db: float | None = None
    overlap: float | None = None
    dominant_output: str | None = None
    mixture_correlation: float | None = None
    confidence: float | None = None


def read_scores(path: str | Path) -> list[Score]:
    """Rows of a scores.tsv.

    Raises:
        UserError: missing, without rows, or listing every line with a cell that is no number or a second row for a
            clip and a class.
    """
    scores: dict[tuple[str, str], Score] = {}
    problems = []
    for number, row in enumerate(read_tsv(path, [name for name in COLUMNS if name not in NEWER]), start=2):
        key = (row["utt"], row["class"])
        try:
            cells: dict[str, Any] = {column: to_float(text) if (text := row.get(column)) else None for column in VALUES}
            n_active = to_float(row["n_active"])
            if not n_active.is_integer():
                raise ValueError(f"{row['n_active']!r} is not a number of classes")
            if key in scores:
                raise ValueError(f"a second row for {' and '.join(key)}")
            scores[key] = Score(*key, int(n_active), **cells, dominant_output=row["dominant_output"] or None)
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    raise_problems(f"{path} is not a score table; rerun stage 6", problems)
    if not scores:
        raise UserError(f"{path}: holds no rows; rerun stage 6")
    return list(scores.values())


def check_complete(scores: Sequence[Score], utts: Sequence[str], classes: Sequence[str], path: Path) -> None:
    """A mean over fewer rows than there are clips and classes would pass for the result.

    Raises:
        UserError: listing what is missing and what does not belong here.
    """
    wanted, found = {(utt, name) for utt in utts for name in classes}, {(score.utt, score.name) for score in scores}
    wrong = {"missing": wanted - found, "not in the data folder": found - wanted}
    problems = [f"{path}: {len(x)} rows are {what}, first {' '.join(min(x))}" for what, x in wrong.items() if x]
    raise_problems(f"{path} does not fit the data folder; rerun stage 6", problems)


def describe(values: Sequence[float]) -> dict[str, Any]:
    """{"mean", "median", "n"}; null for a mean of nothing, since JSON has no NaN."""
    mean, median = (round(of(values), PLACES) if values else None for of in (statistics.fmean, statistics.median))
    return {"mean": mean, "median": median, "n": len(values)}


def rounded(figures: Iterable[float]) -> list[float | None]:
    """As they stand in summary.json; null for NaN."""
    return [None if math.isnan(figure) else round(figure, PLACES) for figure in figures]


def describe_with_interval(
    values: Sequence[float], utts: Sequence[str], seed: int, recordings: Recordings | None = None
) -> dict[str, Any]:
    """{"mean", "median", "n", "ci95": [low, high], "n_recordings"}; the interval resamples the recordings that the
    clips ``utts`` of the values are made of, and is null for too few."""
    enough = support(utts, recordings) >= FEWEST_GROUPS
    interval = rounded(bootstrap_mean_ci(values, utts, seed, recordings=recordings)) if enough else [None, None]
    return {**describe(values), "ci95": interval, "n_recordings": count_recordings(utts, recordings)}


def _below_zero(gains: Sequence[float]) -> float | None:
    """Share of the improvements that are below 0 dB; null for none."""
    return round(sum(gain < 0 for gain in gains) / len(gains), PLACES) if gains else None


def bin_of(bins: Iterable[str], edges: Sequence[float], value: float | None) -> str | None:
    """The bin of a value; None for no value.

    >>> [bin_of(OVERLAP_BINS, OVERLAP_EDGES, share) for share in (0.0, 0.1, 0.2, 1.0)]
    ['0', '0-0.2', '0.2-0.4', '0.8-1']
    >>> [bin_of(INPUT_BINS, INPUT_EDGES_DB, level) for level in (-60.0, -10.0, -0.1, 0.0, 5.0)]
    ['<-10', '-10--5', '-5-0', '0-5', '>=5']
    """
    return None if value is None else list(bins)[bisect.bisect_right(edges, value)]


def trust(scores: Sequence[Score]) -> dict[str, Any]:
    """How well a system's confidence tells its good outputs from its bad ones, over active classes in mixtures of two
    or more.

    Returns:
        n; rank_correlation (Spearman's) of confidence and SI-SDR, null for fewer than ten pairs; the mean SI-SDR of
        all, of those that stay when the least confident tenth is withheld, and when the worst tenth is (the most that
        withholding a tenth can bring).
    """
    pairs = [(s.confidence, s.si_sdr_db) for s in scores if s.confidence is not None and s.si_sdri_db is not None]
    confidence, quality = np.array(pairs, dtype=float).reshape(-1, 2).T
    if len(pairs) < TRUST_PAIRS or np.ptp(confidence) == 0 or np.ptp(quality) == 0:
        return {"n": len(pairs), "rank_correlation": None}
    from scipy.stats import rankdata  # slow to import, and a rerun with nothing to do has no use for it

    tenth = len(pairs) // 10
    kept = {name: quality[np.argsort(by, kind="stable")[tenth:]].mean() for name, by in
            (("without_least_confident_db", confidence), ("without_worst_db", quality))}  # fmt: skip
    rank_correlation = np.corrcoef(rankdata(confidence), rankdata(quality))[0, 1]
    figures = {"rank_correlation": rank_correlation, "all_db": quality.mean(), **kept}
    return {"n": len(pairs), **{name: round(float(value), PLACES) for name, value in figures.items()}}


def improvements(scores: Iterable[Score], lone: bool = False) -> list[tuple[Score, float]]:
    """Rows with their SI-SDRi. That of one class over a background (score/clip.py), which the same mixture has not
    without it, is among them if ``lone``, or if there is no other."""
    found = [(score, score.si_sdri_db) for score in scores if score.si_sdri_db is not None]
    return found if lone else [(score, gain) for score, gain in found if score.n_active > 1] or found


def system_statistics(
    scores: Sequence[Score], classes: Sequence[str], seed: int, recordings: Recordings | None = None
) -> dict[str, Any]:
    """The figures of one system.

    Args:
        scores: all rows of its table.
        classes: in the order of the table's columns.
        seed, recordings: of the bootstrap, and what each clip is made of, which it draws.

    Returns:
        si_sdri_db over (mixture, present class) pairs of mixtures with two or more active classes; the same by number
        of active classes, by class, by overlap and by the unprocessed mixture's SI-SDR; worse, the share of those pairs
        that are below 0 dB, of all, by class and by the mixture's SI-SDR, and how many of them have ended up in their
        own output, in that of another active class or of an absent one; single_class_si_sdr_db over mixtures of one
        class and nothing else; absent_leak_db over (mixture, absent class) pairs, and false_activity, the share of them
        whose output holds a tenth of the mixture's energy or more; level_error_db over (mixture, present class) pairs,
        of all and by the class's level in the mixture, with the median of their sizes; confidence, see ``trust``;
        sdr_db, sir_db and sar_db (BSS eval) over the pairs for which stage 6 measured them.
    """
    improved, pairs = improvements(scores, lone=True), improvements(scores)
    gains = [gain for _, gain in pairs]

    def values(name: str) -> list[float]:
        return [value for row in scores if (value := getattr(row, name)) is not None]

    def split(bins: Iterable[str], of: Callable[[Score], str | None]) -> dict[str, list[float]]:
        return {name: [gain for score, gain in pairs if of(score) == name] for name in bins}

    splits = {
        "by_active_classes": {
            str(count): [gain for score, gain in improved if score.n_active == count]
            for count in sorted({score.n_active for score, _ in improved})
        },
        "by_class": split(classes, lambda score: score.name),
        "by_overlap": split(OVERLAP_BINS, lambda score: bin_of(OVERLAP_BINS, OVERLAP_EDGES, score.overlap)),
        "by_input_si_sdr": split(INPUT_BINS, lambda s: bin_of(INPUT_BINS, INPUT_EDGES_DB, s.si_sdr_mixture_db)),
    }
    levels = [("all", bin_of(LEVEL_BINS, LEVEL_EDGES_DB, score.relative_level_db)) for score in scores]
    both = [(names, s.level_error_db) for names, s in zip(levels, scores, strict=True) if s.level_error_db is not None]
    errors = {name: [error for names, error in both if name in names] for name in ("all", *LEVEL_BINS)}
    alone = [s.si_sdr_db for s in scores if s.n_active == 1 and s.si_sdr_db is not None and s.si_sdri_db is None]
    leaks = values("leak_db")
    loud = np.array(leaks) >= 10.0 * np.log10(LEAST_SHARE)
    worse = [score for score, gain in pairs if gain < 0]
    own = sum(score.dominant_output == score.name for score in worse)
    active = {(score.utt, score.name) for score, _ in pairs}
    present = sum((score.utt, score.dominant_output) in active for score in worse)
    return {
        "si_sdri_db": describe_with_interval(gains, [score.utt for score, _ in pairs], seed, recordings),
        **{by: {name: describe(found) for name, found in bins.items()} for by, bins in splits.items()},
        "worse": {
            "all": _below_zero(gains),
            "by_class": {name: _below_zero(found) for name, found in splits["by_class"].items()},
            "by_input_si_sdr": {name: _below_zero(found) for name, found in splits["by_input_si_sdr"].items()},
            "found_in": {"own": own, "active": present - own, "absent": len(worse) - present},
        },
        "single_class_si_sdr_db": describe(alone),
        "absent_leak_db": describe(leaks),
        "false_activity": round(float(loud.mean()), PLACES) if leaks else None,
        "level_error_db": {
            name: {**describe(found), "median_absolute": describe([abs(error) for error in found])["median"]}
            for name, found in errors.items()
        },
        "confidence": trust(scores),
        **{name: describe(values(name)) for name in ("sdr_db", "sir_db", "sar_db")},
    }
