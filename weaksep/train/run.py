"""One training from its plan: data, network, objective, loop."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weaksep.errors import UserError
from weaksep.feats.mixed import Knowledge, TrainingSet, open_training_set
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.datadir import DataDir, hash_files
from weaksep.losses.classification import inverse_prior_weights
from weaksep.nets.build import build_classifier, build_separator
from weaksep.nets.classifiers import Classifier
from weaksep.nets.separators import MaskSeparator
from weaksep.train.calibrate import calibrate, note_temperature, validation_sums
from weaksep.train.config import ClassifierTraining, LossConfig, SeparatorTraining
from weaksep.train.dictionary import learn_dictionary
from weaksep.train.experiment import claim_experiment
from weaksep.train.loop import fit
from weaksep.train.objectives import ClassifierObjective, StrongObjective, WeakObjective
from weaksep.train.plan import Plan
from weaksep.train.state import CHECKPOINT_MINUTES, State

logger = logging.getLogger(__name__)


def resolved_config(plan: Plan) -> dict[str, Any]:
    """What config.yaml of the run says: its settings, those of the classifier it uses, and hashes of its inputs."""
    resolved = {"name": plan.name, **plan.config.settings()}
    inputs = {name: hash_files(plan.input_files(name).values()) for name in ("train", "valid")}
    if plan.classifier_exp is not None:  # as it was trained, whatever its YAML says by now
        best = plan.classifier_exp / "best.pt"
        resolved["classifier_training"] = load_checkpoint(best).get("config")
        inputs["classifier"] = hash_files([best])
    elif plan.classifier_config is not None:
        resolved["classifier_training"] = plan.classifier_config.settings()
    return {**resolved, "inputs": inputs}


def _frozen_classifier(plan: Plan, train: TrainingSet) -> Classifier:
    """The trained assessor, checked against the data."""
    assert plan.classifier_exp is not None
    path = plan.classifier_exp / "best.pt"
    saved = load_checkpoint(path)
    if saved.get("task") != "classifier":
        raise UserError(f"{path}: not a classifier of weaksep; rerun stage 3")
    features = train.features
    try:
        if saved["classes"] != list(train.labels) or saved["feats"] != feature_settings(train):
            raise UserError(f"{path}: trained for other classes or features than {train.data.path}; rerun stage 3")
        net = build_classifier(saved["config"]["net"], len(train.labels), features.n_bins, features.sample_rate)
        net.load_state_dict(saved["model"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{path}: not a whole classifier ({reason}); rerun stage 3") from None
    return net


def feature_settings(clips: TrainingSet) -> dict[str, int]:
    """What inference must know of the features."""
    features = clips.features
    return {name: getattr(features, name) for name in ("sample_rate", "window_samples", "hop_samples")}


def separator_objective(
    config: SeparatorTraining, plan: Plan, train: TrainingSet, untrained: bool = False
) -> nn.Module:
    """The separator and the losses that it is trained by.

    Args:
        config, plan, train: settings, places and data of the training.
        untrained: take a new network for the frozen classifier (a dry run).

    Raises:
        UserError: the classifier is missing or does not fit.
    """
    features = train.features
    separator = build_separator(config.net, len(train.labels), features.n_bins)
    assert isinstance(separator, MaskSeparator)
    mean, std = features.log_statistics()
    separator.frontend.set_statistics(torch.from_numpy(mean), torch.from_numpy(std))
    if config.supervision == "strong":
        return StrongObjective(separator, config.loss)
    classifier = None
    if plan.classifier_exp is not None and not untrained:
        classifier = _frozen_classifier(plan, train)
    elif plan.classifier_config is not None:
        size = (len(train.labels), features.n_bins, features.sample_rate)
        classifier = build_classifier(plan.classifier_config.net, *size)
    weights = inverse_prior_weights(torch.from_numpy(train.class_priors()))
    return WeakObjective(separator, classifier, weights, config.loss, config.joint)


def classifier_objective(config: ClassifierTraining, train: TrainingSet) -> nn.Module:
    """The classifier and its loss."""
    features = train.features
    classifier = build_classifier(config.net, len(train.labels), features.n_bins, features.sample_rate)
    weights = inverse_prior_weights(torch.from_numpy(train.class_priors()))
    return ClassifierObjective(classifier, weights)


def training_sets(plan: Plan) -> tuple[TrainingSet, TrainingSet]:
    """Training and validation clips with what may be known of each; sources are never needed to validate weak training.

    Raises:
        UserError: data or features are missing or do not fit.
    """
    config = plan.config
    known = Knowledge(
        supervision=config.supervision,
        frame_share=config.frame_share,
        missing_tags=config.missing_tags,
        wrong_tags=config.wrong_tags,
        remix=config.remix.without_changes() if config.remix else None,
        validation=True,
    )
    folder = plan.set_folders("train")[0]
    if config.supervision == "frame" and not DataDir.load(folder).timed():
        raise UserError(f"{folder}: no clip with the times of its events; train from clip labels (supervision: clip)")
    valid = open_training_set(*plan.set_folders("valid"), known)
    known = dataclasses.replace(known, remix=config.remix, seed=config.seed, validation=False)
    known = dataclasses.replace(known, clips=config.train_clips, min_classes=config.train_min_classes)
    if isinstance(config, SeparatorTraining):
        share, repeats = config.strong_share, config.strong_repeats
        known = dataclasses.replace(known, strong_share=share, strong_repeats=repeats)
    return open_training_set(*plan.set_folders("train"), known), valid


def run_training(
    plan: Plan, device: str, resume: bool, checkpoint_minutes: float = CHECKPOINT_MINUTES
) -> State:
    """Train one classifier or separator.

    A run that was begun with other settings or data is put aside, see ``claim_experiment``.

    Raises:
        UserError: data, features or a classifier is missing or does not fit.
        Interrupted: on a signal; the run is saved.
    """
    config = plan.config
    train, valid = training_sets(plan)
    sums = validation_sums(plan) if isinstance(config, SeparatorTraining) and config.calibrate else None
    resolved = resolved_config(plan)
    claim_experiment(plan.exp, resolved, resume)
    describe = {
        "task": "separator" if isinstance(config, SeparatorTraining) else "classifier",
        "config": resolved,
        "classes": list(train.labels),
        "feats": feature_settings(train),
    }
    torch.manual_seed(config.seed)
    if isinstance(config, SeparatorTraining) and config.net.kind == "nmf":
        return learn_dictionary(config, train, valid, Path(plan.exp), describe)
    if isinstance(config, SeparatorTraining):
        objective, loss = separator_objective(config, plan, train), config.loss
    else:
        objective, loss = classifier_objective(config, train), LossConfig()
    trained = sum(p.numel() for p in objective.parameters() if p.requires_grad)
    task = describe["task"]
    logger.info("%s_%s: %d clips an epoch, %d parameters to train, %s labels", task, plan.name, len(train), trained,
                config.supervision)  # fmt: skip
    state = fit(
        objective.to(device),
        train,
        valid,
        optim=config.optim,
        loss=loss,
        seed=config.seed,
        exp=Path(plan.exp),
        device=torch.device(device),
        describe=describe,
        name=f"{task}_{plan.name}",
        checkpoint_minutes=checkpoint_minutes,
    )
    if isinstance(config, SeparatorTraining):  # also without: a finished run may have been calibrated before
        name = f"{task}_{plan.name}"
        assert isinstance(objective.net, MaskSeparator)
        best, where = Path(plan.exp) / "best.pt", torch.device(device)
        temperature = None if sums is None else calibrate(best, objective.net, sums, where, name)
        note_temperature(best, temperature, resolved)
    return state
