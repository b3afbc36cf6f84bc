"""One training from its plan: data, network, objective, loop; or two steps of it that leave nothing behind."""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.feats.dataset import TrainingSet
from weaksep.fileio.experiments import JOINT_CLASSIFIER
from weaksep.fileio.network import Description, network_hash, read_description, read_network, write_network
from weaksep.losses.classification import inverse_prior_weights
from weaksep.losses.settings import END
from weaksep.nets.build import build_classifier, build_separator, filled
from weaksep.nets.classifier import Classifier
from weaksep.nets.separators.nmf import learn_spectra
from weaksep.train.alone import ALONE, Alone
from weaksep.train.config import SeparatorTraining
from weaksep.train.dictionary import learn_dictionary
from weaksep.train.finetune import take_over
from weaksep.train.loop import fit
from weaksep.train.objectives import ClassifierObjective, Losses, SeparatorObjective
from weaksep.train.parts import loss_terms, net_settings, resolved, settled_share
from weaksep.train.plan import Plan
from weaksep.train.precision import set_precision
from weaksep.train.sets import training_sets
from weaksep.train.shared import refuse_few_clips
from weaksep.train.state import CHECKPOINT_MINUTES, State

logger = logging.getLogger(__name__)


def resolved_config(plan: Plan) -> dict[str, Any]:
    """All settings of a run, and those of the classifier that it uses."""
    whole = {"name": plan.name, **resolved(plan.config, str(plan.origin))}
    if plan.frozen_classifier is not None:  # as it was trained, whatever its YAML says by now
        whole["classifier_training"] = read_description(plan.frozen_classifier, "classifier").config
    elif plan.classifier is not None:
        whole["classifier_training"] = resolved_config(plan.classifier)
    if init := plan.config.init:
        begun = read_description(init, plan.task)
        whole["init_from"] = {"name": begun.config.get("name"), "model": network_hash(init), "classes": begun.classes}
    return whole


def _frozen_classifier(folder: Path, train: TrainingSet) -> Classifier:
    """A trained classifier, checked against the data."""
    saved, weights = read_network(folder, "classifier")
    if saved.classes != list(train.classes) or saved.features != train.features.settings:
        raise UserError(f"{folder}: trained for other classes or features than {train.data.path}; rerun stage 3")
    try:
        return filled(lambda: _classifier(saved.config.get("net", {}), train), weights, "classifier")
    except ValueError as error:
        raise UserError(f"{folder}: {error}; rerun stage 3") from None


def _classifier(settings: dict[str, Any], train: TrainingSet) -> Classifier:
    features = train.features
    return build_classifier(settings, len(train.classes), features.stft.n_bins, features.settings.sample_rate)


def _new_net(plan: Plan, train: TrainingSet) -> Any:
    """With the features' statistics, or the weights of the network that the training begins with."""
    settings, features = net_settings(plan.config, str(plan.origin)), train.features
    if plan.task == "classifier":
        net: Any = _classifier(settings, train)
    else:
        net = build_separator(settings, len(train.classes), features.stft.n_bins)
        net.frontend.set_statistics(*map(torch.from_numpy, features.log_statistics()))
    if plan.config.init:
        take_over(net, plan.config.init, settings, train.classes, features.settings, str(plan.origin))
        net.frozen_share = plan.config.init_frozen
    return net


def make_objective(plan: Plan, train: TrainingSet, untrained: bool = False) -> ClassifierObjective | SeparatorObjective:
    """The network and the losses that it is trained by.

    Args:
        plan, train: the training, and its data.
        untrained: take a new network for the frozen classifier (a dry run).

    Raises:
        UserError: the settings do not fit; the classifier, or the network to begin with, is missing or does not fit.
    """
    if not isinstance(plan.config, SeparatorTraining):
        return ClassifierObjective(_new_net(plan, train), inverse_prior_weights(train.class_priors()))
    terms, separator = loss_terms(plan.config, str(plan.origin)), _new_net(plan, train)
    classifier = None
    if plan.frozen_classifier is not None and not untrained:
        classifier = _frozen_classifier(plan.frozen_classifier, train)
    elif plan.classifier is not None:
        classifier = _new_net(plan.classifier, train)
    weights = None if plan.config.supervision == "strong" else inverse_prior_weights(train.class_priors())
    return SeparatorObjective(separator, terms, classifier, weights, plan.config.joint)


