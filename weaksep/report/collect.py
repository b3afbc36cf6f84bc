"""All scores of an experiment folder -> the summary that other programs read (exp/report/summary.json).

The form: {"recipe", "environment", "systems": [...], "classifiers": [...]} and, for RESULTS.md, "notes",
"data", "training" and "stage_times". No NaN or infinity: a figure that does not exist is null.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.jsontext import finite, load_object
from weaksep.fileio.tables import read_lines, read_table, read_tsv, to_float
from weaksep.fileio.yamlfile import read_yaml
from weaksep.report.aggregate import check_complete, read_scores, system_statistics
from weaksep.report.environment import environment
from weaksep.report.training import training_facts

logger = logging.getLogger(__name__)

# From what learns nothing to what knows everything.
SUPERVISION_ORDER = ("unprocessed", "clip", "frame", "strong", "oracle")
SETS = ("train", "valid", "test")
FIGURES = ("frame_f1", "clip_f1", "map")  # of a classifier, in [0, 1] or null
BOOTSTRAP_SEED = 0


def supervision_of(experiment: Path) -> str:
    """What a system was told, from its folder's name or its config.yaml.

    Raises:
        UserError: a trained system without a config.yaml that says so.
    """
    if experiment.name == "unprocessed":
        return "unprocessed"
    if experiment.name.startswith("oracle_"):
        return "oracle"
    supervision = read_yaml(experiment / "config.yaml").get("supervision")
    if supervision not in ("strong", "frame", "clip"):
        raise UserError(f"{experiment}/config.yaml: supervision is {supervision!r}, expected strong, frame or clip")
    return str(supervision)


def collect_systems(expdir: Path, set_name: str, data: DataDir) -> list[dict[str, Any]]:
    """Figures of every scored system, ordered from unprocessed to oracles.

    Raises:
        UserError: none is scored, a table is damaged, or a system was scored on other mixtures.
    """
    systems = []
    for path in sorted(expdir.glob(f"*/scores/{set_name}/scores.tsv")):
        experiment = path.parents[2]
        data.check_source(path.parent, "rerun stages 5 and 6 for this system, or move it away")
        scores = read_scores(path)
        check_complete(scores, data.utt_ids, data.labels, path)
        figures = system_statistics(scores, data.labels, BOOTSTRAP_SEED)
        systems.append({"name": experiment.name, "supervision": supervision_of(experiment), **figures})
    if not systems:
        raise UserError(f"{expdir}: no */scores/{set_name}/scores.tsv; run stage 6 first")
    scored = {system["name"] for system in systems}
    for separated in sorted(expdir.glob(f"*/separated/{set_name}")):
        if separated.parents[1].name not in scored:
            logger.warning("%s: separated but not scored, so not in the report (stage 6)", separated.parents[1])
    return sorted(systems, key=lambda s: (SUPERVISION_ORDER.index(s["supervision"]), s["name"]))


def collect_classifiers(expdir: Path, set_name: str) -> list[dict[str, Any]]:
    """{"name", "frame_f1", "clip_f1", "map"} of every scored classifier."""
    classifiers = []
    for path in sorted(expdir.glob(f"*/scores/{set_name}/tagging.json")):
        experiment = path.parents[2]
        if experiment.name.startswith("separator_") and not (experiment / "classifier.pt").exists():
            logger.warning("%s: no classifier is trained along with this system any more; left out", path)
            continue
        scores = load_object("\n".join(read_lines(path)), str(path), "rerun stage 6")
        wrong = [key for key in FIGURES if key not in scores or not (scores[key] is None or finite(scores[key], 0, 1))]
        if wrong or not isinstance(scores.get("name"), str):
            raise UserError(f"{path}: not a classifier's scores ({', '.join(wrong or ['name'])}); rerun stage 6")
        classifiers.append({key: scores[key] for key in ("name", *FIGURES)})
    return classifiers


def _durations(path: Path, utts: Sequence[str]) -> list[float]:
    """Seconds of each clip. UserError lists every clip without a length."""
    table = read_table(path)
    problems = [f"{path}: no length of {utt}; rerun stage 1" for utt in utts if utt not in table]
    seconds = []
    for utt, text in table.items():
        try:
            seconds.append(to_float(text))
        except ValueError as error:
            problems.append(f"{path}: {utt}: {error}; rerun stage 1")
    raise_problems(f"{path} is damaged", problems)
    return seconds


def set_facts(path: Path) -> dict[str, Any]:
    """Number of mixtures, hours and active classes of a data folder."""
    data = DataDir.load(path)
    durations = _durations(path / "utt2dur", data.utt_ids)
    active = [len(names) for names in data.clip_labels().values()]
    return {
        "mixtures": len(active),
        "hours": round(sum(durations) / 3600, 3),
        "mean_active_classes": round(statistics.fmean(active), 3) if active else None,
        "two_or_more": sum(count >= 2 for count in active),
    }


def collect_stage_times(expdir: Path) -> list[dict[str, Any]]:
    """Latest time of each stage, from stage_times.tsv (one that ran again counts once); empty without it."""
    path = expdir / "stage_times.tsv"
    if not path.is_file():
        return []
    latest: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(read_tsv(path, ("stage", "name", "seconds", "finished_at")), start=2):
        try:
            stage, seconds = int(to_float(row["stage"])), to_float(row["seconds"])
        except ValueError:
            raise UserError(f"{path}:{number}: stage and seconds must be numbers; remove the line") from None
        latest[stage] = {
            "stage": stage,
            "name": row["name"],
            "seconds": seconds,
            "finished_at": row["finished_at"],
        }
    return [latest[stage] for stage in sorted(latest)]


def collect_training(expdir: Path) -> tuple[list[dict[str, Any]], int | dict[str, int] | None]:
    """Facts of every training with a best.pt, and their seed: one number, or one each when they differ."""
    facts, seeds = [], {}
    for best in sorted(expdir.glob("classifier_*/best.pt")) + sorted(expdir.glob("separator_*/best.pt")):
        config = read_yaml(best.parent / "config.yaml")
        facts.append(training_facts(best.parent, config))
        if isinstance(config.get("seed"), int):
            seeds[best.parent.name] = config["seed"]
    distinct = set(seeds.values())
    return facts, seeds if len(distinct) > 1 else next(iter(distinct), None)


def collect(recipe: str, expdir: Path, datadir: Path, test_set: str, notes: Sequence[str]) -> dict[str, Any]:
    """The whole summary.

    Args:
        recipe: its name.
        expdir: experiments.
        datadir: folder of the sets.
        test_set: the set whose scores are reported.
        notes: sentences about the data, printed above the table.

    Raises:
        UserError: nothing is scored, or a file is damaged.
    """
    data = DataDir.load(datadir / test_set)
    sets = dict.fromkeys((*SETS, test_set))
    training, seed = collect_training(expdir)
    return {
        "recipe": recipe,
        "environment": environment(seed),
        "systems": collect_systems(expdir, test_set, data),
        "classifiers": collect_classifiers(expdir, test_set),
        "notes": list(notes),
        "test_set": test_set,
        "data": {name: set_facts(datadir / name) for name in sets if (datadir / name).is_dir()},
        "training": training,
        "stage_times": collect_stage_times(expdir),
    }
