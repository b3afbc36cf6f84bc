"""A new loss and a new net are a module each and a line of YAML; what a YAML gets wrong about them is one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import history, plan_of, stages

from weaksep import losses
from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.fileio.network import read_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.nets import classifiers, separators
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.run import dry_run

SQUARES = '''"""Squared error of the sum of the active sources, over the frames that there are."""

import torch

from weaksep.losses.settings import LossSettings


class Settings(LossSettings):
    """``power`` of the error."""

    power: int = 2


def loss(magnitude, masks, labels, frames, settings):
    """A scalar."""
    active = (masks * labels[:, :, None, None]).sum(dim=1)
    error = ((1 - active) * magnitude).abs() ** settings.power
    return error.mean()
'''
LINEAR = '''"""One linear layer a frame."""

from typing import Literal

from torch import nn

from weaksep.nets.separator import MaskSeparator, MaskSettings


class Settings(MaskSettings):
    """``bias``: whether it has one."""

    kind: Literal["linear"] = "linear"
    bias: bool = True


class Net(MaskSeparator):
    """The net above."""

    def __init__(self, settings, n_classes, n_bins):
        super().__init__(settings, n_classes, n_bins)
        self.output = nn.Linear(n_bins, self.n_masks * n_bins, bias=settings.bias)

    def logits(self, features):
        """See ``MaskSeparator``."""
        return self.output(features).unflatten(2, (self.n_masks, -1)).transpose(1, 2)
'''
HEARS_BANDS = '''"""The frames as they are."""

from typing import Literal

from weaksep.nets.classifier import Classifier, ClassifierSettings


class Settings(ClassifierSettings):
    """Nothing of its own."""

    kind: Literal["plain"] = "plain"


class Net(Classifier):
    """The net above."""

    def __init__(self, settings, n_classes, n_bins, sample_rate):
        super().__init__(settings, n_bins, n_classes)

    def features(self, magnitude):
        """As they are."""
        return magnitude
'''


@pytest.fixture
def parts(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of each kind beside those of weaksep, as if it lay in its folder."""
    modules = {"squares": (losses, SQUARES), "linear": (separators, LINEAR), "plain": (classifiers, HEARS_BANDS)}
    for name, (package, text) in modules.items():
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield
    for name, (package, _) in modules.items():
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)


def test_a_new_loss_and_a_new_net_are_trained_and_read_back(parts: None) -> None:
    new = {"loss": {"squares": {"weight": 10, "power": 1}}, "net": {"kind": "linear", "bias": False}}
    write_yaml("conf/new.yaml", {"supervision": "clip", "optim": {"max_epochs": 2}, **new})
    assert set(dry_run(plan_of("new"), "cpu")) == {"loss", "squares"}  # two steps
    stages(systems="new")
    rows = history("exp/separator_new")
    assert rows[1]["train"]["squares"] < rows[0]["train"]["squares"]
    description, weights = read_network("exp/separator_new", "separator")
    assert description.config["loss"]["squares"] == {"weight": 10.0, "start": 0.0, "ramp": 0.0, "power": 1}
    net = build_separator(description.config["net"], 3, 65)
    net.load_state_dict(weights)
    assert "output.bias" not in weights and net(torch.rand(1, 4, 65)).shape == (1, 3, 4, 65)


def test_a_new_classifier_is_trained_and_used(parts: None) -> None:
    write_yaml("conf/classifier_plain.yaml", {"base": "classifier_clip.yaml", "net": {"kind": "plain"}})
    write_yaml("conf/new.yaml", {"base": "clip.yaml", "classifier": "plain", "optim": {"max_epochs": 1}})
    stages(systems="new")
    description, weights = read_network("exp/classifier_plain", "classifier")
    build_classifier(description.config["net"], 3, 65, 8000).load_state_dict(weights)
    assert history("exp/separator_new")[0]["train"]["classification"] > 0


