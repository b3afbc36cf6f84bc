"""The parts of a training that its YAML names: net and losses, their settings checked by their own modules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from weaksep.errors import UserError
from weaksep.fileio.yamlfile import check_config
from weaksep.losses.registry import OPTIONAL, Loss, find_loss
from weaksep.losses.settings import LossSettings
from weaksep.nets import classifiers, separators
from weaksep.nets.build import find_net
from weaksep.train.config import SeparatorTraining, Training


@dataclass(frozen=True)
class Term:
    """One loss of a training."""

    loss: Loss
    settings: LossSettings


def net_settings(config: Training, origin: str) -> dict[str, Any]:
    """All settings of a training's net.

    Args:
        config: of the training.
        origin: its YAML, for messages.

    Raises:
        UserError: an unknown kind, an unknown key or a wrong value.
    """
    package = separators if isinstance(config, SeparatorTraining) else classifiers
    try:
        schema: type[BaseModel] = find_net(package, config.net).Settings
    except ValueError as error:
        raise UserError(f"{origin}: net.{error}") from None
    return check_config(schema, config.net, f"{origin}: net").model_dump(mode="json")


def _given(config: SeparatorTraining) -> set[str]:
    """What a loss may ask for, by name."""
    names = {"magnitude", "masks", "frames", "settings", "progress", "class_weights"}
    if config.supervision != "strong":
        names.add("labels")
        names |= {"submixtures", "submixture_labels", "split_weights"} if config.remix else set()
        names |= {"classifier"} if config.classifier else set()
    return names | ({"sources"} if config.needs_references else set())


def loss_terms(config: SeparatorTraining, origin: str) -> dict[str, Term]:
    """The losses of a separator's training.

    Args:
        config, origin: see ``net_settings``.

    Raises:
        UserError: an unknown loss or key; a loss that asks for what the training has not; clips or a classifier that
            no loss asks for.
    """
    terms, given = {}, _given(config)
    for name, settings in config.losses.items():
        try:
            loss = find_loss(name)
        except ValueError as error:
            raise UserError(f"{origin}: loss: {error}") from None
        lacks = sorted(loss.needs - given - set(OPTIONAL))
        if lacks:
            hint = "; name one (classifier:)" if lacks == ["classifier"] else ""
            raise UserError(f"{origin}: loss.{name}: asks for {', '.join(lacks)}, which this training has not{hint}")
        terms[name] = Term(loss, check_config(loss.settings, settings, f"{origin}: loss.{name}"))
    asked = {need for term in terms.values() for need in term.loss.needs}
    for need in ("labels", "sources", "classifier"):
        if need in given and not asked & ({need, "submixtures"} if need == "labels" else {need}):
            raise UserError(f"{origin}: loss: none asks for {need}, which this training has")
    return terms


def resolved(config: Training, origin: str) -> dict[str, Any]:
    """All settings of a training, those of its net and losses included."""
    whole = {**config.model_dump(mode="json"), "net": net_settings(config, origin)}
    if isinstance(config, SeparatorTraining):
        terms = loss_terms(config, origin).items()
        whole["loss"] = {name: term.settings.model_dump(mode="json") for name, term in terms}
    return whole


def settled_share(terms: Mapping[str, Term]) -> float:
    """The share of all steps after which every loss has its full weight."""
    return max((term.settings.start + term.settings.ramp for term in terms.values()), default=0.0)
