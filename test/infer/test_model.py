"""Networks from their files: a good one runs, one that does not fit its own description is one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.fileio.network import Description, Features, pack_network, write_network
from weaksep.infer.model import load_classifier, load_separator
from weaksep.nets.build import build_classifier, build_separator

SEPARATOR = {"kind": "blstm", "layers": 1, "units": 4}
CLASSIFIER = {"kind": "crnn", "units": 4, "channels": [2, 3]}


def write(folder: Path, task: str = "separator", net: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A network of three classes; config, classes and weights may be others than those it was built with."""
    net = net or (SEPARATOR if task == "separator" else CLASSIFIER)
    built = build_separator(net, 3, 33) if task == "separator" else build_classifier(net, 3, 33, 8000)
    description = Description(
        task=task,  # type: ignore[arg-type]
        classes=changes.get("classes", ["a", "b", "c"]),
        features=Features(sample_rate=8000, window_samples=64, hop_samples=32),
        config=changes.get("config", {"net": net, "supervision": "frame"}),
        temperature=changes.get("temperature", 1.0),
    )
    write_network(folder, description, changes.get("weights", built.state_dict()))
    return folder


def spoilt(net: dict[str, Any], value: float) -> dict[str, torch.Tensor]:
    """Weights of a separator, one of which is no number."""
    weights = {name: tensor.clone() for name, tensor in build_separator(net, 3, 33).state_dict().items()}
    next(iter(weights.values())).view(-1)[-1] = value
    return weights


def test_a_separator_from_its_folder_or_packed(tmp_path: Path) -> None:
    folder = write(tmp_path / "separator_x", temperature=2.0)
    pack_network(tmp_path / "x.zip", folder, {})
    for place in (folder, tmp_path / "x.zip"):
        separator = load_separator(place)
        assert (separator.classes, separator.sample_rate) == (("a", "b", "c"), 8000)
        assert not separator.net.training and separator.net.temperature == 2.0
        assert separator.net(torch.rand(2, 9, 33)).shape == (2, 3, 9, 33)


def test_a_classifier_gives_probabilities(tmp_path: Path) -> None:
    classifier = load_classifier(write(tmp_path / "c", "classifier"))
    frames, clips = classifier.probabilities(torch.rand(2, 9, 33))
    assert classifier.time_pooling == 2
    assert frames.shape == (2, 5, 3) and clips.shape == (2, 3)
    assert 0 <= frames.min() and frames.max() <= 1 and 0 <= clips.min() and clips.max() <= 1


def test_settings_of_a_net_that_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "s") / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "config": {"net": 3}}))
    with pytest.raises(UserError, match="config.net: not settings"):
        load_separator(tmp_path / "s")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "b"]}, r"do not fit .*2 of 12 differ, first output.weight: \(66, 8\) and \(99, 8\)"),
        ({"weights": {}}, "weights do not fit"),
        ({"weights": spoilt(SEPARATOR, np.nan)}, "holds NaN or infinity"),
        ({"weights": spoilt(SEPARATOR, -np.inf)}, "holds NaN or infinity"),
        ({"net": {"kind": "nmf", "units": 2}, "weights": spoilt({"kind": "nmf", "units": 2}, np.nan)}, "NaN"),
        # Sizes that would fill the memory are compared before they are made.
        ({"config": {"net": {**SEPARATOR, "units": 8192, "layers": 64}}}, "weights do not fit"),
        ({"config": {"net": {**SEPARATOR, "units": 10**9}}}, "does not describe a separator .units: Input should be"),
        ({"config": {"net": {"kind": "transformer"}}}, "does not describe a separator .*no net 'transformer'"),
        ({"task": "classifier"}, "describes a classifier, expected a separator"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_separator(write(tmp_path / "s", **changes))
    assert "\n" not in str(caught.value) and str(tmp_path / "s") in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model.json: no such file .train first"):
        load_separator(tmp_path)
