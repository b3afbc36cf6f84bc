"""A trained network from its file, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from weaksep.errors import UserError
from weaksep.fileio.datadir import RESIDUAL
from weaksep.fileio.network import Description, Features, Weights, read_network, write_network
from weaksep.nets.build import build_classifier, build_separator, filled
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import Separator as SeparatorNet
from weaksep.signal.stft import Stft

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Separator:
    """A separator ready to run: ``net`` maps magnitude (B, T, F) to masks (B, K, T, F).

    With ``residual`` there is a mask more than there are classes, the last, for what belongs to none of them.
    """

    net: SeparatorNet
    classes: tuple[str, ...]
    sample_rate: int
    stft: Stft
    device: torch.device
    residual: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the masks."""
        return (*self.classes, RESIDUAL) if self.residual else self.classes

    @property
    def step_samples(self) -> int:
        """Samples after which the net's own grid begins anew."""
        return self.stft.hop_samples * self.net.frames_per_step


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier ready to run, and what it was trained on."""

    net: Classifier
    supervision: str
    classes: tuple[str, ...]
    features: Features
    device: torch.device

    @property
    def time_pooling(self) -> int:
        """Feature frames to one frame of the classifier."""
        return self.net.time_pooling

    @torch.inference_mode()
    def probabilities(
        self, magnitude: torch.Tensor, frames: torch.Tensor | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Magnitude (B, T, F) -> probabilities of frames (B, T', K) and of clips (B, K), float32.

        ``frames``, (B, T), is 1.0 where a clip has a frame; None when there is no padding.
        """
        batch, valid = magnitude.to(self.device), None if frames is None else frames.to(self.device)
        return self.net(batch).sigmoid().cpu().numpy(), self.net.clip_probabilities(batch, valid).cpu().numpy()


def _filled(place: str | Path, make: Callable[[], Net], weights: Weights, what: str) -> Net:
    """``filled`` in evaluation mode; its errors as one line."""
    try:
        return filled(make, weights, what).eval()
    except ValueError as error:
        raise UserError(f"{place}: {error}; train again") from None


def load_separator(place: str | Path, device: str = "cpu") -> Separator:
    """A separator in evaluation mode.

    Args:
        place: its experiment's folder, or a packed model.
        device: torch device.

    Raises:
        UserError: see ``read_network``; or weights that do not fit the description.
    """
    description, weights = read_network(place, "separator")
    features, settings = description.features, description.config.get("net", {})
    sizes = (len(description.classes), features.window_samples // 2 + 1)
    net = _filled(place, lambda: build_separator(settings, *sizes), weights, "separator")
    net.temperature = description.temperature
    stft, where = Stft(features.window_samples, features.hop_samples), torch.device(device)
    classes, residual = tuple(description.classes), bool(settings.get("residual"))
    return Separator(net.to(where), classes, features.sample_rate, stft, where, residual)


def load_classifier(place: str | Path, device: str = "cpu") -> TrainedClassifier:
    """A classifier in evaluation mode.

    Args:
        place, device: see ``load_separator``.

    Raises:
        UserError: see ``load_separator``.
    """
    description, weights = read_network(place, "classifier")
    features, settings = description.features, description.config.get("net", {})
    where = torch.device(device)
    sizes = (len(description.classes), features.window_samples // 2 + 1, features.sample_rate)
    net = _filled(place, lambda: build_classifier(settings, *sizes), weights, "classifier")
    supervision = str(description.config.get("supervision", ""))
    return TrainedClassifier(net.to(where), supervision, tuple(description.classes), features, where)


def save_untrained(
    folder: str | Path, classes: Sequence[str], sample_rate: int, net: Mapping[str, Any] | None = None
) -> Path:
    """A separator that nobody has trained, for examples and tests, as training would leave it; its folder.

    Args:
        folder: of the experiment; made when it is not there.
        classes: their names.
        sample_rate: Hz.
        net: settings of the net; a tiny BLSTM by default.
    """
    features = Features(sample_rate=sample_rate, window_samples=256, hop_samples=128)
    settings = dict(net or {"layers": 1, "units": 8})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = build_separator(settings, len(classes), features.window_samples // 2 + 1).state_dict()
    config = {"net": settings, "supervision": "strong"}
    description = Description(task="separator", classes=list(classes), features=features, config=config)
    write_network(folder, description, weights)
    return Path(folder)
