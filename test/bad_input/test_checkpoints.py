"""Checkpoints that are damaged, of something else, or a trap; separating and scoring read them."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

SEPARATOR = Path("exp/separator_strong/best.pt")
CLASSIFIER = Path("exp/classifier_frame/best.pt")
UNREADABLE = "best.pt: (cannot be read as a checkpoint .*|refused: .*); restore it or train again"
SEPARATE = ("separate", "--oracles", "false")


class Trap:
    """Code in a pickle: opening it makes a folder."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def change(**parts: Any) -> Callable[[Path], object]:
    """Some parts replaced."""

    def spoil(path: Path) -> None:
        torch.save({**torch.load(path, weights_only=True), **parts}, path)

    return spoil


def plain_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "not a checkpoint")


def one_bit(path: Path) -> None:
    """One weight with another exponent, as a bad disk does it."""
    content = bytearray(path.read_bytes())
    weights = torch.load(path, weights_only=True)["model"]["output.weight"].numpy().tobytes()
    content[content.index(weights) + 3] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["model"]["output.weight"].isfinite().all()


def diverged(path: Path) -> None:
    saved = torch.load(path, weights_only=True)
    for weights in saved["model"].values():
        weights.fill_(float("nan"))
    torch.save(saved, path)


FEATS = {"sample_rate": 8000, "window_samples": 128, "hop_samples": 64}
NET = {"layers": 1, "units": 4}

BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: os.truncate(p, p.stat().st_size // 2), UNREADABLE),
    "empty": (lambda p: os.truncate(p, 0), UNREADABLE),
    "text": (lambda p: p.write_text("weights\n"), UNREADABLE),
    "a plain zip": (plain_zip, UNREADABLE),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "no best.pt; did you mean|train it first .stage 4|nothing to do"),
    "code": (lambda p: torch.save({"model": Trap()}, p), "best.pt: refused: it is damaged or holds more than tensors"),
    "code in a plain pickle": (
        lambda p: p.write_bytes(pickle.dumps(Trap())),
        "best.pt: refused: damaged, or no checkpoint",
    ),
    "a list": (lambda p: torch.save([1, 2], p), r"best.pt: not a checkpoint of weaksep \(a list\)"),
    "another program's": (lambda p: torch.save({"state_dict": {}}, p), "not a weaksep checkpoint .without task, model"),
    "a classifier": (
        lambda p: p.write_bytes(CLASSIFIER.read_bytes()),
        "best.pt: holds a classifier, expected a separator",
    ),
    "other classes": (
        change(classes=["siren", "dog_bark"]),
        "trained for classes siren dog_bark, but data/test/labels.txt",
    ),
    "more classes": (
        change(classes=["a", "b", "c"]),
        "weights do not fit .*first output.weight: .195, 8. and .130, 8.",
    ),
    "a class of another folder": (
        change(classes=["../a", "b"]),
        "classes is no list of class names; train again|classes is",
    ),
    "another rate": (change(feats={**FEATS, "sample_rate": 16000}), "trained at 16000 Hz, data/test is at 8000 Hz"),
    "another window": (change(feats={**FEATS, "window_samples": 256}), "weights do not fit the net of its own config"),
    "a huge window": (change(feats={**FEATS, "window_samples": 10**12}), "feats: window_samples: .*less than or equal"),
    "a huge net": (
        change(config={"net": {**NET, "units": 8192, "layers": 64}}),
        "weights do not fit the net of its own con",
    ),
    "no net": (change(config={}), "its config does not describe a separator .KeyError"),
    "weights that are numbers": (
        change(model={"output.weight": 3.0}),
        "not a weaksep checkpoint .model holds no weights",
    ),
    "no weights": (change(model={}), "weights do not fit the net of its own config .*; train again"),
    "a bit of a weight": (
        one_bit,
        r"best.pt: damaged \(.*/data/\d+ does not fit its check sum\); restore it or train ag",
    ),
    "weights without a value": (diverged, "output for .* is not finite; the training has diverged"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_separators(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD[name]
    spoil(SEPARATOR)
    refused(*SEPARATE, match=message)
    assert not Path("sprung").exists()


CLASSIFIERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: os.truncate(p, 1000), UNREADABLE),
    "code": (lambda p: p.write_bytes(pickle.dumps(Trap())), "exp/classifier_frame/best.pt: refused"),
    "a separator": (
        lambda p: p.write_bytes(SEPARATOR.read_bytes()),
        "best.pt: holds a separator, expected a classifier",
    ),
    "other classes": (
        change(classes=["siren", "dog_bark"]),
        "cannot be scored: classes siren dog_bark, but data/test/lab",
    ),
    "other features": (
        change(feats={**FEATS, "hop_samples": 32}),
        "cannot be scored: hop_samples 32, but dump/test has 64",
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_bad_classifiers(recipe: Path, refused, name: str) -> None:
    spoil, message = CLASSIFIERS[name]
    spoil(CLASSIFIER)
    # One that is whole but not of these features is no reason not to judge the separated files by it.
    refused("score", match=message, others=r"/scores/test/sources\.stamp\.json$" if name == "other features" else "$^")
    assert not Path("sprung").exists()


ASSESSORS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a separator": (lambda p: p.write_bytes(SEPARATOR.read_bytes()), "not a classifier of weaksep; rerun stage 3"),
    "other classes": (change(classes=["siren", "dog_bark"]), "trained for other classes or features than data/train"),
    "no weights": (change(model={}), "not a whole classifier .RuntimeError: .*; rerun stage 3"),
    "no classes": (
        lambda p: torch.save({"task": "classifier"}, p),
        "not a whole classifier .KeyError: 'classes'.; rerun",
    ),
    "a huge net": (
        change(config={"net": {"units": 10**9}}),
        "not a whole classifier .ValidationError: .*; rerun stage 3",
    ),
}


@pytest.mark.parametrize("name", ASSESSORS)
def test_weak_trainings_with_a_bad_classifier(recipe: Path, refused, name: str) -> None:
    spoil, message = ASSESSORS[name]
    spoil(CLASSIFIER)
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "frame")
    refused(*train, match=f"classifier_frame/best.pt: {message}")


