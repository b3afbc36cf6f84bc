"""One training from its plan: data, network, objective, loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weaksep.errors import UserError
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.knowledge import Knowledge
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.experiments import JOINT_CLASSIFIER
from weaksep.fileio.network import Description, Features, read_description, read_network, write_network
from weaksep.losses.classification import inverse_prior_weights
from weaksep.nets.build import build_classifier, build_separator, filled
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import MaskSeparator
from weaksep.train.calibrate import validation_remixes
from weaksep.train.config import SeparatorTraining
from weaksep.train.dictionary import learn_dictionary
from weaksep.train.loop import fit
from weaksep.train.objectives import ClassifierObjective, SeparatorObjective
from weaksep.train.parts import loss_terms, net_settings, resolved, settled_share
from weaksep.train.plan import Plan
from weaksep.train.state import CHECKPOINT_MINUTES, State

logger = logging.getLogger(__name__)


def resolved_config(plan: Plan) -> dict[str, Any]:
    """All settings of a run, and those of the classifier that it uses."""
    whole = {"name": plan.name, **resolved(plan.config, str(plan.origin))}
    if plan.frozen_classifier is not None:  # as it was trained, whatever its YAML says by now
        whole["classifier_training"] = read_description(plan.frozen_classifier, "classifier").config
    elif plan.classifier is not None:
        whole["classifier_training"] = resolved_config(plan.classifier)
    return whole


def _frozen_classifier(folder: Path, train: TrainingSet) -> Classifier:
    """A trained classifier, checked against the data."""
    saved, weights = read_network(folder, "classifier")
    features = train.features
    if saved.classes != list(train.classes) or saved.features != Features(**features.settings()):
        raise UserError(f"{folder}: trained for other classes or features than {train.data.path}; rerun stage 3")
    settings, sizes = saved.config.get("net", {}), (len(train.classes), features.n_bins, features.sample_rate)
    try:
        return filled(lambda: build_classifier(settings, *sizes), weights, "classifier")
    except ValueError as error:
        raise UserError(f"{folder}: {error}; rerun stage 3") from None


def separator_net(plan: Plan, train: TrainingSet) -> MaskSeparator:
    """The untrained separator of a plan, with the features' statistics."""
    features = train.features
    separator = build_separator(net_settings(plan.config, str(plan.origin)), len(train.classes), features.n_bins)
    assert isinstance(separator, MaskSeparator)
    mean, std = features.log_statistics()
    separator.frontend.set_statistics(torch.from_numpy(mean), torch.from_numpy(std))
    return separator


def _classifier_net(plan: Plan, train: TrainingSet) -> Classifier:
    features = train.features
    settings = net_settings(plan.config, str(plan.origin))
    return build_classifier(settings, len(train.classes), features.n_bins, features.sample_rate)


def make_objective(plan: Plan, train: TrainingSet, untrained: bool = False) -> nn.Module:
    """The network and the losses that it is trained by.

    Args:
        plan, train: the training, and its data.
        untrained: take a new network for the frozen classifier (a dry run).

    Raises:
        UserError: the settings do not fit; the classifier is missing or does not fit.
    """
    if not isinstance(plan.config, SeparatorTraining):
        net = _classifier_net(plan, train)
        return ClassifierObjective(net, inverse_prior_weights(torch.from_numpy(train.class_priors())))
    terms, separator = loss_terms(plan.config, str(plan.origin)), separator_net(plan, train)
    classifier = None
    if plan.frozen_classifier is not None and not untrained:
        classifier = _frozen_classifier(plan.frozen_classifier, train)
    elif plan.classifier is not None:
        classifier = _classifier_net(plan.classifier, train)
    weights = None
    if plan.config.supervision != "strong":
        weights = inverse_prior_weights(torch.from_numpy(train.class_priors()))
    return SeparatorObjective(separator, terms, classifier, weights, plan.config.joint)


def training_sets(plan: Plan) -> tuple[TrainingSet, TrainingSet]:
    """Training and validation clips with what may be known of each; sources are never needed to validate weak training.

    Raises:
        UserError: data or features are missing or do not fit.
    """
    config = plan.config
    folder = plan.set_folders("train")[0]
    if config.supervision == "frame" and not DataDir.load(folder).timed():
        raise UserError(f"{folder}: no clip with the times of its events; train from clip labels (supervision: clip)")
    common = Knowledge(
        supervision=config.supervision,
        frame_share=config.frame_share,
        missing_labels=config.missing_labels,
        wrong_labels=config.wrong_labels,
        remix=config.remix,
        augment=config.augment,
        seed=config.seed,
    )
    train = replace(common, clips=config.train_clips, min_classes=config.train_min_classes)
    if isinstance(config, SeparatorTraining):
        train = replace(train, strong_share=config.strong_share, strong_repeats=config.strong_repeats)
    # Validated on the same kind of remixes, of sounds as they were recorded.
    valid = replace(common, validation=True, seed=0, augment=None)
    if config.remix is not None:
        remix = config.remix.model_copy(update={"p_separated": 0.0})
        valid = replace(valid, remix=remix, augment=config.augment and config.augment.for_validation())
    if isinstance(config, SeparatorTraining) and config.calibrate:
        validation_remixes(plan)  # what they lack is said before the training, not after it
    return TrainingSet(*plan.set_folders("train"), train), TrainingSet(*plan.set_folders("valid"), valid)


def run_training(plan: Plan, device: str, checkpoint_minutes: float = CHECKPOINT_MINUTES) -> State:
    """Train one classifier or separator, or go on with what a run of the same plan has left.

    Raises:
        UserError: data, features or a classifier is missing or does not fit.
        Interrupted: on a signal; the run is saved.
    """
    config, name = plan.config, plan.exp.name
    train, valid = training_sets(plan)
    whole = resolved_config(plan)
    features = Features(**train.features.settings())
    description = Description(task=plan.task, classes=list(train.classes), features=features, config=whole)
    torch.manual_seed(config.seed)
    if config.net.get("kind") == "nmf":
        return learn_dictionary(plan, train, valid, description)
    objective = make_objective(plan, train)
    trained = sum(p.numel() for p in objective.parameters() if p.requires_grad)
    logger.info("%s: %d clips an epoch, %d parameters to train, %s labels", name, len(train), trained,
                config.supervision)  # fmt: skip
    terms = loss_terms(config, str(plan.origin)) if isinstance(config, SeparatorTraining) else {}
    return fit(
        objective.to(device),
        train,
        valid,
        optim=config.optim,
        settled=settled_share(terms),
        seed=config.seed,
        config=whole,
        exp=plan.exp,
        device=torch.device(device),
        save_network=_saver(plan, objective, description),
        name=name,
        checkpoint_minutes=checkpoint_minutes,
    )


def _saver(plan: Plan, objective: nn.Module, description: Description) -> Callable[[int], None]:
    """What writes the network file, and that of a jointly trained classifier."""

    def save(epoch: int) -> None:
        if plan.joint:
            update = {"task": "classifier", "config": description.config["classifier_training"], "epoch": epoch}
            weights = objective.classifier.state_dict()  # type: ignore[union-attr]
            write_network(plan.exp / JOINT_CLASSIFIER, description.model_copy(update=update), weights)
        net_weights = objective.net.state_dict()  # type: ignore[union-attr]
        write_network(plan.exp, description.model_copy(update={"epoch": epoch}), net_weights)

    return save
