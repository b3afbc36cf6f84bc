"""Clips summed anew: what the sums and their targets must be, and that only (seed, epoch, clip) decides them."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.feats.augment import Change, draw_change, random_filter
from weaksep.feats.config import FeatsConfig
from weaksep.feats.dataset import LabelledSet
from weaksep.feats.extract import extract
from weaksep.feats.mixed import Knowledge, MixedSet, open_training_set
from weaksep.feats.remix import RemixSet
from weaksep.feats.remix_config import RemixConfig
from weaksep.fileio.audio import read_audio
from weaksep.seeding import generator
from weaksep.signal.stft import Stft

PLAIN = RemixConfig(alone=0.0, gain_db=(0.0, 0.0), shift=False)


@pytest.fixture
def folders(test_data: Path, tmp_path: Path) -> tuple[Path, Path]:
    settings = FeatsConfig(window_samples=128, hop_samples=64)
    extract(test_data, tmp_path / "dump", settings, nj=1, references=True)
    return test_data, tmp_path / "dump"


def spectrum(path: Path) -> torch.Tensor:
    return Stft(128, 64).forward(torch.from_numpy(read_audio(path, 8000))[None])[0]


def test_two_clips_are_added_and_each_is_a_side(folders: tuple[Path, Path]) -> None:
    clips = RemixSet(LabelledSet(*folders, "clip"), PLAIN, seed=3)
    batch = clips.batch([0])  # mix-1: bark; with mix-4 (drill, horn) or mix-5 (horn)
    assert batch.sides is not None and batch.side_labels is not None and batch.labels is not None
    assert batch.side_labels[0, 0, 0].tolist() == [1, 0, 0]
    partner = {(0, 1, 1): "mix-4", (0, 0, 1): "mix-5"}[tuple(batch.side_labels[0, 0, 1].astype(int))]
    first, second = (spectrum(folders[0] / f"audio/mix/{utt}.wav") for utt in ("mix-1", partner))
    total = (first + second).abs()
    np.testing.assert_allclose(batch.magnitude[0], total, atol=1e-6)
    np.testing.assert_allclose(batch.sides[0, 0, 0], torch.minimum(first.abs(), total), atol=1e-6)
    np.testing.assert_allclose(batch.sides[0, 0, 1], torch.minimum(second.abs(), total), atol=1e-6)
    assert batch.labels[0].tolist() == np.maximum(*batch.side_labels[0, 0]).tolist()
    assert batch.sources is None


def test_phase_sensitive_targets_add_up_where_none_is_bounded(folders: tuple[Path, Path]) -> None:
    config = PLAIN.model_copy(update={"target": "phase_sensitive"})
    batch = RemixSet(LabelledSet(*folders, "clip"), config, seed=3).batch([0, 3, 4])
    assert batch.sides is not None
    sums = batch.sides[:, 0].sum(axis=1)
    free = (batch.sides[:, 0] > 0).all(axis=1)
    assert free.mean() > 0.1
    np.testing.assert_allclose(sums[free], batch.magnitude[free], rtol=1e-3, atol=1e-6)


def test_draws_depend_on_seed_epoch_and_clip_alone(folders: tuple[Path, Path]) -> None:
    config = RemixConfig(filter_db=6.0, speed=0.1)
    clips = RemixSet(LabelledSet(*folders, "clip"), config, seed=0)
    whole = clips.batch(range(5), epoch=2)
    again = RemixSet(LabelledSet(*folders, "clip"), config, seed=0).batch([4, 1], epoch=2)
    np.testing.assert_array_equal(whole.magnitude[[4, 1]], again.magnitude)
    np.testing.assert_array_equal(clips.batch([0, 1], [7, 2]).magnitude[1], whole.magnitude[1])
    assert not np.array_equal(clips.batch([4], epoch=3).magnitude, whole.magnitude[4:])
    other = RemixSet(LabelledSet(*folders, "clip"), config, seed=1)
    assert not np.array_equal(other.batch([4], epoch=2).magnitude, whole.magnitude[4:])


def test_clip_labels_are_never_summed_with_their_own(folders: tuple[Path, Path]) -> None:
    config = PLAIN.model_copy(update={"clips": 3})
    clips = RemixSet(LabelledSet(*folders, "clip"), config, seed=0)
    for epoch in range(30):
        batch = clips.batch(range(5), epoch)
        assert batch.side_labels is not None and batch.side_labels.shape == (5, 3, 2, 3)
        assert not (batch.side_labels[:, :, 0] * batch.side_labels[:, :, 1]).any()
    # mix-3 holds all classes: no partner.
    np.testing.assert_allclose(batch.magnitude[2], spectrum(folders[0] / "audio/mix/mix-3.wav").abs(), atol=1e-6)


def test_with_shared_classes_any_clip_is_a_partner(folders: tuple[Path, Path]) -> None:
    clips = RemixSet(LabelledSet(*folders, "clip"), PLAIN.model_copy(update={"shared": True}), seed=0)
    shared = [clips.batch([2], epoch).side_labels for epoch in range(10)]
    assert all(labels is not None and (labels[0, 0, 0] * labels[0, 0, 1]).any() for labels in shared)


def test_clips_of_few_classes_are_drawn_more_often(folders: tuple[Path, Path]) -> None:
    config = PLAIN.model_copy(update={"prefer_few": 2.0, "shared": True})
    clips = RemixSet(LabelledSet(*folders, "clip"), config, seed=0)
    sizes = np.concatenate([clips.batch(range(5), n).side_labels[:, 0].sum(axis=2) for n in range(100)])  # type: ignore
    # The five clips have 1, 2, 3, 2 and 1 classes, and so the weights 1, 1/4, 1/9, 1/4 and 1.
    assert np.mean(sizes == 1, axis=0) == pytest.approx([2 / (2 + 1 / 2 + 1 / 9)] * 2, abs=0.06)
    plain = RemixSet(LabelledSet(*folders, "clip"), PLAIN.model_copy(update={"shared": True}), seed=0)
    assert plain.batch(range(5)).side_labels[:, 0, 0].sum(axis=1).tolist() == [1, 2, 3, 2, 1]  # type: ignore[index]


def test_sums_of_two_count_the_same_among_sums_of_more(folders: tuple[Path, Path]) -> None:
    """Ways to divide a sum that say nothing (no clip against all) took half of the weight of a sum of two."""
    batch = RemixSet(LabelledSet(*folders, "clip"), PLAIN.model_copy(update={"clips": 4}), seed=3).batch(range(5))
    assert batch.side_labels is not None and batch.split_weights is not None
    assert batch.split_weights.shape == (5, 4)
    np.testing.assert_allclose(batch.split_weights.sum(axis=1), 1.0)
    says_nothing = batch.side_labels[:, :, 0].max(axis=2) == 0
    assert says_nothing.any() and not batch.split_weights[says_nothing].any()


def test_a_share_of_the_items_is_one_clip_alone(folders: tuple[Path, Path]) -> None:
    clips = RemixSet(LabelledSet(*folders, "clip"), RemixConfig(alone=0.4), seed=0)
    alone = [clips.batch([0], epoch).sides[0, 0, 1].max() == 0 for epoch in range(200)]  # type: ignore[index]
    assert 0.3 < np.mean(alone) < 0.5


def test_frame_labels_go_with_the_clip(folders: tuple[Path, Path]) -> None:
    labelled = LabelledSet(*folders, "frame")
    batch = RemixSet(labelled, PLAIN.model_copy(update={"shift": True}), seed=0).batch(range(5))
    assert batch.side_labels is not None and batch.labels is not None
    assert batch.side_labels.shape == (5, 1, 2, 63, 3) and batch.labels.shape == (5, 63, 3)
    assert batch.side_labels[0, 0, 0].sum(axis=0).tolist() == labelled.activity(0).sum(axis=0).tolist()
    # mix-1's bark sounds everywhere; a class that is labelled in a frame has energy there, whatever the shift.
    sounding = batch.sides[:, 0, 0].sum(axis=2) > 1e-4 * batch.sides[:, 0, 0].sum(axis=2).max()  # type: ignore[index]
    assert (sounding == batch.side_labels[:, 0, 0].any(axis=2)).mean() > 0.93


def test_isolated_sources_of_the_same_kind_of_sums(folders: tuple[Path, Path]) -> None:
    batch = RemixSet(LabelledSet(*folders, "strong"), PLAIN, seed=1).batch([1])
    assert batch.sources is not None and batch.labels is None and batch.sides is None
    assert batch.sources.shape == (1, 3, 63, 65)
    assert (batch.sources <= batch.magnitude[:, None] + 1e-6).all()
    alone = RemixSet(LabelledSet(*folders, "strong"), RemixConfig(alone=1.0, gain_db=(0, 0), shift=False), 1).batch([1])
    plain = LabelledSet(*folders, "strong").batch([1])
    np.testing.assert_allclose(alone.magnitude, plain.magnitude, atol=1e-6)
    assert alone.sources is not None and plain.sources is not None
    np.testing.assert_allclose(alone.sources, np.minimum(plain.sources, plain.magnitude[:, None]), atol=1e-6)


def test_gains_are_within_their_range(folders: tuple[Path, Path]) -> None:
    config = RemixConfig(alone=1.0, gain_db=(-6.0, 3.0), shift=False)
    clips = RemixSet(LabelledSet(*folders, "clip"), config, seed=0)
    plain = LabelledSet(*folders, "clip").batch([0]).magnitude.sum()
    gains_db = [20 * np.log10(clips.batch([0], epoch).magnitude.sum() / plain) for epoch in range(50)]
    assert -6.01 < min(gains_db) < -5 and 2 < max(gains_db) < 3.01


def test_separated_items_are_one_side(folders: tuple[Path, Path]) -> None:
    config = PLAIN.model_copy(update={"separated": 1.0})
    batch = RemixSet(LabelledSet(*folders, "clip"), config, seed=3).batch([0])
    assert batch.labels is not None and batch.labels[0].tolist() == [1, 0, 0]
    first = spectrum(folders[0] / "audio/mix/mix-1.wav").abs()
    assert (batch.magnitude[0] <= first.numpy() + 1e-6).all()
    assert batch.magnitude[0].sum() > 0.7 * first.sum().item()


def test_clips_without_a_partner_or_a_class_are_told(
    tiny: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    activity = {"mix-1": {"bark": (0, 4000)}, "mix-2": {"horn": (0, 4000)}, "mix-3": {}}
    activity["mix-4"] = dict.fromkeys(tiny.CLASSES, (0, 4000))
    data = tiny.make_data(tmp_path / "data", activity)
    extract(data, tmp_path / "dump", FeatsConfig(window_samples=128, hop_samples=64), nj=1)
    with caplog.at_level(logging.INFO):
        clips = RemixSet(LabelledSet(data, tmp_path / "dump", "clip"), PLAIN, seed=0)
    assert len(clips) == 3
    assert "1 clips without any class" in caplog.text and "1 clips have classes in common" in caplog.text


def test_nothing_to_sum_is_an_error(tiny: ModuleType, tmp_path: Path) -> None:
    data = tiny.make_data(tmp_path / "data", {"mix-1": {"bark": (0, 4000)}, "mix-2": {"bark": (0, 4000)}})
    extract(data, tmp_path / "dump", FeatsConfig(window_samples=128, hop_samples=64), nj=1)
    with pytest.raises(UserError, match="no two are without a class in common; set remix.shared"):
        RemixSet(LabelledSet(data, tmp_path / "dump", "clip"), PLAIN, seed=0)


def test_a_mixed_set_draws_repeated_clips_apart(folders: tuple[Path, Path]) -> None:
    known = Knowledge("frame", strong_share=0.4, strong_repeats=3, remix=RemixConfig(shared=True))
    clips = open_training_set(*folders, known)
    assert isinstance(clips, MixedSet) and len(clips) == 3 + 2 * 3
    strong = clips.batch([3, 4, 5]).parts[0]
    assert strong.sources is not None
    assert not np.array_equal(strong.magnitude[0], strong.magnitude[1])
    later = clips.batch([3], epoch=1).parts[0]
    assert not any(np.array_equal(later.magnitude[0], magnitude) for magnitude in strong.magnitude)


def test_speed_stretches_time_and_labels() -> None:
    wave = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000).astype(np.float32)
    fast = Change(2.0, 0, np.ones(1, dtype=np.float32))
    np.testing.assert_allclose(fast.waveform(wave)[:3900], wave[::2][:3900], atol=1e-5)
    assert not fast.waveform(wave)[4001:].any()
    activity = np.zeros((10, 1), dtype=np.uint8)
    activity[4:6] = 1
    assert fast.labels(activity)[:, 0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    slow = Change(0.5, 1, np.ones(1, dtype=np.float32))
    assert slow.labels(activity)[:, 0].nonzero()[0].tolist() == [8, 9] or slow.labels(activity)[9, 0] == 1
    assert slow.labels(np.array([1, 0])).tolist() == [1, 0]


def test_a_filter_is_smooth_and_within_its_range() -> None:
    response_db = random_filter(129, 6.0, np.random.default_rng(0))
    assert response_db.shape == (129,) and np.abs(response_db).max() <= 6.0
    assert np.abs(np.diff(response_db)).max() < 3.0


def test_changes_that_are_off_are_not_made() -> None:
    change = draw_change(PLAIN, generator(0, "x"), 10, 5)
    assert change.speed == 1.0 and change.shift_frames == 0 and change.response.tolist() == [1.0]
