"""Remixed and changed clips: what the remixes and their targets must be, and that (seed, epoch, clip) alone decides."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.feats.augment import Change, draw_change, random_filter
from weaksep.feats.batch import Batch
from weaksep.feats.config import AugmentConfig, FeatsConfig, Knowledge, RemixConfig
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.fileio.audio import read_audio
from weaksep.fileio.network import Features
from weaksep.seeding import generator
from weaksep.signal.stft import Stft

FEATS = FeatsConfig(window_samples=128, hop_samples=64)
FEATURES = Features(window_samples=128, hop_samples=64, sample_rate=8000)
Folders = tuple[Path, Path]


@pytest.fixture
def folders(test_data: Path, tmp_path: Path) -> Folders:
    extract(test_data, tmp_path / "dump", FEATS, nj=1, references=True)
    return test_data, tmp_path / "dump"


def clips_of(folders: Folders, kind: str = "clip", seed: int = 0, augment: Any = None, **remix: Any) -> TrainingSet:
    """Remixes of two clips, unless told otherwise."""
    config = RemixConfig(**{"p_single": 0.0, **remix})
    return TrainingSet(*folders, Knowledge(supervision=kind, remix=config, augment=augment, seed=seed))


def remixes(clips: TrainingSet, items: list[int], epoch: int = 0) -> tuple[Batch, torch.Tensor, torch.Tensor]:
    """A batch, its submixtures and their labels."""
    (batch,) = clips.batch([epoch * len(clips) + item for item in items])
    assert batch.submixtures is not None and batch.submixture_labels is not None
    return batch, batch.submixtures, batch.submixture_labels


def spectrum(path: Path) -> torch.Tensor:
    return Stft(128, 64).forward(torch.from_numpy(read_audio(path, 8000))[None])[0]


def test_two_clips_are_added_and_each_is_a_submixture(folders: Folders) -> None:
    # mix-1: bark; with mix-4 (drill, horn) or mix-5 (horn)
    batch, submixtures, labels = remixes(clips_of(folders, seed=3), [0])
    assert labels[0, 0, 0].tolist() == [1, 0, 0]
    partner = {(0, 1, 1): "mix-4", (0, 0, 1): "mix-5"}[tuple(labels[0, 0, 1].int().tolist())]
    clips = [spectrum(folders[0] / f"audio/mix/{utt}.wav") for utt in ("mix-1", partner)]
    total = sum(clips).abs()  # type: ignore[union-attr]
    torch.testing.assert_close(batch.magnitude[0], total)
    for submixture, clip in zip(submixtures[0, 0], clips, strict=True):
        torch.testing.assert_close(submixture, torch.minimum(clip.abs(), total), rtol=0, atol=1e-6)
    assert batch.labels is not None and torch.equal(batch.labels[0], labels[0, 0].amax(dim=0))
    assert batch.sources is None and batch.frames is None


def test_phase_sensitive_targets_add_up_where_none_is_bounded(folders: Folders) -> None:
    batch, submixtures, _ = remixes(clips_of(folders, seed=3, target="phase_sensitive"), [0, 3, 4])
    free = (submixtures[:, 0] > 0).all(dim=1)
    assert free.float().mean() > 0.1
    torch.testing.assert_close(submixtures[:, 0].sum(dim=1)[free], batch.magnitude[free], rtol=1e-3, atol=1e-6)


def test_draws_depend_on_seed_epoch_and_clip_alone(folders: Folders) -> None:
    augment = AugmentConfig(filter_db=6.0, speed=0.1)
    clips, again, other = (clips_of(folders, seed=seed, augment=augment, p_single=0.25) for seed in (0, 0, 1))
    whole = clips.batch(range(10, 15))[0].magnitude
    torch.testing.assert_close(again.batch([14, 11])[0].magnitude, whole[[4, 1]])
    for different in (clips.batch([19]), other.batch([14])):
        assert not torch.allclose(different[0].magnitude, whole[4:], rtol=0.1)


def test_clips_that_share_a_class_are_not_remixed(folders: Folders) -> None:
    clips = clips_of(folders, max_clips=3)
    for epoch in range(30):
        batch, _, labels = remixes(clips, list(range(5)), epoch)
        assert labels.shape == (5, 3, 2, 3)
        assert not (labels[:, :, 0] * labels[:, :, 1]).any()
    # mix-3 holds all classes: no partner.
    torch.testing.assert_close(batch.magnitude[2], spectrum(folders[0] / "audio/mix/mix-3.wav").abs())


def test_with_shared_classes_any_clip_is_a_partner(folders: Folders) -> None:
    clips = clips_of(folders, shared=True)
    for epoch in range(10):
        _, _, labels = remixes(clips, [2], epoch)
        assert (labels[0, 0, 0] * labels[0, 0, 1]).any()


def test_clips_of_few_classes_are_drawn_more_often(folders: Folders) -> None:
    clips = clips_of(folders, few_class_bias=2.0, shared=True)
    sizes = torch.cat([remixes(clips, list(range(5)), n)[2][:, 0].sum(dim=2) for n in range(100)])
    # The five clips have 1, 2, 3, 2 and 1 classes, and so the weights 1, 1/4, 1/9, 1/4 and 1.
    shares = (sizes == 1).float().mean(dim=0).tolist()
    assert shares == pytest.approx([2 / (2 + 1 / 2 + 1 / 9)] * 2, abs=0.06)
    _, _, labels = remixes(clips_of(folders, shared=True), list(range(5)))
    assert labels[:, 0, 0].sum(dim=1).tolist() == [1, 2, 3, 2, 1]


def test_remixes_of_two_count_the_same_among_remixes_of_more(folders: Folders) -> None:
    """Ways to divide a remix that say nothing (no clip against all) took half of the weight of a remix of two."""
    batch, _, labels = remixes(clips_of(folders, seed=3, max_clips=4), list(range(5)))
    weights = batch.split_weights
    assert weights is not None and weights.shape == (5, 4)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(5))
    says_nothing = labels[:, :, 0].amax(dim=2) == 0
    assert says_nothing.any() and not weights[says_nothing].any()


def test_a_share_of_the_items_is_a_single_clip(folders: Folders) -> None:
    clips = clips_of(folders, p_single=0.4)
    single = [not remixes(clips, [0], epoch)[1][0, 0, 1].any() for epoch in range(200)]
    assert 0.3 < np.mean(single) < 0.5


def test_frame_labels_go_with_the_clip(folders: Folders) -> None:
    augment = AugmentConfig(gain_db=(0, 0))
    batch, submixtures, labels = remixes(clips_of(folders, "frame", augment=augment), list(range(5)))
    (plain,) = TrainingSet(*folders, Knowledge(supervision="frame")).batch([0])
    assert batch.labels is not None and plain.labels is not None
    assert labels.shape == (5, 1, 2, 63, 3) and batch.labels.shape == (5, 63, 3)
    assert torch.equal(labels[0, 0, 0].sum(dim=0), plain.labels[0].sum(dim=0))
    # A class that is labelled in a frame has energy there, whatever the shift.
    energy = submixtures[:, 0, 0].sum(dim=2)
    sounding = energy > 1e-4 * energy.max()
    assert (sounding == labels[:, 0, 0].any(dim=2)).float().mean() > 0.93


def test_isolated_sources_of_the_same_kind_of_remixes(folders: Folders) -> None:
    (batch,) = clips_of(folders, "strong", seed=1).batch([1])
    assert batch.sources is not None and batch.labels is None and batch.submixtures is None
    assert batch.sources.shape == (1, 3, 63, 65)
    assert (batch.sources <= batch.magnitude[:, None] + 1e-6).all()
    (single,) = clips_of(folders, "strong", p_single=1.0).batch([1])
    (plain,) = TrainingSet(*folders, Knowledge(supervision="strong")).batch([1])
    torch.testing.assert_close(single.magnitude, plain.magnitude, rtol=0, atol=1e-6)
    assert single.sources is not None and plain.sources is not None
    bounded = torch.minimum(plain.sources, plain.magnitude[:, None])
    torch.testing.assert_close(single.sources, bounded, rtol=0, atol=1e-6)


def test_separated_items_are_one_submixture(folders: Folders) -> None:
    (batch,) = clips_of(folders, seed=3, p_separated=1.0).batch([0])
    assert batch.labels is not None and batch.labels[0].tolist() == [1, 0, 0]
    first = spectrum(folders[0] / "audio/mix/mix-1.wav").abs()
    assert (batch.magnitude[0] <= first + 1e-6).all()
    assert batch.magnitude[0].sum() > 0.7 * first.sum()


def test_clips_without_a_partner_or_a_class_are_told(
    tiny: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    activity = {"mix-1": {"bark": (0, 4000)}, "mix-2": {"horn": (0, 4000)}, "mix-3": {}}
    activity["mix-4"] = dict.fromkeys(tiny.CLASSES, (0, 4000))
    data = tiny.make_data(tmp_path / "data", activity)
    extract(data, tmp_path / "dump", FEATS, nj=1)
    with caplog.at_level(logging.INFO):
        clips = clips_of((data, tmp_path / "dump"))
    assert len(clips) == 3
    assert "1 clips without any class" in caplog.text and "1 clips have classes in common" in caplog.text


def test_nothing_to_remix_is_an_error(tiny: ModuleType, tmp_path: Path) -> None:
    data = tiny.make_data(tmp_path / "data", {"mix-1": {"bark": (0, 4000)}, "mix-2": {"bark": (0, 4000)}})
    extract(data, tmp_path / "dump", FEATS, nj=1)
    with pytest.raises(UserError, match="no two are without a class in common; set remix.shared"):
        clips_of((data, tmp_path / "dump"))


def test_clips_that_come_several_times_are_drawn_anew(folders: Folders) -> None:
    known = Knowledge(
        supervision="frame",
        strong_share=0.4,
        strong_repeats=3,
        remix=RemixConfig(shared=True),
        augment=AugmentConfig(),
    )
    clips = TrainingSet(*folders, known)
    assert len(clips) == 3 + 2 * 3
    (strong,), (later,) = clips.batch([3, 4, 5]), clips.batch([len(clips) + 3])
    assert strong.sources is not None and later.sources is not None
    drawn = [*strong.magnitude, *later.magnitude]
    assert not any(torch.equal(drawn[i], drawn[j]) for i in range(4) for j in range(i))


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
    for config in (None, AugmentConfig(gain_db=(0.0, 0.0), shift=False)):
        change = draw_change(config, generator(0, "x"), 10, FEATURES)
        assert change.speed == 1.0 and change.shift_frames == 0 and change.response.tolist() == [1.0]


def test_a_room_rings_behind_the_direct_sound() -> None:
    config = AugmentConfig(gain_db=(0.0, 0.0), shift=False, p_room=1.0)
    rooms = [draw_change(config, generator(0, "room", str(n)), 10, FEATURES).room for n in range(50)]
    tails = []
    for room in rooms:
        assert room is not None and room[0] == 1.0
        tails.append(10 * np.log10(np.square(room[1:]).sum()))
        early, late = np.square(room[1:]).reshape(-1)[: len(room) // 2], np.square(room[1:])[len(room) // 2 :]
        assert 10 * np.log10(early.sum() / late.sum()) == pytest.approx(30, abs=4), "60 dB over its length"
    assert -15 <= min(tails) < -10 and -5 < max(tails) <= 0
    assert 0.1 * 8000 <= min(map(len, rooms)) < max(map(len, rooms)) <= 0.8 * 8000 + 1
    impulse = np.zeros(12000, dtype=np.float32)
    impulse[100] = 1.0
    heard = Change(1.0, 0, np.ones(1, dtype=np.float32), rooms[0]).waveform(impulse)
    np.testing.assert_allclose(heard[100 : 100 + len(rooms[0])], rooms[0], atol=1e-6)
    assert len(heard) == 12000 and np.abs(heard[:100]).max() < 1e-6
