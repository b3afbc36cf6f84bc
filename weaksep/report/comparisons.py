"""Systems against one another on the same mixtures: with the one that a recipe compares them with, and the same system
trained with several seeds."""

import json
import logging
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.yamlfile import read_yaml
from weaksep.metrics.bootstrap import FEWEST_GROUPS, Recordings, count_recordings, paired_bootstrap, support
from weaksep.report.aggregate import PLACES, Score, improvements, rounded

logger = logging.getLogger(__name__)


def compare(
    one: Sequence[Score], other: Sequence[Score], seed: int, recordings: Recordings | None = None
) -> dict[str, Any]:
    """Mean difference of the SI-SDRi of two systems, over the rows (mixture, class) that both have.

    Args:
        one: rows of a system.
        other: rows of the system it is compared with.
        seed: of the bootstrap.
        recordings: see ``system_statistics``.

    Returns:
        {"difference_db", "ci95": [low, high], "p", "n", "n_recordings"}; positive when ``one`` is better; nulls, but
        for the numbers, when there are too few recordings for an interval.
    """
    first, second = ({(s.utt, s.name): gain for s, gain in improvements(rows)} for rows in (one, other))
    both = [(utt, first[utt, name], second[utt, name]) for utt, name in first if (utt, name) in second]
    utts = [utt for utt, _, _ in both]
    numbers = {"n": len(both), "n_recordings": count_recordings(utts, recordings)}
    if support(utts, recordings) < FEWEST_GROUPS:
        return {"difference_db": None, "ci95": [None, None], "p": None, **numbers}
    _, ours, theirs = zip(*both, strict=True)
    difference, low, high, p = paired_bootstrap(ours, theirs, utts, seed, recordings=recordings)
    return {"difference_db": round(difference, PLACES), "ci95": rounded((low, high)), "p": round(p, 6), **numbers}


def compare_all(
    scores: Mapping[str, Sequence[Score]],
    descriptions: Mapping[str, Mapping[str, Any]],
    seed: int,
    recordings: Recordings | None = None,
) -> list[dict[str, Any]]:
    """{"system", "with", ...} of every system, in the order of ``scores``, that has one to be compared with.

    Args:
        scores: rows of each system of the test set, by its experiment's name.
        descriptions: see ``describe_systems``.
        seed: of the bootstrap.
        recordings: see ``system_statistics``.
    """
    others = {name: other for name in scores if (other := descriptions.get(name, {}).get("compare_with"))}
    for name, other in others.items():
        if other not in scores:
            logger.warning("%s: not compared with %s, which is not scored", name, other)
    return [
        {"system": name, "with": other, **compare(scores[name], scores[other], seed, recordings)}
        for name, other in others.items()
        if other in scores
    ]


def collect_seeds(expdir: Path, systems: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for every system that was trained with two seeds or more, in the order of ``systems``.

    Args:
        expdir: experiments.
        systems: their figures, see ``collect_systems``.

    Returns:
        {"system": name of the one with the lowest seed, "seeds": [...], "means_db": [...], "medians_db": [...],
        "mean_db", "sd_db"} each: the mean SI-SDRi of every seed, and over the seeds their mean and their standard
        deviation (that of a sample).

    Raises:
        UserError: a config.yaml is damaged.
    """
    groups: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for system in systems:
        path = expdir / system["name"] / "config.yaml"
        config = read_yaml(path) if path.is_file() else {}
        if isinstance(seed := config.get("seed"), int):
            same = {key: value for key, value in config.items() if key not in ("seed", "name")}
            if isinstance(classifier := config.get("classifier_training"), dict):  # which may have been trained with it
                same["classifier_training"] = {**classifier, "seed": None}
            groups[json.dumps(same, sort_keys=True, default=str)].append((seed, system))
    rows = []
    for found in groups.values():
        seeds, members = zip(*sorted(found, key=lambda pair: pair[0]), strict=True)
        means, medians = ([system["si_sdri_db"][of] for system in members] for of in ("mean", "median"))
        if len(set(seeds)) > 1 and None not in means:
            row = {"system": members[0]["name"], "seeds": list(seeds), "means_db": means, "medians_db": medians}
            mean, deviation = statistics.fmean(means), statistics.stdev(means)
            rows.append({**row, "mean_db": round(mean, PLACES), "sd_db": round(deviation, PLACES)})
    return rows
