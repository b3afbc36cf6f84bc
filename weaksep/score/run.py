"""Stage 6: score all that an experiment folder holds, each system and classifier on its set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.feats.dataset import FeatureSet
from weaksep.fileio.atomic import FULL_DISK
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step, run_step
from weaksep.score.sources import Load, classify_sources
from weaksep.score.steps import scores_step, sources_step, tagging_step
from weaksep.score.system import TestSet, score_system
from weaksep.score.tagging import score_classifier
from weaksep.score.targets import FolderOf, Target, find_evaluation_classifier, find_targets

logger = logging.getLogger(__name__)


def score_all(
    expdir: Path,
    data: Path,
    dump: Path,
    folder_of: FolderOf,
    load: Load,
    *,
    systems: Sequence[str] | None = None,
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
        folder_of: see ``targets.FolderOf``.
        load: makes a classifier of a checkpoint's path.
        systems: names of those to score beside the oracles; None for all.
        classifier: the evaluation classifier's name, or that of its folder; None for ``default_classifier``.
        default_classifier: taken if it is there; see ``find_evaluation_classifier``.
        bss_eval: SDR, SIR and SAR beside SI-SDR.
        nj: worker processes.
        force: also what is up to date.

    Raises:
        UserError: there is nothing to score, or something could not be.
    """
    targets, failures = find_targets(expdir, data, dump, systems, folder_of)
    if not targets and not failures:
        raise UserError(f"{expdir}: nothing to score: no */separated/{data.resolve().name}, no classifier_*/best.pt")
    trained = [target.path for target in targets if target.is_classifier]
    short = folder_of("classifier", classifier or default_classifier)
    evaluation = find_evaluation_classifier(expdir, classifier, short, trained)
    if evaluation is None and targets:
        logger.info("%s: no evaluation classifier for the separated files, so no sources.json", expdir)
    # A set and its features are read once, when the first step that needs work asks for them.
    data_of, features_of = cache(DataDir.load), cache(FeatureSet)
    test_of = cache(lambda folder, features: TestSet.load(folder, features_of(features).hop_samples))

    def steps(target: Target) -> Iterator[tuple[Step, Callable[[Shards], Any]]]:
        path, clips = target.path, data_of(target.data)
        if target.is_classifier:
            step = tagging_step(path, clips, target.dump)
            yield step, lambda _: score_classifier(path.parent, load(str(path)), features_of(target.dump), clips)
            return
        step = scores_step(path, clips, target.dump, bss_eval)
        yield step, lambda _: score_system(test_of(target.data, target.dump), path, bss_eval=bss_eval, nj=nj)
        if evaluation is not None:
            step = sources_step(path, clips, evaluation)
            yield step, lambda _: classify_sources(clips, path, evaluation, load, nj=nj)

    if any(target.data == data for target in targets):
        data_of(data)  # a mistyped --data is one error, not one a system
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
