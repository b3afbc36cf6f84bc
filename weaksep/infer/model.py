"""A trained network from its best.pt, checked before use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from weaksep.errors import UserError
from weaksep.feats.config import DumpSettings
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint
from weaksep.fileio.datadir import RESIDUAL
from weaksep.fileio.tables import label_problem
from weaksep.nets.build import build_classifier, build_separator
from weaksep.nets.classifiers import Classifier
from weaksep.nets.nmf import NmfSeparator
from weaksep.nets.separators import MaskSeparator
from weaksep.signal.stft import Stft

CHECKPOINT_NAME = "best.pt"
KEYS = ("task", "model", "config", "classes", "feats")
FEATS_KEYS = ("sample_rate", "window_samples", "hop_samples")

Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Separator:
    """A separator ready to run: ``net`` maps magnitude (B, T, F) to masks (B, K, T, F).

    With ``residual`` there is a mask more than there are classes, the last, for what belongs to none of them.
    """

    net: MaskSeparator | NmfSeparator
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
    """A classifier ready to run, and the features it was trained on."""

    net: Classifier
    supervision: str
    classes: tuple[str, ...]
    sample_rate: int
    window_samples: int
    hop_samples: int
    device: torch.device

    @property
    def time_pooling(self) -> int:
        """Feature frames to one frame of the classifier."""
        return self.net.time_pooling

    @torch.inference_mode()
    def probabilities(self, magnitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Magnitude (B, T, F) -> probabilities of frames (B, T', K) and of clips (B, K), float32."""
        batch = torch.from_numpy(magnitude).to(self.device)
        return self.net(batch).sigmoid().cpu().numpy(), self.net.clip_probabilities(batch).cpu().numpy()


def checkpoint_path(experiment: str | Path) -> Path:
    """best.pt of an experiment folder; a path to a file is taken as it is."""
    path = Path(experiment)
    return path / CHECKPOINT_NAME if path.is_dir() else path


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def _misfits(checkpoint: dict[str, Any]) -> Iterator[str]:
    """Parts of a checkpoint that are not of the form that training gives them."""
    classes, feats = checkpoint["classes"], checkpoint["feats"]
    if not isinstance(classes, list | tuple) or not all(isinstance(c, str) and not label_problem(c) for c in classes):
        yield "classes is no list of class names"
    elif len(set(classes)) != len(classes) or not classes:
        yield "classes are missing or doubled"
    try:
        DumpSettings.model_validate({key: feats[key] for key in FEATS_KEYS}, strict=True)
    except ValueError as error:
        yield f"feats: {_one_line(error)}"
    if not isinstance(checkpoint["config"], dict):
        yield "config is no mapping"
    temperature = checkpoint.get("temperature", 1.0)
    if not isinstance(temperature, float) or not 0.01 <= temperature <= 100:
        yield "temperature is no number from 0.01 to 100"
    model = checkpoint["model"]
    if not isinstance(model, dict) or not all(isinstance(weights, torch.Tensor) for weights in model.values()):
        yield "model holds no weights"


def read_checkpoint(experiment: str | Path, task: str) -> dict[str, Any]:
    """Read best.pt on the CPU and check what it holds.

    Args:
        experiment: the experiment's folder, or the file.
        task: "separator" or "classifier".

    Raises:
        UserError: missing, truncated, not a weaksep checkpoint, or of another task.
    """
    path = checkpoint_path(experiment)
    checkpoint = load_checkpoint(path)
    missing = [key for key in KEYS if key not in checkpoint]
    if not missing:
        feats = checkpoint["feats"] if isinstance(checkpoint["feats"], dict) else {}
        missing = [f"feats.{key}" for key in FEATS_KEYS if key not in feats]
    if missing:
        raise UserError(f"{path}: not a weaksep checkpoint (without {', '.join(missing)}); train again")
    if checkpoint["task"] != task:
        raise UserError(f"{path}: holds a {checkpoint['task']}, expected a {task}; give the folder of a {task}")
    misfits = list(_misfits(checkpoint))
    if misfits:
        raise UserError(f"{path}: not a weaksep checkpoint ({'; '.join(misfits)}); train again")
    return checkpoint


