"""Stage 6 as steps, two a system and one a classifier, and the run over all that an experiment folder holds.

Imports no torch: a rerun with nothing to do must be quick.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import FULL_DISK
from weaksep.fileio.code_version import found_by_name
from weaksep.fileio.datadir import FINGERPRINT_TABLES, REFERENCED_NAME, SOURCE_NAME, TIMED_NAME, DataDir
from weaksep.fileio.experiments import BASELINES, named_experiment
from weaksep.fileio.inputs import files_of, source_scps, tables_of
from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.network import network_files, read_description
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import STAMP_NAME, Step, run_step
from weaksep.jobs import Claim, run_shards
from weaksep.metrics import sed
from weaksep.score.sources import Load, classify_sources
from weaksep.score.system import find_clips, score_system
from weaksep.score.tagging import score_classifier
from weaksep.score.targets import Target, experiment_of, find_evaluation_classifier, find_targets

if TYPE_CHECKING:  # it imports torch
    from weaksep.feats.features import FeatureSet

logger = logging.getLogger(__name__)


def _separated(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Tables and audio of a system's separated files."""
    scps = sorted(path.name for path in folder.glob("*.scp"))
    tables, files = tables_of(folder, [*scps, SOURCE_NAME]), files_of(folder, scps)
    return (
        {f"separated/{name}": path for name, path in tables.items()},
        {f"separated/{name}": path for name, path in files.items()},
    )


def scores_step(experiment: Path, data: DataDir, dump: Path, bss_eval: bool = True) -> Step:
    """Scores of a system's separated files."""
    set_name, scps = data.path.resolve().name, source_scps(data.path)
    tables, files = _separated(experiment / "separated" / set_name)
    return Step(
        name=f"{experiment}/scores/{set_name}",
        folder=experiment / "scores" / set_name,
        settings={"bss_eval": bss_eval},
        tables={
            **tables_of(data.path, [*FINGERPRINT_TABLES, "events.tsv", TIMED_NAME, REFERENCED_NAME, *scps]),
            **tables_of(dump, ["feats.yaml"]),
            **tables,
        },
        files={**files_of(data.path, ["wav.scp", *scps]), **files},
        code=["weaksep.score.system"],
        outputs=["scores.tsv", SOURCE_NAME],
        stamp_name=f"scores.{STAMP_NAME}",
    )


def sources_step(experiment: Path, data: DataDir, classifier: Path, n_outputs: int = 0) -> Step:
    """What the evaluation classifier hears in a system's separated files, or in the outputs of a baseline."""
    set_name, name = data.path.resolve().name, experiment_of(classifier).name
    tables, files = _separated(experiment / "separated" / set_name)
    labels = tables_of(data.path, [*FINGERPRINT_TABLES, "events.tsv", TIMED_NAME])
    return Step(
        name=f"{experiment}/scores/{set_name} (by {name})",
        folder=experiment / "scores" / set_name,
        settings={"classifier": name, sed.PACKAGE: sed.installed(), "n_outputs": n_outputs},
        tables={**network_files(classifier), **labels, **tables},
        files={**files_of(data.path, ["wav.scp"]), **files},
        code=["weaksep.score.sources", *_code_of(classifier)],
        outputs=["sources.json"],
        stamp_name=f"sources.{STAMP_NAME}",
    )


def _code_of(classifier: Path) -> list[str]:
    kind = read_description(classifier, "classifier").config.get("net", {}).get("kind")
    return ["weaksep.infer.model", *found_by_name("weaksep.nets.classifiers", kind)]


def tagging_step(classifier: Path, data: DataDir, dump: Path) -> Step:
    """Scores of a classifier."""
    set_name, experiment = data.path.resolve().name, experiment_of(classifier)
    return Step(
        name=f"{experiment}/scores/{set_name} (classifier)",
        folder=experiment / "scores" / set_name,
        # Figures that were left out for want of the package are made up for when it is there.
        settings={sed.PACKAGE: sed.installed()},
        tables={
            **network_files(classifier),
            **tables_of(data.path, ["wav.scp", "labels.txt", "utt2labels", "events.tsv", TIMED_NAME]),
            **tables_of(dump, ["feats.scp", "feats.yaml", "utt2num_frames"]),
        },
        files={
            **files_of(data.path, ["wav.scp"]),
            **{f"dump/{path.name}": path for path in sorted(dump.glob("ark/feats.*.ark"))},
        },
        code=["weaksep.score.tagging", *_code_of(classifier)],
        outputs=["tagging.json"],
        stamp_name=f"tagging.{STAMP_NAME}",
    )


