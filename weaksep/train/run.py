"""One training from its plan: data, network, objective, loop."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weaksep.errors import UserError
from weaksep.feats.dataset import LabelledSet
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.datadir import hash_files
from weaksep.losses.classification import inverse_prior_weights
from weaksep.nets.build import build_classifier, build_separator
from weaksep.nets.classifiers import Classifier
from weaksep.train.config import ClassifierTraining, LossConfig, SeparatorTraining
from weaksep.train.experiment import claim_experiment
from weaksep.train.loop import fit
from weaksep.train.objectives import ClassifierObjective, StrongObjective, WeakObjective
from weaksep.train.plan import Plan
from weaksep.train.state import CHECKPOINT_MINUTES, State

logger = logging.getLogger(__name__)


def resolved_config(plan: Plan) -> dict[str, Any]:
    """What config.yaml of the run says: its settings, those of the classifier it uses, and hashes of its inputs."""
    resolved = {"name": plan.name, **plan.config.model_dump(mode="json")}
    inputs = {name: hash_files(plan.input_files(name).values()) for name in ("train", "valid")}
    if plan.classifier_exp is not None:  # as it was trained, whatever its YAML says by now
        best = plan.classifier_exp / "best.pt"
        resolved["classifier_training"] = load_checkpoint(best).get("config")
        inputs["classifier"] = hash_files([best])
    elif plan.classifier_config is not None:
        resolved["classifier_training"] = plan.classifier_config.model_dump(mode="json")
    return {**resolved, "inputs": inputs}


def _frozen_classifier(plan: Plan, train: LabelledSet) -> Classifier:
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


def feature_settings(clips: LabelledSet) -> dict[str, int]:
    """What inference must know of the features."""
    features = clips.features
    return {name: getattr(features, name) for name in ("sample_rate", "window_samples", "hop_samples")}


def _separator_objective(config: SeparatorTraining, plan: Plan, train: LabelledSet) -> nn.Module:
    features = train.features
    separator = build_separator(config.net, len(train.labels), features.n_bins)
    mean, std = features.log_statistics()
    separator.frontend.set_statistics(torch.from_numpy(mean), torch.from_numpy(std))
    if config.supervision == "strong":
        return StrongObjective(separator, config.loss)
    classifier = None
    if plan.classifier_exp is not None:
        classifier = _frozen_classifier(plan, train)
    elif plan.classifier_config is not None:
        size = (len(train.labels), features.n_bins, features.sample_rate)
        classifier = build_classifier(plan.classifier_config.net, *size)
    weights = inverse_prior_weights(torch.from_numpy(train.class_priors()))
    return WeakObjective(separator, classifier, weights, config.loss, config.joint)


def _classifier_objective(config: ClassifierTraining, train: LabelledSet) -> nn.Module:
    features = train.features
    classifier = build_classifier(config.net, len(train.labels), features.n_bins, features.sample_rate)
    weights = inverse_prior_weights(torch.from_numpy(train.class_priors()))
    return ClassifierObjective(classifier, weights)


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
    train = LabelledSet(plan.datadir / "train", plan.dumpdir / "train", config.supervision)
    valid = LabelledSet(plan.datadir / "valid", plan.dumpdir / "valid", config.supervision)
    resolved = resolved_config(plan)
    claim_experiment(plan.exp, resolved, resume)
    torch.manual_seed(config.seed)
    if isinstance(config, SeparatorTraining):
        objective, loss, task = _separator_objective(config, plan, train), config.loss, "separator"
    else:
        objective, loss, task = _classifier_objective(config, train), LossConfig(), "classifier"
    trained = sum(p.numel() for p in objective.parameters() if p.requires_grad)
    logger.info(
        "%s_%s: %d clips, %d parameters to train, %s labels",
        task,
        plan.name,
        len(train),
        trained,
        config.supervision,
    )
    describe = {
        "task": task,
        "config": resolved,
        "classes": list(train.labels),
        "feats": feature_settings(train),
    }
    return fit(
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
