"""What is known of which clip: the shares that are drawn, sets of several kinds, poorer labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig, Knowledge, RemixConfig
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.feats.knowledge import chosen
from weaksep.feats.labels import noisy_labels
from weaksep.fileio.tables import write_table
from weaksep.seeding import generator

UTTS = [f"utt-{n:03d}" for n in range(40)]
FIVE = [f"mix-{n}" for n in range(1, 6)]


@given(st.permutations(UTTS), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_smaller_one(order: list[str], share: float, other: float) -> None:
    small, large = sorted((share, other))
    few, many = chosen(order, small, "frame labels"), chosen(UTTS, large, "frame labels")
    assert set(few) <= set(many)
    assert len(few) == (max(1, round(small * 40)) if small else 0)


def test_two_kinds_of_labels_are_drawn_apart() -> None:
    assert chosen(UTTS, 0.5, "frame labels") != chosen(UTTS, 0.5, "strong labels")


@pytest.fixture
def folders(test_data: Path, tmp_path: Path) -> tuple[Path, Path]:
    settings = FeatsConfig(window_samples=128, hop_samples=64)
    extract(test_data, tmp_path / "dump", settings, nj=1, references=True)
    return test_data, tmp_path / "dump"


def test_every_clip_has_one_kind_and_some_come_again(folders: tuple[Path, Path]) -> None:
    assert TrainingSet(*folders, Knowledge(supervision="clip")).utts == {"clip": FIVE}
    clips = TrainingSet(*folders, Knowledge(supervision="clip", frame_share=0.4, strong_share=0.2, strong_repeats=3))
    strong = chosen(FIVE, 0.2, "strong labels")
    frame = set(chosen(FIVE, 0.4, "frame labels")) - set(strong)
    assert clips.utts["strong"] == strong and set(clips.utts["frame"]) == frame
    assert sorted(utt for utts in clips.utts.values() for utt in utts) == FIVE
    assert len(clips) == 5 + 2


def test_a_step_keeps_the_kinds_apart(folders: tuple[Path, Path]) -> None:
    clips = TrainingSet(*folders, Knowledge(supervision="clip", strong_share=0.4))
    weak, strong = clips.batch(range(len(clips)))
    assert weak.labels is not None and weak.labels.shape == (3, 3) and weak.sources is None
    assert strong.sources is not None and strong.sources.shape[:2] == (2, 3) and strong.labels is None
    # The very clips that a set of one kind gives.
    (plain,) = TrainingSet(*folders, Knowledge(supervision="strong")).batch(
        [FIVE.index(utt) for utt in clips.utts["strong"]]
    )
    assert plain.sources is not None and torch.equal(strong.sources, plain.sources)
    (only,) = clips.batch([0, 2])
    assert only.labels is not None and len(only) == 2


@pytest.mark.parametrize(("known", "kind"), [({"frame_share": 0.4}, "frame"), ({"strong_share": 0.4}, "clip")])
def test_priors_are_those_of_frames_where_there_are_frame_labels(folders, known: dict, kind: str) -> None:
    mixed, plain = (
        TrainingSet(*folders, known) for known in (Knowledge(supervision="clip", **known), Knowledge(supervision=kind))
    )
    (batch,) = plain.batch([FIVE.index(utt) for utt in mixed.utts[kind]])
    assert batch.labels is not None
    np.testing.assert_allclose(mixed.class_priors(), batch.labels.flatten(0, -2).mean(dim=0), rtol=1e-6)


def test_clips_without_times_have_clip_labels(folders: tuple[Path, Path]) -> None:
    (folders[0] / "clips_with_events.txt").write_text("mix-1\nmix-3\n")
    clips = TrainingSet(*folders, Knowledge(supervision="frame"))
    assert clips.utts == {"clip": ["mix-2", "mix-4", "mix-5"], "frame": ["mix-1", "mix-3"]}
    assert TrainingSet(*folders, Knowledge(supervision="clip", frame_share=1.0)).utts["frame"] == ["mix-1", "mix-3"]


def test_sources_are_asked_only_of_clips_that_have_them(folders: tuple[Path, Path]) -> None:
    (folders[0] / "clips_with_references.txt").write_text("mix-2\nmix-4\n")
    assert TrainingSet(*folders, Knowledge(supervision="strong")).utts == {"strong": ["mix-2", "mix-4"]}
    assert set(TrainingSet(*folders, Knowledge(supervision="clip", strong_share=0.5)).utts["strong"]) < {
        "mix-2",
        "mix-4",
    }
    (folders[0] / "clips_with_references.txt").write_text("")
    with pytest.raises(UserError, match="no clip with isolated sources"):
        TrainingSet(*folders, Knowledge(supervision="strong"))


def test_validation_clips_need_not_be_remixed(folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    write_table(folders[0] / "utt2labels", dict.fromkeys(FIVE, "bark"))
    remix = RemixConfig()
    with pytest.raises(UserError, match="of the 5 clips no two are without a class in common"):
        TrainingSet(*folders, Knowledge(supervision="clip", remix=remix))
    (batch,) = TrainingSet(*folders, Knowledge(supervision="clip", remix=remix), validation=True).batch([0, 1])
    assert "each comes alone" in caplog.text
    assert batch.submixtures is not None
    assert not batch.submixtures[:, 0, 1].any()  # nothing in the other submixture: the mixture loss


def test_so_many_clips_and_no_others(folders: tuple[Path, Path]) -> None:
    few = TrainingSet(*folders, Knowledge(supervision="clip", train_clips=2))
    assert len(few) == 2  # optim.epoch_steps has them come the more often
    (batch,) = few.batch([0, 1, 2])
    assert torch.equal(batch.magnitude[0], batch.magnitude[2])
    assert not torch.equal(batch.magnitude[0], batch.magnitude[1])
    with pytest.raises(UserError, match="test: 5 clips; train_clips asks for 6"):
        TrainingSet(*folders, Knowledge(supervision="clip", train_clips=6))
    semi = TrainingSet(*folders, Knowledge(supervision="clip", train_clips=2, strong_share=0.5))
    assert len(semi) == 2 and len(semi.batch(range(4))) == 2
    remixed = TrainingSet(
        *folders, Knowledge(supervision="clip", train_clips=2, remix=RemixConfig(p_single=1.0, shared=True))
    )
    assert len(remixed) == 2


def test_the_same_few_clips_are_remixed_anew_each_time(folders: tuple[Path, Path]) -> None:
    few = TrainingSet(
        *folders,
        Knowledge(supervision="clip", train_clips=3, remix=RemixConfig(shared=True, max_clips=8, p_single=0)),
    )
    (remixes,) = few.batch([time * len(few) for time in range(8)])
    assert len({magnitude.numpy().tobytes() for magnitude in remixes.magnitude}) == 8


def test_only_clips_of_several_classes(folders: tuple[Path, Path]) -> None:
    assert TrainingSet(*folders, Knowledge(supervision="clip", train_min_classes=2)).utts["clip"] == [
        "mix-2",
        "mix-3",
        "mix-4",
    ]
    with pytest.raises(UserError, match="test: no clip with 9 classes; lower train_min_classes"):
        TrainingSet(*folders, Knowledge(supervision="clip", train_min_classes=9))


def test_clip_labels_as_a_careless_listener_gives_them(folders: tuple[Path, Path]) -> None:
    classes = ("a", "b", "c", "d")
    drawn = [noisy_labels(("a", "c"), classes, 0.2, 0.25, generator(0, n)) for n in range(2000)]
    kept = np.mean([("a" in names) + ("c" in names) for names in drawn]) / 2
    other = np.mean([("b" in names) + ("d" in names) for names in drawn]) / 2
    assert kept == pytest.approx(0.8 * 0.75, abs=0.03)
    assert other == pytest.approx(0.8 * 0.25, abs=0.03)
    assert noisy_labels(classes, classes, 0.0, 1.0, generator(0, "all")) == classes  # no class is left to be named
    assert noisy_labels(("a",), classes, 0.0, 0.0, generator(0)) == ("a",)
    knowledge = [
        Knowledge(supervision="clip"),
        *(Knowledge(supervision="clip", missing_labels=0.5, seed=seed) for seed in (0, 1)),
    ]
    was, given, again = (TrainingSet(*folders, known).batch(range(5))[0].labels for known in knowledge)
    assert was is not None and given is not None and again is not None
    assert (given <= was).all() and 0 < given.sum() < was.sum()
    assert torch.equal(given, again)  # a property of the data, whatever the training's seed
