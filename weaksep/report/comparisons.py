"""What a part is worth: each system against the one that its recipe compares it with, on the same mixtures."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from weaksep.metrics.bootstrap import paired_bootstrap
from weaksep.report.aggregate import PLACES, Score

logger = logging.getLogger(__name__)

MIXTURES = 2  # the fewest of which a resampling can say anything


def compare(one: Sequence[Score], other: Sequence[Score], seed: int) -> dict[str, Any]:
    """Mean difference of the SI-SDRi of two systems, over the rows (mixture, class) that both have.

    Args:
        one: rows of a system.
        other: rows of the system it is compared with.
        seed: of the bootstrap.

    Returns:
        {"difference_db", "ci95": [low, high], "p", "n"}; positive when ``one`` is better; nulls, but for n, when
        there are fewer than two mixtures.
    """
    gains = {(score.utt, score.name): score.si_sdri_db for score in other if score.si_sdri_db is not None}
    pairs = [
        (score.utt, score.si_sdri_db, gains[score.utt, score.name])
        for score in one
        if score.si_sdri_db is not None and (score.utt, score.name) in gains
    ]
    if len({utt for utt, _, _ in pairs}) < MIXTURES:
        return {"difference_db": None, "ci95": [None, None], "p": None, "n": len(pairs)}
    utts, ours, theirs = zip(*pairs, strict=True)
    difference, low, high, p = paired_bootstrap(ours, theirs, utts, seed)
    interval = [round(low, PLACES), round(high, PLACES)]
    return {"difference_db": round(difference, PLACES), "ci95": interval, "p": round(p, 6), "n": len(pairs)}


def compare_all(
    scores: Mapping[str, Sequence[Score]], descriptions: Mapping[str, Mapping[str, Any]], seed: int
) -> list[dict[str, Any]]:
    """{"system", "with", ...} of every system, in the order of ``scores``, that has one to be compared with.

    Args:
        scores: rows of each system of the test set, by its experiment's name.
        descriptions: see ``describe_systems``.
        seed: of the bootstrap.
    """
    comparisons = []
    for name, rows in scores.items():
        other = descriptions.get(name, {}).get("compare_with")
        if other is None:
            continue
        if other not in scores:
            logger.warning("%s: not compared with %s, which is not scored", name, other)
            continue
        comparisons.append({"system": name, "with": other, **compare(rows, scores[other], seed)})
    return comparisons
