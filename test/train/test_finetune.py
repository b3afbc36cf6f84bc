"""A training that begins with another one's weights: what it takes over, what it refuses, what it freezes and when."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import pytest
import torch
from runs import plan_of, same, stages, stop, weights

from weaksep.bin import pack, train
from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio import models
from weaksep.fileio.network import Features, network_hash, read_network, write_network
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.infer.model import save_untrained
from weaksep.jobs.interrupt import Interrupted
from weaksep.nets.build import build_separator
from weaksep.nets.separator import MaskSeparator
from weaksep.train.config import SeparatorTraining
from weaksep.train.finetune import take_over
from weaksep.train.run import dry_run, make_objective, run_training
from weaksep.train.sets import training_sets

STRONG = Path("exp/separator_strong")
NET = {"kind": "unet", "units": 6, "layers": 1, "channels": [4, 6]}
FEATURES = Features(sample_rate=8000, window_samples=256, hop_samples=128)
STEPS = 5  # of an epoch


def as_other(classes: str, place: str = "before") -> Path:
    """The trained strong system under other names of its classes."""
    description, state = read_network(STRONG)
    write_network(place, description.model_copy(update={"classes": classes.split()}), state)
    return Path(place)


def new_net(n_classes: int, seed: int, **more: object) -> MaskSeparator:
    torch.manual_seed(seed)
    net = build_separator({**NET, **more}, n_classes, 129)
    assert isinstance(net, MaskSeparator)
    return net


@pytest.mark.parametrize("residual", [False, True])
def test_outputs_are_taken_over_by_their_names(tmp_path: Path, residual: bool, caplog) -> None:
    settings = {**NET, "residual": True}
    save_untrained(tmp_path, ["dog", "horn", "siren"], 8000, settings)
    old, new = read_network(tmp_path)[1], new_net(3, 1, residual=residual)
    with torch.no_grad():
        new.frontend.set_statistics(torch.rand(129), torch.rand(129) + 1)
    fresh = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    caplog.set_level(logging.INFO)
    own = {**settings, "residual": residual}
    take_over(new, tmp_path, own, ["siren", "cat", "dog"], FEATURES, "x.yaml")
    found = new.state_dict()
    assert all(torch.equal(found[name], old[name]) for name in found if not name.startswith("output."))
    for name, axis in (("output.weight", 1), ("output.bias", 0)):
        outputs = [tensor.unbind(axis) for tensor in (found[name], old[name], fresh[name])]
        wanted = [outputs[1][2], outputs[2][1], outputs[1][0], *([outputs[1][3]] if residual else [])]
        assert all(map(torch.equal, outputs[0], wanted)) and len(outputs[0]) == len(wanted)
    kept = "siren, dog, residual" if residual else "siren, dog"
    assert f"outputs taken over: {kept}; new: cat" in caplog.text


def test_a_model_of_the_same_classes_is_the_same_net(recipe: Path) -> None:
    stages(systems="strong clip")
    plan = plan_of("strong", f"init={STRONG}")
    assert same(make_objective(plan, training_sets(plan)[0]).net.state_dict(), weights(STRONG))
    classifier = plan_of("clip", "init=exp/classifier_clip", task="classifier")
    assert same(
        make_objective(classifier, training_sets(classifier)[0]).net.state_dict(), weights("exp/classifier_clip")
    )


@pytest.mark.parametrize(
    ("features", "net", "said"),
    [
        ({"sample_rate": 16000}, {}, "sample_rate=16000, and those here .*sample_rate=8000;"),
        ({"hop_samples": 64}, {}, "hop_samples=64 .*and those here .*hop_samples=128 "),
        ({}, {"units": 8}, r"another net \(units: 8 -> 6\); give net"),
        ({}, {"channels": [4, 6, 8]}, r"another net \(channels: \[4, 6, 8\] -> \[4, 6\]\)"),
        ({}, {"kind": "tcn", "channels": None}, r'kind: "tcn" -> "unet"'),
    ],
)
def test_another_net_and_other_features_are_refused(tmp_path: Path, features: dict, net: dict, said: str) -> None:
    settings = {key: value for key, value in {**NET, **net}.items() if value is not None}
    save_untrained(tmp_path, ["dog", "horn"], 8000, settings)
    description, state = read_network(tmp_path)
    own = description.features.model_copy(update=features)
    write_network(tmp_path, description.model_copy(update={"features": own}), state)
    with pytest.raises(UserError, match=rf"x\.yaml: init: .*{tmp_path} .*{said}"):
        take_over(new_net(2, 0), tmp_path, NET, ["dog", "horn"], FEATURES, "x.yaml")


def test_weights_that_are_not_of_their_own_classes_are_refused(tmp_path: Path) -> None:
    save_untrained(tmp_path, ["dog", "horn"], 8000, NET)
    description, state = read_network(tmp_path)
    write_network(tmp_path, description.model_copy(update={"classes": ["dog", "horn", "cat"]}), state)
    with pytest.raises(UserError, match="do not fit its settings"):
        take_over(new_net(2, 0), tmp_path, NET, ["dog", "horn"], FEATURES, "x.yaml")


def test_a_classifier_is_no_separator(recipe: Path) -> None:
    stages(systems="clip")
    with pytest.raises(UserError, match="describes a classifier, expected a separator"):
        dry_run(plan_of("strong", "init=exp/classifier_clip"), "cpu")
    with pytest.raises(UserError, match="nowhere: no such model"):
        train.main(["--task", "separator", "--systems", "strong", "--init", "nowhere"])


def test_nmf_begins_with_nothing() -> None:
    with pytest.raises(ValueError, match="learns its dictionaries in one go"):
        SeparatorTraining(supervision="strong", net={"kind": "nmf"}, init="exp/separator_nmf")


UNET = ("net={kind: unet, units: 6, layers: 1, channels: [4, 6]}", "optim.max_epochs=2")


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_all_but_the_outputs_is_frozen_for_so_many_steps(recipe: Path, share: float, monkeypatch) -> None:
    run_training(plan_of("strong", *UNET), "cpu")
    plan = plan_of("strong", *UNET, f"init={as_other('low wind high')}", f"init_frozen={share}", expdir="tuned")
    before = weights("before")
    frozen = int(share * 2 * STEPS)
    if frozen:
        stop(monkeypatch, plan, min(frozen, STEPS), Interrupted(15))
        held = torch.load(plan.exp / "checkpoint.pt", weights_only=True)["objective"]
        for name, tensor in before.items():
            changed = not torch.equal(held[f"net.{name}"], tensor)
            assert changed == name.startswith("output."), name
    if frozen < 2 * STEPS:
        run_training(plan, "cpu")
        after = weights(plan.exp)
        constant = {name for name, tensor in before.items() if torch.equal(after[name], tensor)}
        assert constant == {"frontend.mean", "frontend.std"}


def test_a_run_that_is_stopped_while_frozen_ends_the_same(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages(systems="strong")
    as_other("high low wind")
    more = ("init=before", "init_frozen=0.45", "optim.weight_decay=0.01", "net.dropout=0.0")
    whole, parts = (plan_of("strong", *more, expdir=name) for name in ("whole", "parts"))
    run_training(whole, "cpu")
    for call in (3, 4, 9):  # steps 3 and 7 are frozen, step 8 no more; after the first epoch come 2 batches
        stop(monkeypatch, parts, call, Interrupted(15))
    run_training(parts, "cpu")
    assert same(weights(whole.exp), weights(parts.exp))


def test_a_joint_classifier_begins_with_its_own(recipe: Path) -> None:
    stages(systems="frame", options=["--expdir", "first"])
    before = read_yaml("conf/classifier_frame.yaml")
    write_yaml("conf/classifier_frame.yaml", {**before, "init": "first/classifier_frame", "init_frozen": 1.0})
    run_training(plan_of("frame_joint"), "cpu")
    own, old = weights("exp/separator_frame_joint/classifier"), weights("first/classifier_frame")
    assert {name for name in own if not torch.equal(own[name], old[name])} == {"head.weight", "head.bias"}
    assert read_yaml("exp/separator_frame_joint/config.yaml")["classifier_training"]["init_from"]["name"] == "frame"


def test_another_model_is_another_training(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    stages(systems="strong")
    as_other("low wind high")
    options = ["--expdir", "tuned", "--init"]
    stages(systems="strong", options=[*options, "before"])
    found = read_yaml("tuned/separator_strong/config.yaml")
    assert found["init"] == "before"
    assert found["init_from"] == {"name": "strong", "model": network_hash("before"), "classes": ["low", "wind", "high"]}
    caplog.set_level("INFO")
    as_other("low wind high", "moved")
    stages(systems="strong", options=[*options, "moved"])
    assert "separator_strong: up to date" in caplog.text
    as_other("wind low high", "moved")
    stages(systems="strong", options=[*options, "moved"])
    assert "config.init:" in caplog.text and Path("tuned/separator_strong/earlier/1").is_dir()


def test_a_name_is_what_it_stands_for(recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    stages(systems="strong")
    as_other("low wind high", "models/esc10")
    monkeypatch.setattr(models, "MODELS", Path("models").absolute())
    caplog.set_level("INFO")
    tuned = ["--expdir", "tuned", "--init"]
    stages(systems="strong", options=[*tuned, "esc10"])
    assert "begins with esc10: outputs taken over: low, high; new: middle" in caplog.text
    found = read_yaml("tuned/separator_strong/config.yaml")
    assert found["init"] == "esc10" and found["init_from"]["model"] == network_hash("models/esc10")
    stages(systems="strong", options=[*tuned, "esc10"])
    assert "separator_strong: up to date" in caplog.text and "is gone" not in caplog.text
    stages(systems="strong", options=[*tuned, "models/esc10"])
    as_other("wind low high", "models/esc10")
    stages(systems="strong", options=[*tuned, "esc10"])
    assert "config.init:" in caplog.text and Path("tuned/separator_strong/earlier/1").is_dir()


def test_a_packed_model_is_what_it_was_packed_of(recipe: Path) -> None:
    stages(systems="strong")
    pack.main([str(STRONG), "model.zip"])
    assert network_hash("model.zip") == network_hash(STRONG)
    stages(systems="strong", options=["--expdir", "tuned", "--init", "model.zip"])
    pack.main(["tuned/separator_strong", "tuned.zip"])
    card = zipfile.ZipFile("tuned.zip").read("README.md").decode()
    assert f"fine-tuned from: strong, model {network_hash(STRONG)}" in card
    assert "trained from: strong (fine-tuned)" in card


def test_a_finished_training_does_not_need_the_model_it_began_with(
    recipe: Path, caplog, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")  # the name is one that a model on the hub could have
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    stages(systems="strong", options=["--expdir", "first"])
    init = ["--init", "first/separator_strong"]
    stages(systems="strong", options=init)
    done = weights(STRONG)
    Path("first").rename("gone")
    caplog.set_level("INFO")
    stages(systems="strong", options=init)
    assert "separator_strong: up to date; first/separator_strong is gone and not needed" in caplog.text
    error = "weaksep train: error: conf/strong.yaml: init: first/separator_strong: no such model here, nor"
    assert (
        run_command(train.main, ["--task", "separator", "--systems", "strong", "--init", "frist/separator_strong"]) == 1
    )
    assert "frist/separator_strong: no such model" in capsys.readouterr().err  # a slip is no model that is gone
    for more in (["--force", "true"], ["--set", "optim.max_epochs=9"], ["--expdir", "gone"], ["--expdir", "new"]):
        assert run_command(train.main, ["--task", "separator", "--systems", "strong", *init, *more]) == 1
        (said,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
        assert said.startswith(error)
    assert same(weights(STRONG), done) and not Path("exp/separator_strong/earlier").exists()


def test_nor_does_a_finished_joint_training(recipe: Path, caplog) -> None:
    stages(systems="frame", options=["--expdir", "first"])
    write_yaml(
        "conf/classifier_frame.yaml", {**read_yaml("conf/classifier_frame.yaml"), "init": "first/classifier_frame"}
    )
    stages(systems="frame_joint")
    Path("first").rename("gone")
    caplog.set_level("INFO")
    stages(systems="frame_joint")
    assert "separator_frame_joint: up to date" in caplog.text
