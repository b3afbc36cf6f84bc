"""Trainings on sums of clips: they learn, know no more than they may, go on where they stopped; and poorer labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.feats.dataset import LabelledSet
from weaksep.feats.labels import noisy_tags
from weaksep.feats.mixed import Knowledge, open_training_set
from weaksep.feats.remix_config import RemixConfig
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.infer.model import load_separator
from weaksep.infer.separate import separate_waveform
from weaksep.losses.strong import strong_loss
from weaksep.report.facts import training_facts
from weaksep.seeding import generator
from weaksep.train import loop
from weaksep.train.config import ClassifierTraining, LossConfig, SeparatorTraining

REMIX = {"shift": True, "filter_db": 3.0, "speed": 0.05}
ALONE = {"loss": {"classification_weight": 0}, "classifier": None, "remix": REMIX}


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny recipe with systems that learn from sums."""
    folder = tmp_path / "recipe"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    write_yaml("conf/remix.yaml", {"base": "clip.yaml", **ALONE})
    write_yaml("conf/remix_frame.yaml", {"base": "frame.yaml", **ALONE})
    write_yaml("conf/strong_remix.yaml", {"base": "strong.yaml", "remix": REMIX})
    write_yaml("conf/remix_semi.yaml", {"base": "remix_frame.yaml", "strong_share": 0.1, "strong_repeats": 2})
    write_yaml("conf/classifier_sums.yaml", {"base": "classifier_clip.yaml", "remix": {"separated": 0.5}})
    write_yaml("conf/remix_judged.yaml", {"base": "clip.yaml", "classifier": "sums", "remix": {}})
    write_yaml("conf/remix_residual.yaml", {"base": "remix.yaml", "net": {"residual": True}})
    return folder


def stages(*arguments: str, systems: str) -> None:
    for task in ("classifier", "separator"):
        train.main(["--task", task, "--systems", systems, *arguments])


def strong_loss_of(system: str) -> tuple[float, float]:
    """The strong loss over the validation set, of a system and of masks that share every bin evenly."""
    batch = LabelledSet("data/valid", "dump/valid", "strong").batch(range(10))
    assert batch.sources is not None
    magnitude, sources = torch.from_numpy(batch.magnitude), torch.from_numpy(batch.sources)
    with torch.inference_mode():
        masks = load_separator(f"exp/separator_{system}").net(magnitude)[:, :3]
    even = torch.full_like(masks, 1 / 3)
    return strong_loss(magnitude, masks, sources).item(), strong_loss(magnitude, even, sources).item()


@pytest.mark.parametrize(
    "system", ["remix", "remix_frame", "strong_remix", "remix_semi", "remix_judged", "remix_residual"]
)
def test_each_learns_what_no_label_says(recipe: Path, system: str) -> None:
    stages("--set", "optim.max_epochs=4", systems=system)
    found, even = strong_loss_of(system)
    assert found < 0.6 * even
    parts = json.loads(Path(f"exp/separator_{system}/history.jsonl").read_text().splitlines()[-1])["train"]
    assert ("remix" in parts) == (system != "strong_remix")
    assert ("sources" in parts) == (system == "remix_judged")


def test_a_residual_output_is_no_class(recipe: Path) -> None:
    stages("--set", "optim.max_epochs=1", systems="remix_residual")
    separator = load_separator("exp/separator_remix_residual")
    assert separator.net(torch.rand(1, 9, 65)).shape == (1, 4, 9, 65)
    assert separate_waveform(separator, torch.randn(2, 800)).shape == (2, 4, 800)


def test_weak_labels_are_all_that_is_read(recipe: Path) -> None:
    for path in [*Path().glob("d*/*/src_*.scp"), *Path("data").glob("*/events.tsv")]:
        path.unlink()
    stages("--set", "optim.max_epochs=1", systems="remix")
    assert Path("exp/separator_remix/best.pt").exists()


@pytest.mark.parametrize("system", ["remix", "strong_remix"])
def test_a_run_that_stopped_within_an_epoch_ends_with_the_same_weights(
    recipe: Path, system: str, stopped_and_resumed: Callable[[str], None]
) -> None:
    stopped_and_resumed(system)


def test_every_epoch_has_sums_of_its_own_and_validation_always_the_same(recipe: Path) -> None:
    clips = open_training_set(Path("data/train"), Path("dump/train"), Knowledge("clip", remix=RemixConfig()))
    assert not np.array_equal(clips.batch([0], 0).magnitude, clips.batch([0], 1).magnitude)  # type: ignore[union-attr]
    stages("--set", "optim.learning_rate=1e-30", systems="remix")
    rows = [json.loads(line) for line in Path("exp/separator_remix/history.jsonl").read_text().splitlines()]
    assert len({row["train"]["loss"] for row in rows}) == len(rows) == 3
    assert rows[0]["valid"]["loss"] == pytest.approx(rows[2]["valid"]["loss"], rel=1e-5)