def _build(make: Callable[[], Net], checkpoint: dict[str, Any], path: Path, device: torch.device) -> Net:
    """The network of a checkpoint with its weights, in evaluation mode.

    Args:
        make: builds it as the checkpoint's own configuration says.
    """
    task, weights = checkpoint["task"], checkpoint["model"]
    try:
        # First without memory: a configuration of a huge net is not worth trying unless the weights are as many.
        with torch.device("meta"):
            expected = {name: tensor.shape for name, tensor in make().state_dict().items()}
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: its config does not describe a {task} ({_one_line(error)}); train again") from None
    found = {name: tensor.shape for name, tensor in weights.items()}
    wrong = [name for name in dict.fromkeys([*expected, *found]) if expected.get(name) != found.get(name)]
    if wrong:
        sizes = " and ".join(
            str(tuple(shapes[wrong[0]])) if wrong[0] in shapes else "none" for shapes in (expected, found)
        )
        raise UserError(
            f"{path}: weights do not fit the net of its own config ({len(wrong)} of {len(expected)} differ, first "
            f"{wrong[0]}: {sizes}); train again"
        )
    spoilt = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if spoilt:
        raise UserError(f"{path}: NaN or infinite weights (in {len(spoilt)} tensors, first {spoilt[0]}); train again")
    net = make()
    net.load_state_dict(weights)
    return net.to(device).eval()


def load_separator(experiment: str | Path, device: str = "cpu") -> Separator:
    """A separator from its experiment folder or best.pt, in evaluation mode.

    Raises:
        UserError: see ``read_checkpoint``; or weights that are not finite, or do not fit the configuration.
    """
    path = checkpoint_path(experiment)
    checkpoint = read_checkpoint(path, "separator")
    feats, classes = checkpoint["feats"], tuple(checkpoint["classes"])
    n_bins = feats["window_samples"] // 2 + 1
    where = torch.device(device)
    net = _build(lambda: build_separator(checkpoint["config"]["net"], len(classes), n_bins), checkpoint, path, where)
    if RESIDUAL in classes:
        raise UserError(f"{path}: a class of the model is called {RESIDUAL!r}, as the file of what is left")
    if isinstance(net, MaskSeparator):
        net.temperature = checkpoint.get("temperature", 1.0)
    stft = Stft(feats["window_samples"], feats["hop_samples"])
    residual = bool(checkpoint["config"]["net"].get("residual"))
    return Separator(net, classes, feats["sample_rate"], stft, where, residual)


def save_untrained(
    folder: str | Path, classes: Sequence[str], sample_rate: int, net: Mapping[str, Any] | None = None
) -> Path:
    """A separator that nobody has trained, for examples and tests: its best.pt, as training would leave it.

    Args:
        folder: of the experiment; made when it is not there.
        classes: their names.
        sample_rate: Hz.
        net: settings of the net (nets/config.py); a tiny BLSTM by default.
    """
    window = 256
    settings = dict(net or {"layers": 1, "units": 8})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = build_separator(settings, len(classes), window // 2 + 1).state_dict()
    feats = {"sample_rate": sample_rate, "window_samples": window, "hop_samples": window // 2}
    path = Path(folder) / CHECKPOINT_NAME
    config = {"net": settings, "supervision": "strong"}
    saved = {"task": "separator", "model": weights, "config": config, "classes": list(classes), "feats": feats}
    save_checkpoint(path, saved)
    return path


def load_classifier(experiment: str | Path, device: str = "cpu") -> TrainedClassifier:
    """A classifier from its experiment folder or best.pt, in evaluation mode.

    Raises:
        UserError: see ``load_separator``.
    """
    path = checkpoint_path(experiment)
    checkpoint = read_checkpoint(path, "classifier")
    feats, classes, config = checkpoint["feats"], tuple(checkpoint["classes"]), checkpoint["config"]
    sizes = (len(classes), feats["window_samples"] // 2 + 1, feats["sample_rate"])
    where = torch.device(device)
    net = _build(lambda: build_classifier(config["net"], *sizes), checkpoint, path, where)
    settings = (feats["sample_rate"], feats["window_samples"], feats["hop_samples"])
    return TrainedClassifier(net, str(config.get("supervision", "")), classes, *settings, where)