def duration(seconds: float) -> str:
    """A time in words; seconds where minutes would be few.

    >>> duration(41.2), duration(150.0)
    ('41 s', '2 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def dry_run(plan: Plan, device: str) -> Losses:
    """Forward, backward and update with every loss at its full weight; the time of a step goes to the log.

    A frozen classifier need not be trained yet: a new network stands for it.

    Args:
        plan: the training.
        device: torch device.

    Returns:
        the parts of the loss; none for NMF, which has no steps.

    Raises:
        UserError: data or features are missing, or a loss is not finite.
    """
    config = plan.config
    train, _ = training_sets(plan)
    where = torch.device(device)
    torch.manual_seed(config.seed)
    # From all over the set: where clips are known in different ways, some of each are among them.
    indices = np.unique(np.linspace(0, len(train) - 1, config.optim.batch_size).astype(int))
    if config.net.get("kind") == "nmf":
        learn_spectra(train.features.read(next(iter(train.data.wav))), 1, config.seed)
        logger.info("%s: learns dictionaries, in minutes", plan.exp.name)
        return {}
    objective = make_objective(plan, train, untrained=True).to(where).train()
    set_precision(objective.net, config.optim.precision, where, plan.exp.name)
    parameters = [p for p in objective.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=config.optim.learning_rate)
    batches = [batch.to(where) for batch in train.batch(indices)]
    for _ in range(2):  # the first one warms up
        started = time.monotonic()
        optimiser.zero_grad(set_to_none=True)
        parts: Losses = objective(batches, END)
        parts["loss"].backward()
        optimiser.step()
        values = {name: value.item() for name, value in parts.items()}  # a GPU has come to its end
        if not all(map(math.isfinite, values.values())):
            raise UserError(f"{values} is not finite; lower optim.learning_rate")
    seconds = time.monotonic() - started
    seconds *= config.optim.accumulate
    steps = config.optim.steps_per_epoch(len(train)) * config.optim.max_epochs
    logger.info(
        "%s: %d parameters, %s; %.2f s a step, about %s for %d steps when nothing else runs",
        plan.exp.name,
        sum(p.numel() for p in parameters),
        " ".join(f"{name} {value:.4f}" for name, value in values.items()),
        seconds,
        duration(seconds * steps),
        steps,
    )
    return parts


def run_training(plan: Plan, device: str, checkpoint_minutes: float = CHECKPOINT_MINUTES, team: Alone = ALONE) -> State:
    """Train one classifier or separator, or go on with what a run of the same plan has left.

    Args:
        plan: the training.
        device: torch device.
        checkpoint_minutes: time between checkpoints within an epoch.
        team: the processes that train it together; each of them calls this.

    Raises:
        UserError: data, features or a classifier is missing or does not fit.
        Interrupted: on a signal; the run is saved.
    """
    config, name = plan.config, plan.exp.name
    with team.all_or_none():
        train, valid = training_sets(plan)
        whole = resolved_config(plan)
        description = Description(
            task=plan.task, classes=list(train.classes), features=train.features.settings, config=whole
        )
        torch.manual_seed(config.seed)
        if config.net.get("kind") == "nmf":
            return learn_dictionary(plan, train, valid, description)
        objective = make_objective(plan, train)
        refuse_few_clips(config.optim.batch_size, str(plan.origin), team)
    set_precision(objective.net, config.optim.precision, torch.device(device), name)
    trained = sum(p.numel() for p in objective.parameters() if p.requires_grad)
    logger.info("%s: %d clips an epoch, %d parameters to train, %s labels", name, len(train), trained,
                config.supervision)  # fmt: skip
    return fit(
        objective.to(device),
        train,
        valid,
        optim=config.optim,
        settled=settled_share(objective.terms),
        seed=config.seed,
        config=whole,
        exp=plan.exp,
        device=torch.device(device),
        save_network=_saver(plan, objective, description, team),
        name=name,
        checkpoint_minutes=checkpoint_minutes,
        team=team,
    )


def _saver(
    plan: Plan, objective: ClassifierObjective | SeparatorObjective, description: Description, team: Alone
) -> Callable[[int], None]:
    """What writes the network file, and that of a jointly trained classifier."""

    def save(epoch: int) -> None:
        if not team.leads:
            return
        if plan.joint:
            update = {"task": "classifier", "config": description.config["classifier_training"], "epoch": epoch}
            weights = objective.classifier.state_dict()  # type: ignore[union-attr]
            write_network(plan.exp / JOINT_CLASSIFIER, description.model_copy(update=update), weights)
        write_network(plan.exp, description.model_copy(update={"epoch": epoch}), objective.net.state_dict())

    return save
