"""From configuration to network; training and inference both build here."""

from __future__ import annotations

from typing import Any

from weaksep.nets.bandsplit import BandSplitSeparator
from weaksep.nets.classifiers import BlstmClassifier, Classifier, CrnnClassifier, LightClassifier
from weaksep.nets.config import ClassifierConfig, SeparatorConfig
from weaksep.nets.nmf import NmfSeparator
from weaksep.nets.separators import BlstmSeparator, MaskSeparator
from weaksep.nets.tcn import TcnSeparator
from weaksep.nets.unet import UnetSeparator


def build_separator(
    config: dict[str, Any] | SeparatorConfig, n_classes: int, n_bins: int
) -> MaskSeparator | NmfSeparator:
    """A separator: magnitude (B, T, F) -> masks (B, K, T, F), one more with ``residual`` (all but nmf)."""
    checked = SeparatorConfig.model_validate(config)
    if checked.kind == "nmf":
        return NmfSeparator(checked, n_classes, n_bins)
    kinds: dict[str, type[MaskSeparator]] = {
        "blstm": BlstmSeparator,
        "unet": UnetSeparator,
        "bandsplit": BandSplitSeparator,
        "tcn": TcnSeparator,
    }
    return kinds[checked.kind](checked, n_classes, n_bins)


def build_classifier(
    config: dict[str, Any] | ClassifierConfig, n_classes: int, n_bins: int, sample_rate: int
) -> Classifier:
    """A classifier: magnitude (B, T, F) -> frame logits (B, T', K)."""
    checked = ClassifierConfig.model_validate(config)
    if checked.kind == "light":
        return LightClassifier(checked, n_classes, n_bins, sample_rate)
    kinds = {"blstm": BlstmClassifier, "crnn": CrnnClassifier}
    return kinds[checked.kind](checked, n_classes, n_bins)
