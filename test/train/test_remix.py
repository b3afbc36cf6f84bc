"""Trainings on remixes: they learn, know no more than they may, go on where they stopped; and poorer labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from runs import assert_resumes, history, plan_of, stages

from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig, Knowledge
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.fileio.audio import write_audio
from weaksep.fileio.network import read_description, read_network
from weaksep.fileio.tables import write_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.losses.strong import strong_loss
from weaksep.nets.build import build_separator
from weaksep.train import loop
from weaksep.train.systems import system_variants

REMIX = {"classifier": None, "remix": {}, "augment": {"filter_db": 3.0, "speed": 0.05}}
WITH_CLASSIFIER = {"remix": {}, "classification": {}}


@pytest.fixture
def recipe(recipe: Path) -> Path:
    """The tiny recipe with systems that learn from remixes."""
    write_yaml("conf/remix.yaml", {"base": "clip.yaml", **REMIX})
    write_yaml("conf/remix_frame.yaml", {"base": "frame.yaml", **REMIX})
    write_yaml("conf/strong_remix.yaml", {"base": "strong.yaml", **REMIX})
    write_yaml("conf/remix_semi.yaml", {"base": "remix_frame.yaml", "strong_share": 0.1, "strong_repeats": 2})
    write_yaml("conf/classifier_remix.yaml", {"base": "classifier_clip.yaml", "remix": {"p_separated": 0.5}})
    classified = {"base": "clip.yaml", "classifier": "remix", "remix": {}, "augment": {}, "loss": WITH_CLASSIFIER}
    write_yaml("conf/remix_classified.yaml", classified)
    write_yaml("conf/remix_residual.yaml", {"base": "remix.yaml", "net": {"residual": True}})
    return recipe


def strong_loss_of(system: str) -> tuple[float, float]:
    """The strong loss over the validation set, of a system and of masks that share every bin evenly."""
    (batch,) = TrainingSet(Path("data/valid"), Path("dump/valid"), Knowledge(supervision="strong")).batch(range(10))
    assert batch.sources is not None
    description, state = read_network(f"exp/separator_{system}")
    net = build_separator(description.config["net"], 3, 65).eval()
    net.load_state_dict(state)
    with torch.inference_mode():
        masks = net(batch.magnitude)
    assert masks.shape[1] == 3 + (system == "remix_residual")
    even = torch.full_like(masks, 1 / 3)
    return tuple(strong_loss(batch.magnitude, own, batch.sources).item() for own in (masks, even))  # type: ignore


@pytest.mark.parametrize(
    "system", ["remix", "remix_frame", "strong_remix", "remix_semi", "remix_classified", "remix_residual"]
)
def test_each_learns_what_no_label_says(recipe: Path, system: str) -> None:
    stages("optim.max_epochs=4", systems=system)
    found, even = strong_loss_of(system)
    assert found < 0.6 * even
    parts = history(f"exp/separator_{system}")[-1]["train"]
    assert ("remix" in parts) == (system != "strong_remix")
    assert ("classification" in parts) == (system == "remix_classified")


def test_weak_labels_are_all_that_is_read(recipe: Path) -> None:
    for path in [*Path().glob("d*/*/src_*.scp"), *Path("data").glob("*/events.tsv")]:
        path.unlink()
    stages("optim.max_epochs=1", systems="remix")
    assert Path("exp/separator_remix/model.json").exists()


@pytest.mark.parametrize("system", ["remix", "strong_remix"])
def test_a_run_that_stopped_within_an_epoch_ends_with_the_same_weights(recipe: Path, system: str, monkeypatch) -> None:
    assert_resumes(monkeypatch, system)


def test_every_epoch_has_remixes_of_its_own_and_validation_always_the_same(recipe: Path) -> None:
    stages("optim.learning_rate=1e-30", systems="remix")
    rows = history("exp/separator_remix")
    assert len({row["train"]["loss"] for row in rows}) == len(rows) == 3
    assert rows[0]["valid"]["loss"] == pytest.approx(rows[2]["valid"]["loss"], rel=1e-5)


@pytest.mark.parametrize(("keep", "epochs", "used"), [("best", 4, 2), ("last", 5, 5)])
def test_whose_weights_are_kept(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, keep: str, epochs: int, used: int
) -> None:
    losses = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    monkeypatch.setattr(loop, "validation_loss", lambda *_: {"loss": next(losses)})
    stages("optim.max_epochs=5", "optim.patience=2", f"optim.keep={keep}", systems="remix")
    assert len(history("exp/separator_remix")) == epochs  # the last is kept: no patience
    assert read_description("exp/separator_remix").epoch == used


def test_unlabelled_clips_are_a_part_of_the_training(recipe: Path) -> None:
    known = {"unlabelled": "street", "remix": {"p_unlabelled": 0.5}}
    write_yaml("conf/remix_street.yaml", {"base": "remix_residual.yaml", **known})
    write_yaml("conf/strong_street.yaml", {"base": "remix_street.yaml", "supervision": "strong"})
    write_yaml("conf/classifier_street.yaml", {"base": "classifier_clip.yaml", **known})
    classified = {"loss": {"remix": {}, "classification": {"active_sources_only": True}}, "classifier": "street"}
    write_yaml("conf/heard_street.yaml", {"base": "remix_street.yaml", **classified})
    assert system_variants("conf", ["remix_street"]) == ["street"]
    with pytest.raises(UserError, match="separator_remix_street: no dump/train_street/feats.yaml; run stage 2 first"):
        stages(systems="remix_street")
    rng = np.random.default_rng(0)
    for name in ("train_street", "valid_street"):
        folder = Path("data") / name
        for number in range(4):
            write_audio(folder / f"street-{number}.wav", 0.05 * rng.standard_normal(4000), 8000)
        (folder / "labels.txt").write_text(Path("data/train/labels.txt").read_text())
        write_table(folder / "wav.scp", {f"street-{number}": f"street-{number}.wav" for number in range(4)})
        write_table(folder / "utt2labels", {f"street-{number}": "-" for number in range(4)})
        extract(folder, Path("dump") / name, FeatsConfig(window_samples=128, hop_samples=64), nj=1)
    stages("optim.max_epochs=1", systems="remix_street strong_street heard_street")
    parts = [history(f"exp/separator_{name}_street")[0]["train"] for name in ("remix", "strong", "heard")]
    assert ["remix" in own for own in parts] == [True, False, True] and "classification" in parts[2]
    assert plan_of("remix_street", "optim.max_epochs=1").up_to_date()
    (Path("dump/train_street/cmvn.ark")).write_bytes(b"other")
    assert not plan_of("remix_street", "optim.max_epochs=1").up_to_date(), "other unlabelled clips"


def test_fewer_clips_and_careless_labels(recipe: Path) -> None:
    stages("optim.max_epochs=1", "optim.epoch_steps=4", "wrong_labels=0.3", "train_clips=16", systems="remix")
    assert history("exp/separator_remix")[0]["step"] == 4
