"""Networks and checkpoints that are damaged, of something else, or a trap; every stage from 3 to 6 reads them.

What is wrong inside the network file alone is tested in test/fileio/test_network.py.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from weaksep.bin.main import main
from weaksep.fileio.network import read_description, write_network
from weaksep.jobs.interrupt import Interrupted

SEPARATOR = Path("exp/separator_strong")
CLASSIFIER = Path("exp/classifier_frame")
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
DAMAGED = r"model.safetensors: damaged \(.*\); restore it or train again$"
INFER = ("infer", "--oracles", "false")
Spoil = Callable[[Path], object]


class Trap:
    """Code in a pickle: opening it makes a folder."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


def weights(spoil: Spoil) -> Spoil:
    """The file of the weights spoilt."""
    return lambda folder: spoil(folder / WEIGHTS)


def change(**parts: Any) -> Spoil:
    """Some parts of the description replaced."""

    def spoil(folder: Path) -> None:
        path = folder / DESCRIPTION
        path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))

    return spoil


def other_weights(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Spoil:
    """A whole file of other weights."""
    return lambda folder: write_network(folder, read_description(folder), change(load_file(folder / WEIGHTS)))


def copy_of(other: Path) -> Spoil:
    def spoil(folder: Path) -> None:
        for name in (WEIGHTS, DESCRIPTION):
            shutil.copy(other / name, folder / name)

    return spoil


def one_bit(path: Path) -> None:
    """One weight with another exponent, as a bad disk does it."""
    content = bytearray(path.read_bytes())
    content[content.index(load_file(path)["output.weight"].numpy().tobytes()) + 3] ^= 1
    path.write_bytes(content)
    assert load_file(path)["output.weight"].isfinite().all()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FEATURES = {"sample_rate": 8000, "window_samples": 128, "hop_samples": 64}
NET = {"layers": 1, "units": 4}
NAN = float("nan")

BAD: dict[str, tuple[Spoil, str]] = {
    "truncated": (weights(lambda p: os.truncate(p, p.stat().st_size // 2)), DAMAGED),
    "empty": (weights(lambda p: os.truncate(p, 0)), DAMAGED),
    "text": (weights(lambda p: p.write_text("weights\n")), DAMAGED),
    "code": (weights(lambda p: p.write_bytes(pickle.dumps(Trap()))), DAMAGED),
    "code in a checkpoint": (weights(lambda p: torch.save({"model": Trap()}, p)), DAMAGED),
    "a folder": (weights(a_folder), "model.safetensors: cannot be read .not a regular file."),
    "no file": (weights(Path.unlink), "model.safetensors: no such file .train first: stages 3 and 4"),
    "a bit of a weight": (weights(one_bit), DAMAGED),
    "no description": (lambda f: (f / DESCRIPTION).unlink(), "no trained separator_. and --oracles false: nothing to"),
    "half a description": (lambda f: os.truncate(f / DESCRIPTION, 50), "model.json: not JSON .*; train again"),
    "another program's": (lambda f: (f / DESCRIPTION).write_text("{}"), "model.json: does not describe a network of w"),
    "a classifier": (copy_of(CLASSIFIER), "model.json: describes a classifier, expected a separator"),
    "other classes": (
        change(classes=["siren", "dog_bark"]),
        "trained for classes siren dog_bark, but data/test/labels.txt",
    ),
    "more classes": (
        change(classes=["a", "b", "c"]),
        "weights do not fit .*first output.weight: .195, 8. and .130, 8.",
    ),
    "a class of another folder": (change(classes=["../a", "b"]), "model.json: .* classes: '../a': holds a slash"),
    "another rate": (change(features={**FEATURES, "sample_rate": 16000}), "trained at 16000 Hz, data/test is at 8000"),
    "another window": (change(features={**FEATURES, "window_samples": 256}), "weights do not fit the net of its own c"),
    "a huge window": (
        change(features={**FEATURES, "window_samples": 10**12}),
        "features.window_samples: .*less than or equal",
    ),
    "a huge net": (
        change(config={"net": {**NET, "units": 8192, "layers": 64}}),
        "weights do not fit the net of its own con|net.layers: |config does not describe a separator .*layers",
    ),
    "another net": (change(config={}), "weights do not fit the net of its own config"),
    "a net that there is not": (
        change(config={"net": {"kind": "magic"}}),
        "its config does not describe a separator .ValueError: kind: no net 'magic'",
    ),
    "no weights": (other_weights(lambda _: {}), "weights do not fit the net of its own config .*; train again"),
    "weights without a value": (
        other_weights(lambda all_: {name: torch.full_like(w, NAN) for name, w in all_.items()}),
        "model.safetensors: .* holds NaN or infinity; restore it or train again",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_separators(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD[name]
    spoil(SEPARATOR)
    refused(*INFER, match=message)
    assert not Path("sprung").exists()


CLASSIFIERS: dict[str, tuple[Spoil, str]] = {
    "truncated": (weights(lambda p: os.truncate(p, 1000)), DAMAGED),
    "code": (weights(lambda p: p.write_bytes(pickle.dumps(Trap()))), f"exp/classifier_frame/{DAMAGED}"),
    "a separator": (copy_of(SEPARATOR), "model.json: describes a separator, expected a classifier"),
    "other classes": (
        change(classes=["siren", "dog_bark"]),
        "cannot be scored: classes siren dog_bark, but data/test/lab",
    ),
    "other features": (
        change(features={**FEATURES, "hop_samples": 32}),
        "cannot be scored: hop_samples 32, but dump/test has 64",
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_bad_classifiers(recipe: Path, refused, name: str) -> None:
    spoil, message = CLASSIFIERS[name]
    spoil(CLASSIFIER)
    # One that is whole but not of these features is no reason not to evaluate the separated files with it.
    refused("score", match=message, others=r"/scores/test/sources\.stamp\.json$" if name == "other features" else "$^")
    assert not Path("sprung").exists()


FROZEN: dict[str, tuple[Spoil, str]] = {
    "a separator": (copy_of(SEPARATOR), "/model.json: describes a separator, expected a classifier"),
    "other classes": (change(classes=["siren", "dog_bark"]), ": trained for other classes or features than data/train"),
    "no weights": (other_weights(lambda _: {}), ": weights do not fit the net of its own config .*; rerun stage 3"),
    "no net": (change(config={}), ": weights do not fit the net of its own config .*; rerun stage 3"),
    "a huge net": (
        change(config={"net": {"units": 10**9}}),
        ": its config does not describe a classifier .units: .*; rerun stage 3",
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_weak_trainings_with_a_bad_classifier(recipe: Path, refused, name: str) -> None:
    spoil, message = FROZEN[name]
    spoil(CLASSIFIER)
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "frame")
    refused(*train, match=f"classifier_frame{message}")


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
    "a network file": (lambda p: shutil.copy(CLASSIFIER / WEIGHTS, p), "checkpoint.pt: refused: damaged"),
    "other sizes": (lambda p: torch.save(other_sizes(torch.load(p)), p), "checkpoint.pt: does not fit this network"),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_trainings_that_cannot_be_gone_on_with(
    recipe: Path, refused, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, message = UNFINISHED[name]
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "strong", "--tag", "b")

    def stopped(*_: object) -> None:
        raise Interrupted(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr("weaksep.fileio.stamp.Step.finish", stopped)
        assert main([*train, "--set", "optim.max_epochs=1"]) == 143
    exp = Path("exp/separator_strong+b")
    (exp / "checkpoint.prev.pt").unlink(missing_ok=True)
    spoil(exp / "checkpoint.pt")
    weights = (exp / WEIGHTS).read_bytes()
    refused(*train, "--set", "optim.max_epochs=1", match=f"{message}.*begin again with --resume false")
    assert (exp / WEIGHTS).read_bytes() == weights and not Path("sprung").exists()


def test_damage_anywhere_is_one_line(recipe: Path, refused) -> None:
    """Thirty bytes changed at random, as a bad disk does it."""
    random = np.random.default_rng(0)
    path = SEPARATOR / WEIGHTS
    whole = path.read_bytes()
    for _ in range(20):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 30):
            content[place] ^= int(random.integers(1, 256))
        path.write_bytes(content)
        refused(*INFER, match=f"^{SEPARATOR}/{DAMAGED}")
