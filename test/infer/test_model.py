"""Checkpoints: a good one runs, every bad one is one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.infer.model import load_classifier, load_separator
from weaksep.nets.build import build_classifier, build_separator

FEATS = {"sample_rate": 8000, "window_samples": 64, "hop_samples": 32}
SEPARATOR = {"kind": "blstm", "layers": 1, "units": 4}
CLASSIFIER = {"kind": "crnn", "units": 4, "channels": [2, 3]}


def checkpoint(task="separator", **changes):
    net = build_separator(SEPARATOR, 3, 33) if task == "separator" else build_classifier(CLASSIFIER, 3, 33, 8000)
    config = {"net": SEPARATOR if task == "separator" else CLASSIFIER, "supervision": "frame"}
    saved = {
        "task": task,
        "model": net.state_dict(),
        "config": config,
        "classes": ["a", "b", "c"],
        "feats": FEATS,
    }
    return {**saved, **changes}


def spoilt(state, value):
    """A checkpoint with one weight that is no number."""
    name, weights = next(iter(state["model"].items()))
    weights = weights.clone()
    weights.view(-1)[-1] = value
    return {**state, "model": {**state["model"], name: weights}}


def save(folder, state):
    folder.mkdir(exist_ok=True)
    torch.save(state, folder / "best.pt")
    return folder


def test_a_separator_from_its_folder_or_its_file(tmp_path):
    folder = save(tmp_path / "separator_x", checkpoint())
    for path in (folder, folder / "best.pt"):
        separator = load_separator(path)
        assert separator.classes == ("a", "b", "c")
        assert separator.sample_rate == 8000
        assert not separator.net.training
        assert separator.net(torch.rand(2, 9, 33)).shape == (2, 3, 9, 33)


def test_a_classifier_gives_probabilities(tmp_path):
    classifier = load_classifier(save(tmp_path / "c", checkpoint("classifier")))
    frames, clips = classifier.probabilities(torch.rand(2, 9, 33).numpy())
    assert classifier.time_pooling == 2
    assert frames.shape == (2, 5, 3) and clips.shape == (2, 3)
    assert 0 <= frames.min() and frames.max() <= 1 and 0 <= clips.min() and clips.max() <= 1


def test_spoilt_weights_of_classifiers_and_of_nmf(tmp_path):
    nmf = {"kind": "nmf", "units": 2}
    state = checkpoint(model=build_separator(nmf, 3, 33).state_dict(), config={"net": nmf})
    load_separator(save(tmp_path / "good", state))
    with pytest.raises(UserError, match="best.pt: NaN or infinite weights"):
        load_separator(save(tmp_path / "nmf", spoilt(state, np.nan)))
    with pytest.raises(UserError, match="best.pt: NaN or infinite weights"):
        load_classifier(save(tmp_path / "c", spoilt(checkpoint("classifier"), np.inf)))


def test_missing(tmp_path):
    with pytest.raises(UserError, match="no such checkpoint"):
        load_separator(tmp_path)


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_truncated(tmp_path, kept):
    folder = save(tmp_path / "s", checkpoint())
    whole = (folder / "best.pt").read_bytes()
    (folder / "best.pt").write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(UserError) as caught:
        load_separator(folder)
    assert "best.pt" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1, 2], "not a checkpoint"),
        ({"model": {}}, "without task, config, classes, feats"),
        (checkpoint(feats={"sample_rate": 8000}), "without feats.window_samples, feats.hop_samples"),
        (checkpoint("classifier"), "holds a classifier, expected a separator"),
        (
            checkpoint(classes=["a", "b"]),
            r"weights do not fit .*2 of 12 differ, first output.weight: \(66, 8\) and \(99, 8\)",
        ),
        (checkpoint(classes="abc"), "classes is no list"),
        (checkpoint(classes=["a", "a", "b"]), "doubled"),
        (checkpoint(classes=["a", "../b", "c"]), "classes is no list of class names"),
        (checkpoint(feats=3), "without feats.sample_rate"),
        (checkpoint(feats={**FEATS, "hop_samples": 0}), "feats: hop_samples: Input should be greater"),
        (checkpoint(feats={**FEATS, "window_samples": 10**9}), "feats: window_samples: Input should be less"),
        (checkpoint(feats={**FEATS, "sample_rate": "8000"}), "feats: sample_rate: Input should be a valid integer"),
        (checkpoint(model={"output.weight": 3}), "model holds no weights"),
        (checkpoint(model={}), "weights do not fit"),
        (spoilt(checkpoint(), np.nan), r"NaN or infinite weights \(in 1 tensors, first .*\); train again"),
        (spoilt(checkpoint(), -np.inf), "NaN or infinite weights"),
        (checkpoint(config=[1]), "config is no mapping"),
        # Sizes that would fill the memory are compared before they are made.
        (checkpoint(config={"net": {**SEPARATOR, "units": 8192, "layers": 64}}), "weights do not fit"),
        (
            checkpoint(config={"net": {**SEPARATOR, "units": 10**9}}),
            "does not describe a separator .units: Input should be",
        ),
        (checkpoint(config={}), "does not describe a separator"),
        (checkpoint(config={"net": {"kind": "transformer"}}), "does not describe a separator"),
    ],
)
def test_wrong_content_is_one_line(tmp_path, state, message):
    with pytest.raises(UserError, match=message) as caught:
        load_separator(save(tmp_path / "s", state))
    assert "\n" not in str(caught.value)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    with pytest.raises(UserError):
        load_separator(save(tmp_path / "s", {"model": Trap()}))
    assert not (tmp_path / "sprung").exists()
