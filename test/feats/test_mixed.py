"""Sets in which clips differ in what is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.feats.dataset import LabelledSet
from weaksep.feats.extract import extract
from weaksep.feats.mixed import Knowledge, MixedBatch, MixedSet, chosen, open_training_set
from weaksep.feats.remix_config import RemixConfig
from weaksep.fileio.tables import write_table

UTTS = [f"utt-{n:03d}" for n in range(40)]


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


def test_one_kind_is_a_plain_set(folders: tuple[Path, Path]) -> None:
    assert isinstance(open_training_set(*folders, Knowledge("clip")), LabelledSet)


def test_every_clip_has_one_kind_and_some_come_again(folders: tuple[Path, Path]) -> None:
    clips = open_training_set(*folders, Knowledge("clip", frame_share=0.4, strong_share=0.2, strong_repeats=3))
    assert isinstance(clips, MixedSet)
    by_kind = {part.supervision: part.utt_ids for part in clips.parts}
    strong = chosen([f"mix-{n}" for n in range(1, 6)], 0.2, "strong labels")
    frame = set(chosen([f"mix-{n}" for n in range(1, 6)], 0.4, "frame labels")) - set(strong)
    assert by_kind["strong"] == strong and set(by_kind["frame"]) == frame
    assert sorted(utt for utts in by_kind.values() for utt in utts) == [f"mix-{n}" for n in range(1, 6)]
    assert len(clips) == 5 + 2


def test_a_batch_keeps_the_kinds_apart(folders: tuple[Path, Path]) -> None:
    clips = open_training_set(*folders, Knowledge("clip", strong_share=0.4))
    whole = clips.batch(range(len(clips)))
    assert isinstance(whole, MixedBatch)
    weak, strong = whole.parts
    assert weak.labels is not None and weak.labels.shape == (3, 3) and weak.sources is None
    assert strong.sources is not None and strong.sources.shape[:2] == (2, 3) and strong.labels is None
    # The very clips that a plain set gives.
    plain = LabelledSet(*folders, "strong", clips.parts[1].utt_ids).batch([0, 1])
    np.testing.assert_array_equal(strong.sources, plain.sources)
    (only,) = clips.batch([0, 2]).parts
    assert only.labels is not None and len(only.magnitude) == 2


def test_priors_are_those_of_frames_where_there_are_frame_labels(folders: tuple[Path, Path]) -> None:
    mixed = open_training_set(*folders, Knowledge("clip", frame_share=0.4))
    frames = LabelledSet(*folders, "frame", mixed.parts[1].utt_ids)
    np.testing.assert_array_equal(mixed.class_priors(), frames.class_priors())
    semi = open_training_set(*folders, Knowledge("clip", strong_share=0.4))
    clips = LabelledSet(*folders, "clip", semi.parts[0].utt_ids)
    np.testing.assert_array_equal(semi.class_priors(), clips.class_priors())


def test_clips_without_times_have_clip_labels(folders: tuple[Path, Path]) -> None:
    (folders[0] / "clips_with_events.txt").write_text("mix-1\nmix-3\n")
    clips = open_training_set(*folders, Knowledge("frame"))
    assert isinstance(clips, MixedSet)
    assert {part.supervision: part.utt_ids for part in clips.parts} == {
        "clip": ["mix-2", "mix-4", "mix-5"],
        "frame": ["mix-1", "mix-3"],
    }
    few = open_training_set(*folders, Knowledge("clip", frame_share=1.0))
    assert isinstance(few, MixedSet) and few.parts[1].utt_ids == ["mix-1", "mix-3"]


def test_sources_are_asked_only_of_clips_that_have_them(folders: tuple[Path, Path]) -> None:
    (folders[0] / "clips_with_references.txt").write_text("mix-2\nmix-4\n")
    clips = open_training_set(*folders, Knowledge("strong"))
    assert isinstance(clips, LabelledSet) and clips.utt_ids == ["mix-2", "mix-4"]
    mixed = open_training_set(*folders, Knowledge("clip", strong_share=0.5))
    assert isinstance(mixed, MixedSet) and set(mixed.parts[1].utt_ids) < {"mix-2", "mix-4"}
    (folders[0] / "clips_with_references.txt").write_text("")
    with pytest.raises(UserError, match="no clip with isolated sources"):
        open_training_set(*folders, Knowledge("strong"))


def test_validation_clips_need_not_be_summed(folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    same = dict.fromkeys([f"mix-{n}" for n in range(1, 6)], "bark")
    write_table(folders[0] / "utt2labels", same)
    remix = RemixConfig()
    with pytest.raises(UserError, match="of the 5 clips no two are without a class in common"):
        open_training_set(*folders, Knowledge("clip", remix=remix))
    clips = open_training_set(*folders, Knowledge("clip", remix=remix, validation=True))
    assert "so each comes alone" in caplog.text
    batch = clips.batch([0, 1])
    assert not isinstance(batch, MixedBatch) and batch.sides is not None
    assert not batch.sides[:, 0, 1].any()  # nothing on the other side: the mixture loss
