"""From settings to network; training and inference both build here.

A net is found by its ``kind``, the name of its module in weaksep/nets/separators or weaksep/nets/classifiers.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from weaksep.nets import classifiers, separators
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import Separator
from weaksep.nets.settings import NetSettings

DEFAULT_KIND = "blstm"  # the paper's


def _find(package: ModuleType, settings: Mapping[str, Any]) -> ModuleType:
    """The module of a net.

    Raises:
        ValueError: there is none of this kind.
    """
    kinds = [module.name for module in pkgutil.iter_modules(package.__path__)]
    kind = settings.get("kind", DEFAULT_KIND)
    if kind not in kinds:
        near = difflib.get_close_matches(str(kind), kinds, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(kinds)}"
        raise ValueError(f"kind: no net {kind!r} ({hint})")
    return importlib.import_module(f"{package.__name__}.{kind}")


def separator_settings(settings: Mapping[str, Any]) -> type[NetSettings]:
    """The settings class of a separator. Raises ValueError, see ``_find``."""
    return _find(separators, settings).Settings


def classifier_settings(settings: Mapping[str, Any]) -> type[NetSettings]:
    """The settings class of a classifier. Raises ValueError, see ``_find``."""
    return _find(classifiers, settings).Settings


def build_separator(settings: Mapping[str, Any], n_classes: int, n_bins: int) -> Separator:
    """A separator: magnitude (B, T, F) -> masks (B, K, T, F), one more with ``residual``.

    Raises:
        ValueError: the settings do not fit (pydantic's is one).
    """
    module = _find(separators, settings)
    return module.Net(module.Settings.model_validate(settings), n_classes, n_bins)


def build_classifier(settings: Mapping[str, Any], n_classes: int, n_bins: int, sample_rate: int) -> Classifier:
    """A classifier: magnitude (B, T, F) -> frame logits (B, T', K). Raises ValueError as ``build_separator`` does."""
    module = _find(classifiers, settings)
    return module.Net(module.Settings.model_validate(settings), n_classes, n_bins, sample_rate)