@pytest.mark.parametrize(("keep", "epochs", "used"), [("best", 4, 2), ("last", 5, 5)])
def test_whose_weights_are_kept(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, keep: str, epochs: int, used: int
) -> None:
    losses = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    monkeypatch.setattr(loop, "validation_loss", lambda *_: {"loss": next(losses)})
    settings = ("optim.max_epochs=5", "optim.patience=2", f"optim.keep={keep}")
    stages(*(word for setting in settings for word in ("--set", setting)), systems="remix")
    folder = Path("exp/separator_remix")
    assert len((folder / "history.jsonl").read_text().splitlines()) == epochs  # the last is kept: no patience
    assert load_checkpoint(folder / "best.pt")["epoch"] == used
    assert training_facts(folder, read_yaml(folder / "config.yaml"))["best_epoch"] == used


def test_fewer_clips_and_careless_tags(recipe: Path) -> None:
    few = open_training_set(Path("data/train"), Path("dump/train"), Knowledge("clip", clips=7))
    assert len(few) == 42  # six times each, so that an epoch is as long as one of all 40
    plain = few.batch([0, 7, 41])
    assert np.array_equal(plain.magnitude[0], plain.magnitude[1])  # type: ignore[union-attr]
    assert not np.array_equal(plain.magnitude[0], plain.magnitude[2])  # type: ignore[union-attr]
    with pytest.raises(UserError, match="data/train: 40 clips; train_clips asks for 41"):
        open_training_set(Path("data/train"), Path("dump/train"), Knowledge("clip", clips=41))
    right = open_training_set(Path("data/train"), Path("dump/train"), Knowledge("clip"))
    noisy = open_training_set(Path("data/train"), Path("dump/train"), Knowledge("clip", missing_tags=0.3))
    assert isinstance(right, LabelledSet) and isinstance(noisy, LabelledSet)
    was, given = (np.stack([clips.activity(row) for row in range(40)]) for clips in (right, noisy))
    assert (given <= was).all() and 0.1 < 1 - given.sum() / was.sum() < 0.5
    stages("--set", "optim.max_epochs=1", "--set", "wrong_tags=0.3", "--set", "train_clips=16", systems="remix")
    history = json.loads(Path("exp/separator_remix/history.jsonl").read_text())
    assert history["step"] == 4


def test_no_class_alone(recipe: Path) -> None:
    names = DataDir.load("data/train").clip_labels()
    places = (Path("data/train"), Path("dump/train"))
    clips = open_training_set(*places, Knowledge("clip", min_classes=2))
    assert isinstance(clips, LabelledSet) and 0 < len(clips) < 40
    assert clips.utt_ids == [utt for utt, own in names.items() if len(own) > 1]
    with pytest.raises(UserError, match="data/train: no clip with 9 classes; lower train_min_classes"):
        open_training_set(*places, Knowledge("clip", min_classes=9))


def test_the_same_few_clips_are_summed_anew_each_time(recipe: Path) -> None:
    places = (Path("data/train"), Path("dump/train"))
    few = open_training_set(*places, Knowledge("clip", clips=8, remix=RemixConfig(shared=True)))
    clips = len(few) // 5
    sums = [few.batch([0, clips, 2 * clips], epoch).magnitude for epoch in (0, 1)]  # type: ignore[union-attr]
    assert len({batch[item].tobytes() for batch in sums for item in range(3)}) == 6
    semi = open_training_set(*places, Knowledge("clip", clips=8, strong_share=0.25))
    assert len(semi) == 40 and len(semi.batch(range(40)).parts) == 2  # type: ignore[union-attr]


def test_tags_as_a_careless_listener_gives_them() -> None:
    labels = ("a", "b", "c", "d")
    drawn = [noisy_tags(("a", "c"), labels, 0.2, 0.25, generator(0, n)) for n in range(2000)]
    kept = np.mean([("a" in tags) + ("c" in tags) for tags in drawn]) / 2
    other = np.mean([("b" in tags) + ("d" in tags) for tags in drawn]) / 2
    assert kept == pytest.approx(0.8 * 0.75, abs=0.03)
    assert other == pytest.approx(0.8 * 0.25, abs=0.03)
    assert noisy_tags(labels, labels, 0.0, 1.0, generator(0, "all")) == labels  # no class is left to be named instead
    assert noisy_tags(("a",), labels, 0.0, 0.0, generator(0)) == ("a",)


def test_new_settings_at_their_defaults_are_no_part_of_a_run() -> None:
    assert LossConfig().model_dump() == {
        "mixture_weight": 100.0,
        "classification_weight": 1.0,
        "classification_start": 0.0,
        "classification_ramp": 0.0,
        "active_sources_only": False,
    }
    assert LossConfig(residual_weight=0.5).model_dump()["residual_weight"] == 0.5
    summed = ClassifierTraining(supervision="clip", remix=RemixConfig(), wrong_tags=0.1)
    assert summed.settings()["remix"]["clips"] == 2 and summed.settings()["wrong_tags"] == 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"supervision": "strong", "missing_tags": 0.1}, "missing_tags: .* supervision: clip"),
        ({"supervision": "strong", "remix": {"separated": 0.5}}, "only classifiers hear separated sources"),
        ({"supervision": "strong", "net": {"kind": "nmf"}, "remix": {}}, "without remix"),
        ({"supervision": "strong", "remix": {"gain_db": [3, -3]}}, "gain_db: expected"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeparatorTraining.model_validate(settings)
