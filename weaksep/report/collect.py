"""All scores of an experiment folder -> the summary that other programs read (exp/report/summary.json).

No NaN or infinity: a figure that does not exist is null. Names of systems are those of their folders in exp.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.yamlfile import read_yaml
from weaksep.report.aggregate import Score, check_complete, read_scores, system_statistics
from weaksep.report.comparisons import compare_all
from weaksep.report.environment import environment
from weaksep.report.facts import collect_sets, collect_stage_times
from weaksep.report.judged import collect_classifiers, collect_sources
from weaksep.report.seeds import collect_seeds
from weaksep.report.systems import describe_systems, origin_of, system_order
from weaksep.report.training import trained_steps, training_facts

logger = logging.getLogger(__name__)

BOOTSTRAP_SEED = 0

System = dict[str, Any]
Scores = dict[str, list[Score]]


def scored_experiments(expdir: Path, test_set: str) -> list[str]:
    """Names of the experiments with scores of the test set."""
    return sorted(path.parents[2].name for path in expdir.glob(f"*/scores/{test_set}/scores.tsv"))


def collect_systems(
    expdir: Path,
    data: DataDir,
    set_name: str,
    descriptions: Mapping[str, Mapping[str, Any]],
) -> tuple[list[System], Scores]:
    """Figures and rows of every scored system, ordered from unprocessed to oracles.

    Raises:
        UserError: none is scored, a table is damaged, or a system was scored on other mixtures.
    """
    systems: list[System] = []
    found: Scores = {}
    for name in scored_experiments(expdir, set_name):
        experiment = expdir / name
        path = experiment / "scores" / set_name / "scores.tsv"
        data.check_source(path.parent, "rerun stages 5 and 6 for this system, or move it away")
        scores = read_scores(path)
        check_complete(scores, data.utt_ids, data.labels, path)
        origin = origin_of(experiment)
        systems.append(
            {
                "name": name,
                "supervision": origin.supervision,
                "trained_from": origin.trained_from,
                "headline": origin.headline,
                "about": descriptions.get(name, {}).get("about", ""),
                "steps": trained_steps(experiment),
                **system_statistics(scores, data.labels, BOOTSTRAP_SEED),
            }
        )
        found[name] = scores
    if not systems:
        raise UserError(f"{expdir}: no */scores/{set_name}/scores.tsv; run stage 6 first")
    for separated in sorted(expdir.glob(f"*/separated/{set_name}")):
        if separated.parents[1].name not in found:
            logger.warning("%s: separated but not scored, so not in the report (stage 6)", separated.parents[1])
    systems.sort(key=system_order)
    return systems, {system["name"]: found[system["name"]] for system in systems}


def collect_more_sets(
    expdir: Path, datadir: Path, test_set: str, descriptions: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[System]]:
    """The systems of every other test set that was scored (test_lambda5 beside test), by the set's name."""
    names = sorted({path.parent.name for path in expdir.glob(f"*/scores/{test_set}_*/scores.tsv")})
    more = {}
    for name in names:
        if not (datadir / name).is_dir():
            logger.warning("%s: scored, but there is no such data folder any more; left out", datadir / name)
            continue
        more[name], _ = collect_systems(expdir, DataDir.load(datadir / name), name, descriptions)
    return more


def collect_training(expdir: Path) -> tuple[list[dict[str, Any]], int | dict[str, int] | None, set[str]]:
    """Facts of every training with a best.pt, their seed, and the variants of the mixtures they were trained on.

    The seed is one number, or one each when they differ.
    """
    facts, seeds, variants = [], {}, set()
    for best in sorted(expdir.glob("classifier_*/best.pt")) + sorted(expdir.glob("separator_*/best.pt")):
        config = read_yaml(best.parent / "config.yaml")
        facts.append({**training_facts(best.parent, config), "trained_from": origin_of(best.parent).trained_from})
        if isinstance(config.get("seed"), int):
            seeds[best.parent.name] = config["seed"]
        if isinstance(config.get("mixtures"), str) and config["mixtures"]:
            variants.add(config["mixtures"])
    distinct = set(seeds.values())
    return facts, seeds if len(distinct) > 1 else next(iter(distinct), None), variants


def collect(
    recipe: str,
    expdir: Path,
    datadir: Path,
    test_set: str,
    notes: Sequence[str],
    config_dir: Path | None = None,
) -> tuple[dict[str, Any], Scores]:
    """The whole summary.

    Args:
        recipe: its name.
        expdir: experiments.
        datadir: folder of the sets.
        test_set: the set whose scores are reported.
        notes: sentences about the data, printed above the table.
        config_dir: the recipe's configurations, for what they say of each system; None for nothing.

    Returns:
        the summary, and the rows of every system of the test set in the summary's order.

    Raises:
        UserError: nothing is scored, or a file is damaged.
    """
    data = DataDir.load(datadir / test_set)
    training, seed, variants = collect_training(expdir)
    descriptions = describe_systems((path.name for path in sorted(expdir.glob("separator_*"))), config_dir)
    systems, scores = collect_systems(expdir, data, test_set, descriptions)
    more_sets = collect_more_sets(expdir, datadir, test_set, descriptions)
    variants |= {name.removeprefix(f"{test_set}_") for name in more_sets}
    order = list(scores)
    sources = collect_sources(expdir, test_set)
    sources.sort(key=lambda row: (order.index(row["name"]) if row["name"] in order else len(order), row["name"]))
    summary = {
        "recipe": recipe,
        "environment": environment(seed),
        "notes": list(notes),
        "test_set": test_set,
        "systems": systems,
        "seeds": collect_seeds(expdir, systems),
        "more_sets": more_sets,
        "classifiers": collect_classifiers(expdir, test_set),
        "sources": sources,
        "comparisons": compare_all(scores, descriptions, BOOTSTRAP_SEED),
        "data": collect_sets(datadir, test_set, variants),
        "training": training,
        "stage_times": collect_stage_times(expdir),
    }
    return summary, scores
