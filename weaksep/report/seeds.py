"""Trainings that differ in their seed alone: how far apart chance puts the same system."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.yamlfile import read_yaml
from weaksep.report.aggregate import PLACES


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
        if not path.is_file():
            continue
        config = read_yaml(path)
        seed = config.pop("seed", None)
        config.pop("name", None)
        if isinstance(seed, int):
            groups[json.dumps(config, sort_keys=True, default=str)].append((seed, system))
    rows = []
    for found in groups.values():
        found.sort(key=lambda pair: pair[0])
        means = [system["si_sdri_db"]["mean"] for _, system in found]
        if len({seed for seed, _ in found}) < 2 or None in means:
            continue
        rows.append(
            {
                "system": found[0][1]["name"],
                "seeds": [seed for seed, _ in found],
                "means_db": means,
                "medians_db": [system["si_sdri_db"]["median"] for _, system in found],
                "mean_db": round(statistics.fmean(means), PLACES),
                "sd_db": round(statistics.stdev(means), PLACES),
            }
        )
    return rows
