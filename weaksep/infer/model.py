"""A trained network from its file, ready to run; masks on the mixture's complex STFT, back with its phase."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.network import Description, Features, Weights, read_network, write_network
from weaksep.nets.build import build_classifier, build_separator, filled
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import Separator as SeparatorNet
from weaksep.signal.stft import Stft

Watch = Callable[[torch.Tensor, torch.Tensor], None]


def unwatched(masks: torch.Tensor, magnitude: torch.Tensor) -> None:
    """The ``Watch`` of those who only want the sources."""


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


def _net(place: str | Path, description: Description, weights: Weights, device: str) -> Any:
    """The network of a description in evaluation mode; what is wrong with it as one line."""
    settings, features = description.config.get("net", {}), description.features
    sizes = (len(description.classes), features.window_samples // 2 + 1)
    make: dict[str, Callable[[], torch.nn.Module]] = {
        "separator": partial(build_separator, settings, *sizes),
        "classifier": partial(build_classifier, settings, *sizes, features.sample_rate),
    }
    try:
        return filled(make[description.task], weights, description.task).eval().to(device)
    except ValueError as error:
        raise UserError(f"{place}: {error}; train again") from None


def load_separator(place: str | Path, device: str = "cpu") -> Separator:
    """A separator in evaluation mode.

    Args:
        place: see ``read_description``.
        device: torch device.

    Raises:
        UserError: see ``read_network``; or weights that do not fit the description.
    """
    description, weights = read_network(place, "separator")
    net, features = _net(place, description, weights, device), description.features
    net.temperature = description.temperature
    stft = Stft(features.window_samples, features.hop_samples)
    residual = bool(description.config.get("net", {}).get("residual"))
    return Separator(net, tuple(description.classes), features.sample_rate, stft, torch.device(device), residual)


def load_classifier(place: str | Path, device: str = "cpu") -> TrainedClassifier:
    """A classifier in evaluation mode.

    Args:
        place, device: see ``load_separator``.

    Raises:
        UserError: see ``load_separator``.
    """
    description, weights = read_network(place, "classifier")
    net, supervision = _net(place, description, weights, device), str(description.config.get("supervision", ""))
    return TrainedClassifier(net, supervision, tuple(description.classes), description.features, torch.device(device))


def apply_masks(stft: Stft, spectrum: torch.Tensor, masks: torch.Tensor, n_samples: int) -> torch.Tensor:
    """Masked mixture back to audio.

    Args:
        stft: the transform that made ``spectrum``.
        spectrum: complex mixture (B, T, F).
        masks: (B, K, T, F).
        n_samples: length of the audio.

    Returns:
        sources (B, K, N).
    """
    # One clip at a time: its K spectra fit the cache, and the whole batch at once took three times as long.
    sources = masks.new_empty((*masks.shape[:2], n_samples))
    for clip, (mask, mixture) in enumerate(zip(masks, spectrum, strict=True)):
        sources[clip] = stft.inverse(mask * mixture, n_samples)
    return sources


@torch.inference_mode()
def separate_waveform(separator: Separator, audio: torch.Tensor, watch: Watch = unwatched) -> torch.Tensor:
    """Separate a batch of clips of one length.

    Args:
        separator: see ``load_separator``.
        audio: mixtures (B, N) at the separator's sample rate, on any device.
        watch: shown the masks (B, K, T, F) and the magnitude (B, T, F).

    Returns:
        one source a class, (B, K, N), on the separator's device; one more, the last, from a residual output.
    """
    spectrum = separator.stft.forward(audio.to(separator.device))
    magnitude = spectrum.abs()
    masks = separator.net(magnitude)
    watch(masks, magnitude)
    return apply_masks(separator.stft, spectrum, masks, audio.shape[-1])


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