def other_sizes(value: Any) -> Any:
    """A state whose matrices have a row more."""
    if isinstance(value, torch.Tensor) and value.dim() == 2:
        return torch.zeros(value.shape[0] + 1, value.shape[1])
    return {key: other_sizes(part) for key, part in value.items()} if isinstance(value, dict) else value


UNFINISHED: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (lambda p: os.truncate(p, p.stat().st_size // 2), "checkpoint.pt: refused: damaged"),
    "empty": (lambda p: os.truncate(p, 0), "checkpoint.pt: refused: damaged"),
    "code": (lambda p: torch.save({"objective": Trap()}, p), "checkpoint.pt: refused"),
    "nothing in it": (lambda p: torch.save({}, p), "checkpoint.pt: does not fit this network"),
    "a classifier": (lambda p: p.write_bytes(CLASSIFIER.read_bytes()), "checkpoint.pt: does not fit this network"),
    "other sizes": (lambda p: torch.save(other_sizes(torch.load(p)), p), "checkpoint.pt: does not fit this network"),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_trainings_that_cannot_be_gone_on_with(recipe: Path, accepted, refused, name: str) -> None:
    spoil, message = UNFINISHED[name]
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "strong", "--tag", "b")
    accepted(*train, "--set", "optim.max_epochs=1")
    exp = Path("exp/separator_strong+b")
    for path in (*exp.glob("checkpoint.prev.pt"), *exp.glob("*stamp.json")):
        path.unlink()
    spoil(exp / "checkpoint.pt")
    best = (exp / "best.pt").read_bytes()
    refused(*train, "--set", "optim.max_epochs=1", match=f"{message}.*begin again with --resume false")
    assert (exp / "best.pt").read_bytes() == best and not Path("sprung").exists()


def test_damage_anywhere_is_one_line(recipe: Path, refused) -> None:
    """Thirty bytes changed at random, as a bad disk does it."""
    random = np.random.default_rng(0)
    whole = SEPARATOR.read_bytes()
    for _ in range(20):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 30):
            content[place] ^= int(random.integers(1, 256))
        SEPARATOR.write_bytes(content)
        refused(*SEPARATE, match="^exp/separator_strong/best.pt: (damaged|refused|cannot be read|weights do not fit)")
