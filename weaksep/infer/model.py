"""A trained network from its best.pt, checked before use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from weaksep.errors import UserError
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.nets.build import build_classifier, build_separator
from weaksep.nets.classifiers import Classifier
from weaksep.signal.stft import Stft

CHECKPOINT_NAME = "best.pt"
KEYS = ("task", "model", "config", "classes", "feats")
FEATS_KEYS = ("sample_rate", "window_samples", "hop_samples")


@dataclass(frozen=True)
class Separator:
    """A separator ready to run: ``net`` maps magnitude (B, T, F) to masks (B, K, T, F)."""

    net: nn.Module
    classes: tuple[str, ...]
    sample_rate: int
    stft: Stft
    device: torch.device


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
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


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
        missing = [f"feats.{key}" for key in FEATS_KEYS if key not in checkpoint["feats"]]
    if missing:
        raise UserError(f"{path}: not a weaksep checkpoint (without {', '.join(missing)})")
    if checkpoint["task"] != task:
        raise UserError(f"{path}: holds a {checkpoint['task']}, expected a {task}")
    return checkpoint


def _fill(net: nn.Module, checkpoint: dict[str, Any], path: Path, device: torch.device) -> None:
    try:
        net.load_state_dict(checkpoint["model"])
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: weights do not fit the net of its own config ({_one_line(error)})") from None
    net.to(device).eval()


def load_separator(experiment: str | Path, device: str = "cpu") -> Separator:
    """A separator from its experiment folder or best.pt, in evaluation mode.

    Raises:
        UserError: see ``read_checkpoint``; or weights that do not fit the configuration.
    """
    path = checkpoint_path(experiment)
    checkpoint = read_checkpoint(path, "separator")
    feats, classes = checkpoint["feats"], tuple(checkpoint["classes"])
    n_bins = feats["window_samples"] // 2 + 1
    where = torch.device(device)
    try:
        net = build_separator(checkpoint["config"]["net"], len(classes), n_bins)
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: its config does not describe a separator ({_one_line(error)})") from None
    _fill(net, checkpoint, path, where)
    return Separator(net, classes, feats["sample_rate"], Stft(feats["window_samples"], feats["hop_samples"]), where)


def load_classifier(experiment: str | Path, device: str = "cpu") -> TrainedClassifier:
    """A classifier from its experiment folder or best.pt, in evaluation mode.

    Raises:
        UserError: see ``load_separator``.
    """
    path = checkpoint_path(experiment)
    checkpoint = read_checkpoint(path, "classifier")
    feats, classes, config = checkpoint["feats"], tuple(checkpoint["classes"]), checkpoint["config"]
    n_bins = feats["window_samples"] // 2 + 1
    where = torch.device(device)
    try:
        net = build_classifier(config["net"], len(classes), n_bins, feats["sample_rate"])
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: its config does not describe a classifier ({_one_line(error)})") from None
    _fill(net, checkpoint, path, where)
    settings = (feats["sample_rate"], feats["window_samples"], feats["hop_samples"])
    return TrainedClassifier(net, config.get("supervision", ""), classes, *settings, where)