def _features(dump: Path, data: DataDir) -> FeatureSet:
    from weaksep.feats.features import FeatureSet

    return FeatureSet(dump, data)


def tag_shard(load: Load, dump: Path, data: Path, classifier: Path, claim: Claim) -> None:
    """Score a classifier, which is one shard."""
    found = DataDir.load(data)
    score_classifier(experiment_of(classifier), load(str(classifier)), _features(dump, found), found)


def _tag(work: Callable[[Path, Claim], None], classifier: Path, notes: Shards) -> None:
    with notes.unfinished([notes.folder / "tagging.json"]):
        run_shards(work, {"1": classifier}, notes, nj=1, description=f"tag {experiment_of(classifier).name}")


def score_all(
    expdir: Path,
    data: Path,
    dump: Path,
    load: Load,
    *,
    systems: Sequence[str] | None = None,
    tags: Sequence[str] = ("",),
    classifier: str | None = None,
    default_classifier: str = "frame",
    bss_eval: bool = True,
    nj: int = 1,
    force: bool = False,
) -> None:
    """Score everything that can be scored; what cannot be is named at the end.

    Args:
        expdir: experiments.
        data, dump: a set and its features; variants (data/test_NAME) lie beside them.
        load: makes a classifier of its folder.
        systems: names of those to score beside the oracles; None for all.
        tags: of the names, those of several seeds; the evaluation classifier has the first.
        classifier: the evaluation classifier's name, or that of its folder; None for ``default_classifier``.
        default_classifier: taken if it is there; see ``find_evaluation_classifier``.
        bss_eval: SDR, SIR and SAR beside SI-SDR.
        nj: worker processes.
        force: also what is up to date.

    Raises:
        UserError: there is nothing to score, or something could not be.
    """
    targets, failures = find_targets(expdir, data, dump, systems, tags)
    if not targets and not failures:
        raise UserError(f"{expdir}: nothing to score: no */separated/{data.resolve().name}, no trained classifier_*")
    trained = [target.path for target in targets if target.is_classifier]
    short = named_experiment(expdir, "classifier", classifier or default_classifier, tags[0])
    evaluation = find_evaluation_classifier(expdir, classifier, short, trained)
    if evaluation is None and targets:
        logger.info("%s: no evaluation classifier for the separated files, so no sources.json", expdir)
    has_residual = any(expdir.glob(f"*/separated/{data.resolve().name}/{RESIDUAL}.scp"))
    # A set and its features are read once, when the first step that needs work asks for them.
    data_of = cache(DataDir.load)
    features_of = cache(lambda dump, data: _features(dump, data_of(data)))
    clips_of = cache(lambda dump, data: find_clips(data_of(data), features_of(dump, data).settings.hop_samples))

    def steps(target: Target) -> Iterator[tuple[Step, Callable[[Shards], Any]]]:
        path, place, found = target.path, (target.dump, target.data), data_of(target.data)
        if target.is_classifier:
            step = tagging_step(path, found, target.dump)
            yield step, partial(_tag, partial(tag_shard, load, *place), path)
            return
        n_outputs = len(found.classes) + has_residual if path.name in BASELINES else 0
        if not n_outputs:
            step = scores_step(path, found, target.dump, bss_eval)
            yield (
                step,
                lambda notes: score_system(found, clips_of(*place), path, bss_eval=bss_eval, nj=nj, notes=notes),
            )
        if evaluation is not None:
            step = sources_step(path, found, evaluation, n_outputs)
            work = partial(classify_sources, found, path, evaluation, load, n_outputs=n_outputs, nj=nj)
            yield step, lambda notes: work(notes=notes)

    if any(target.data == data for target in targets):
        data_of(data)  # a mistyped --data is one error, not one a system
    if evaluation is not None and any(target.data == data and not target.is_classifier for target in targets):
        targets += [Target(expdir / name, data, dump) for name in BASELINES]
    for target in targets:
        try:
            for step, work in steps(target):  # not the second of a system when the first fails
                run_step(step, work, force=force)
        except UserError as error:
            if isinstance(error.__context__, OSError) and error.__context__.errno in FULL_DISK:
                raise  # no system after this one can be written either
            name = f"{target.path} on {target.data}"
            failures.append((name, error))
            for line in str(error).splitlines():
                logger.error("%s: %s", name, line.strip())
    if len({str(error) for _, error in failures}) == 1:
        raise failures[0][1]
    raise_problems(
        "the rest is scored, these are not",
        [f"{name}: {str(error).splitlines()[0].rstrip(':')}" for name, error in failures],
    )
