"""All scores of an experiment folder -> the summary that other programs read (exp/report/summary.json).

No NaN or infinity: a figure that does not exist is null. Names of systems are those of their folders in exp.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.models import is_network
from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.yamlfile import read_yaml
from weaksep.report.aggregate import Score, check_complete, describe, read_scores, system_statistics
from weaksep.report.comparisons import collect_seeds, compare_all
from weaksep.report.environment import environment
from weaksep.report.facts import (
    collect_classifiers,
    collect_sets,
    collect_sources,
    collect_stage_times,
    histories,
    training_facts,
)
from weaksep.report.recordings import clip_recordings
from weaksep.report.systems import origin_of, system_name, system_order
from weaksep.report.verdict import likeness, mark_no_ops

logger = logging.getLogger(__name__)

BOOTSTRAP_SEED = 0

System = dict[str, Any]
Scores = dict[str, list[Score]]


def collect_systems(
    expdir: Path,
    data: DataDir,
    set_name: str,
    descriptions: Mapping[str, Mapping[str, Any]],
    asked: Sequence[str] = (),
) -> tuple[list[System], Scores]:
    """Figures and rows of every scored system, ordered from unprocessed to oracles; those asked for are marked.

    Raises:
        UserError: none is scored, a table is damaged, or a system was scored on other mixtures.
    """
    recordings = clip_recordings(data)
    steps = {name: rows[-1]["step"] for name, rows in histories(expdir).items() if rows}
    systems: list[System] = []
    found: Scores = {}
    for path in sorted(expdir.glob(f"*/scores/{set_name}/scores.tsv")):
        experiment, name = path.parents[2], path.parents[2].name
        data.check_source(path.parent, "rerun stages 5 and 6 for this system, or move it away")
        rows = read_scores(path)
        found[name] = [row for row in rows if row.name != RESIDUAL]
        check_complete(found[name], list(data.wav), data.classes, path)
        known = {"name": name, "about": descriptions.get(name, {}).get("about", ""), "steps": steps.get(name)}
        figures = system_statistics(found[name], data.classes, BOOTSTRAP_SEED, recordings)
        residual = [row.si_sdri_db for row in rows if row.name == RESIDUAL and row.si_sdri_db is not None]
        figures["residual_si_sdri_db"] = describe(residual)
        figures["likeness"] = likeness(found[name])
        systems.append({**known, **origin_of(experiment)._asdict(), **figures})
        systems[-1]["headline"] |= system_name(name) in asked
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
    more = {}
    for name in sorted({path.parent.name for path in expdir.glob(f"*/scores/{test_set}_*/scores.tsv")}):
        if not (datadir / name).is_dir():
            logger.warning("%s: scored, but there is no such data folder any more; left out", datadir / name)
            continue
        more[name], _ = collect_systems(expdir, DataDir.load(datadir / name), name, descriptions)
        mark_no_ops(more[name])
    return more


def collect_training(expdir: Path) -> tuple[list[dict[str, Any]], int | dict[str, int] | None, set[str]]:
    """Facts of every training with a network, their seed, and the variants of the mixtures they were trained on.

    The seed is one number, or one each when they differ.
    """
    folders = [path for task in ("classifier", "separator") for path in sorted(expdir.glob(f"{task}_*"))]
    configs = {path: read_yaml(path / "config.yaml") for path in folders if is_network(path)}
    facts = [
        {**training_facts(path, config), "trained_from": origin_of(path).trained_from}
        for path, config in configs.items()
    ]
    seeds = {path.name: config["seed"] for path, config in configs.items() if isinstance(config.get("seed"), int)}
    named = (config.get(key) for config in configs.values() for key in ("mixtures", "unlabelled"))
    variants = {name for name in named if isinstance(name, str) and name}
    distinct = set(seeds.values())
    return facts, seeds if len(distinct) > 1 else next(iter(distinct), None), variants


def collect(
    recipe: str,
    expdir: Path,
    datadir: Path,
    test_set: str,
    notes: Sequence[str],
    descriptions: Mapping[str, Mapping[str, Any]],
    asked: Sequence[str] = (),
) -> tuple[dict[str, Any], Scores]:
    """The whole summary.

    Args:
        recipe: its name.
        expdir: experiments.
        datadir: folder of the sets.
        test_set: the set whose scores are reported.
        notes: sentences about the data, printed above the table.
        descriptions: what the recipe's configurations say of each system, see ``describe_systems``.
        asked: names of systems that belong into the first table, whatever they are.

    Returns:
        the summary, and the rows of every system of the test set in the summary's order.

    Raises:
        UserError: nothing is scored, or a file is damaged.
    """
    data = DataDir.load(datadir / test_set)
    recordings = clip_recordings(data)
    training, seed, variants = collect_training(expdir)
    systems, scores = collect_systems(expdir, data, test_set, descriptions, asked)
    more_sets = collect_more_sets(expdir, datadir, test_set, descriptions)
    sources = collect_sources(expdir, test_set, list(scores), recordings, BOOTSTRAP_SEED)
    mark_no_ops(systems, sources)
    variants |= {name.removeprefix(f"{test_set}_") for name in more_sets}
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
        "comparisons": compare_all(scores, descriptions, BOOTSTRAP_SEED, recordings),
        "data": collect_sets(datadir, test_set, variants),
        "training": training,
        "stage_times": collect_stage_times(expdir),
    }
    return summary, scores