CLIP = {"supervision": "clip", "classifier": "clip"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a loss": ({**CLIP, "loss": {"mixtrue": {}}}, r"loss: no loss 'mixtrue' \(did you mean mixture\?\)"),
    "a loss like no other": (
        {**CLIP, "loss": {"zzz": {}}},
        r"loss: no loss 'zzz' \(there are: classification, mixture, remix, strong\)",
    ),
    "what is no loss": ({**CLIP, "loss": {"registry": {}}}, "loss: no loss 'registry'"),
    "a path": ({**CLIP, "loss": {"..nets.build": {}}}, r"loss: no loss '\.\.nets\.build'"),
    "a loss's key": (
        {**CLIP, "loss": {"mixture": {"wieght": 1}, "classification": {}}},
        r"loss\.mixture: unknown key wieght \(did you mean weight\?\)",
    ),
    "a loss's value": (
        {**CLIP, "loss": {"mixture": {"weight": "much"}, "classification": {}}},
        r"loss\.mixture: weight: expected a number, found 'much'",
    ),
    "yes for a weight": ({**CLIP, "loss": {"mixture": {"weight": True}}}, "loss.mixture: weight: expected a number"),
    "a net": ({**CLIP, "net": {"kind": "blsmt"}}, r"net\.kind: no net 'blsmt' \(did you mean blstm\?\)"),
    "a net that is a list": ({**CLIP, "net": {"kind": ["blstm"]}}, r"net\.kind: no net \['blstm'\]"),
    "a net's key": ({**CLIP, "net": {"unit": 3}}, r"net: unknown key unit \(did you mean units\?\)"),
    "another net's key": (
        {**CLIP, "net": {"kind": "unet", "bands": 3}},
        r"net: unknown key bands \(.*(valid|did you mean)",
    ),
    "a net's value": ({**CLIP, "net": {"units": 0}}, "net: units: .*greater than or equal to 1, found 0"),
    "a classifier for a separator": ({**CLIP, "net": {"kind": "light"}}, r"net\.kind: no net 'light'"),
    "sources": ({**CLIP, "loss": {"strong": {}}}, r"loss\.strong: asks for sources, which this training has not"),
    "submixtures": (
        {**CLIP, "loss": {"remix": {}}},
        r"loss\.remix: asks for split_weights, submixture_labels, submixtures, which this training has not",
    ),
    "labels": ({"supervision": "strong", "loss": {"mixture": {}}}, r"loss\.mixture: asks for labels, which this"),
    "a classifier": (
        {"supervision": "clip"},
        r"loss\.classification: asks for classifier, which this training has not; name one \(classifier:\)",
    ),
    "for nothing, a classifier": ({**CLIP, "loss": {"mixture": {}}}, "loss: none asks for classifier, which this"),
    "for nothing, sources": (
        {**CLIP, "strong_share": 0.1, "loss": {"mixture": {}, "classification": {}}},
        "loss: none asks for sources, which this",
    ),
    "no loss at all": ({**CLIP, "loss": {}}, "loss: none asks for labels, which this training has"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("dry", ["false", "true"])
def test_slips_are_one_line(recipe: Path, name: str, dry: str) -> None:
    settings, message = BAD[name]
    write_yaml("conf/odd.yaml", settings)
    Path("exp/classifier_clip").mkdir(parents=True)
    Path("exp/classifier_clip/model.json").write_text("{}")  # what is missing is told first
    with pytest.raises(UserError, match=rf"conf/odd\.yaml: {message}") as raised:
        train.main(["--task", "separator", "--systems", "odd", "--dry-run", dry])
    assert len(str(raised.value).splitlines()) <= 2  # the heading's
    assert not Path("exp/separator_odd").exists()


def test_slips_of_a_classifier_are_one_line(recipe: Path) -> None:
    for net, message in (({"kind": "lihgt"}, "did you mean light"), ({"kind": "light", "mel_band": 3}, "mel_bands")):
        write_yaml("conf/classifier_odd.yaml", {"supervision": "clip", "net": net})
        write_yaml("conf/odd.yaml", {**CLIP, "classifier": "odd"})
        with pytest.raises(UserError, match=rf"conf/classifier_odd\.yaml: net.*{message}"):
            train.main(["--task", "classifier", "--systems", "odd"])
    # Of a classifier that a separator trains along as well.
    write_yaml("conf/odd.yaml", {**CLIP, "classifier": "odd", "joint": True})
    with pytest.raises(UserError, match=r"conf/classifier_odd\.yaml: net: unknown key mel_band"):
        train.main(["--task", "separator", "--systems", "odd"])
