"""Batches of clips of unequal length, and of clips that are changed without being remixed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.feats.batch import Batch, frame_mask, stack_frames
from weaksep.feats.config import AugmentConfig, FeatsConfig, Knowledge, RemixConfig
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.tables import read_table, write_table

RATE = 8000
SHORT = ("mix-2", "mix-5")
FRAMES = [63, 40, 63, 63, 40]
STILL: dict[str, Any] = {"gain_db": (0.0, 0.0), "shift": False}


@pytest.fixture(params=["ark", "raw"])
def folders(request: pytest.FixtureRequest, tiny: ModuleType, tmp_path: Path) -> tuple[Path, Path]:
    """Five clips, two of which are cut to 2,500 samples."""
    data = tiny.make_data(tmp_path / "data")
    for path in (path for utt in SHORT for path in data.glob(f"audio/*/{utt}.wav")):
        write_audio(path, read_audio(path, RATE)[:2500], RATE)
    settings = FeatsConfig(window_samples=128, hop_samples=64, feats_type=request.param)
    extract(data, tmp_path / "dump", settings, nj=1, references=True)
    return data, tmp_path / "dump"


def test_shorter_ones_are_padded_at_their_end() -> None:
    stacked = stack_frames([np.ones((2, 3, 4)), np.ones((2, 1, 4))])
    assert stacked.shape == (2, 2, 3, 4) and stacked[0].all() and not stacked[1, :, 1:].any()
    assert frame_mask([3, 3]) is None
    mask = frame_mask([3, 1])
    assert mask is not None and mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def assert_padded(padded: Batch, single: Batch, item: int) -> None:
    """An item of a batch holds what it holds in a batch of its own, and zeros behind it."""
    for field in fields(Batch):
        whole, alone = getattr(padded, field.name), getattr(single, field.name)
        if field.name == "frames" and alone is None:
            alone = torch.ones(single.magnitude.shape[:2])
        assert (whole is None) == (alone is None), field.name
        if whole is None:
            continue
        wanted = torch.zeros_like(whole[item])
        wanted[tuple(map(slice, alone[0].shape))] = alone[0]
        torch.testing.assert_close(whole[item], wanted, rtol=0, atol=1e-6, msg=field.name)


@pytest.mark.parametrize("kind", ["strong", "frame", "clip"])
@pytest.mark.parametrize("drawn", ["plain", "augment", "remix", "remix of three"])
def test_a_padded_batch_holds_its_clips(folders: tuple[Path, Path], kind: str, drawn: str) -> None:
    remix = RemixConfig(max_clips=3 if drawn == "remix of three" else 2, p_single=0.2) if "remix" in drawn else None
    augment = None if drawn == "plain" else AugmentConfig(filter_db=6.0, speed=0.1)
    clips = TrainingSet(*folders, Knowledge(supervision=kind, remix=remix, augment=augment, seed=4))
    lengths = set()
    for epoch in range(3):
        (batch,) = clips.batch(range(5 * epoch, 5 * epoch + 5))
        assert batch.frames is not None
        lengths |= set(batch.frames.sum(dim=1).tolist())
        for item in range(5):
            (alone,) = clips.batch([5 * epoch + item])
            assert_padded(batch, alone, item)
        if remix is None:
            assert batch.frames.sum(dim=1).tolist() == FRAMES
    assert lengths == {40.0, 63.0}


def test_kinds_of_unequal_length_come_in_one_step(folders: tuple[Path, Path]) -> None:
    clips = TrainingSet(*folders, Knowledge(supervision="clip", frame_share=0.3, strong_share=0.3))
    for batch in clips.batch(range(len(clips))):
        assert batch.magnitude.shape[1] in (40, 63) and len(batch) >= 1


@pytest.mark.parametrize("kind", ["strong", "frame", "clip"])
def test_changes_that_are_off_leave_a_clip_as_it_is(folders: tuple[Path, Path], kind: str) -> None:
    plain, still = (
        TrainingSet(*folders, Knowledge(supervision=kind, augment=a)) for a in (None, AugmentConfig(**STILL))
    )
    (fixed,), (drawn,) = plain.batch(range(5)), still.batch(range(35, 40))
    torch.testing.assert_close(drawn.magnitude, fixed.magnitude, rtol=0, atol=1e-6)
    assert drawn.submixtures is None and drawn.submixture_labels is None and drawn.split_weights is None
    if kind == "strong":
        assert fixed.sources is not None
        bounded = torch.minimum(fixed.sources, fixed.magnitude[:, None])
        torch.testing.assert_close(drawn.sources, bounded, rtol=0, atol=1e-6)
    else:
        assert torch.equal(drawn.labels, fixed.labels)  # type: ignore[arg-type]


def test_clips_without_a_class_are_left_out_of_remixes_alone(folders: tuple[Path, Path]) -> None:
    table = folders[0] / "utt2labels"
    write_table(table, {**read_table(table), "mix-1": "-"})
    ways: dict[str, dict[str, Any]] = {"plain": {}, "changed": {"augment": AugmentConfig(**STILL)}}
    ways["remixed"] = {"remix": RemixConfig(shared=True)}
    sizes = {name: len(TrainingSet(*folders, Knowledge(supervision="clip", **way))) for name, way in ways.items()}
    assert sizes == {"plain": 5, "changed": 5, "remixed": 4}


def changed(folders: tuple[Path, Path], kind: str, item: int = 0, epoch: int = 0, **augment: Any) -> Batch:
    clips = TrainingSet(*folders, Knowledge(supervision=kind, augment=AugmentConfig(**{**STILL, **augment})))
    (batch,) = clips.batch([epoch * len(clips) + item])
    return batch


def test_gains_are_within_their_range_and_differ_by_epoch(folders: tuple[Path, Path]) -> None:
    plain = changed(folders, "clip").magnitude
    gains_db = []
    for epoch in range(50):
        ratio = changed(folders, "clip", epoch=epoch, gain_db=(-6.0, 3.0)).magnitude.sum() / plain.sum()
        gains_db.append(20 * np.log10(ratio.item()))
    assert -6.01 < min(gains_db) < -5 and 2 < max(gains_db) < 3.01


def test_a_filter_acts_on_every_frame_alike(folders: tuple[Path, Path]) -> None:
    ratio = changed(folders, "clip", filter_db=6.0).magnitude[0] / changed(folders, "clip").magnitude[0].clamp_min(1e-9)
    response_db = 20 * ratio[10:50, 8:20].log10()  # where the bark is
    assert response_db.std(dim=0).max() < 1e-3 and 0.1 < response_db.abs().max() <= 6.001


def test_a_shift_rolls_the_clip_and_its_labels(folders: tuple[Path, Path]) -> None:
    for item, frames in ((0, 63), (1, 40)):
        plain, shifted = (changed(folders, "frame", item, shift=shift) for shift in (False, True))
        assert plain.labels is not None and shifted.labels is not None
        matches = [n for n in range(frames) if torch.allclose(plain.magnitude.roll(n, 1), shifted.magnitude, atol=1e-6)]
        assert len(matches) == 1 and matches[0] > 0
        assert torch.equal(plain.labels.roll(matches[0], 1), shifted.labels)


def test_speed_moves_the_labels_with_the_sound(folders: tuple[Path, Path]) -> None:
    for epoch in range(5):
        batch = changed(folders, "frame", 3, epoch, speed=0.5)
        assert batch.labels is not None
        energy = batch.magnitude[0].sum(dim=1)
        sounding = energy > 0.02 * energy.max()
        assert (sounding == batch.labels[0].any(dim=1)).float().mean() > 0.93
        assert batch.labels.shape == (1, 63, 3)


def test_changed_references_add_up_to_the_changed_mixture(folders: tuple[Path, Path]) -> None:
    every = {"gain_db": (-6.0, 6.0), "shift": True, "filter_db": 6.0, "speed": 0.1}
    for item in range(5):
        strong, weak = (changed(folders, kind, item, epoch=3, **every) for kind in ("strong", "clip"))
        torch.testing.assert_close(strong.magnitude, weak.magnitude, rtol=0, atol=1e-5)
        assert strong.sources is not None and (strong.sources <= strong.magnitude[:, None]).all()
        single = strong.sources.amax(dim=(2, 3)) > 0
        if single.sum() == 1:  # of one class, the reference is the mixture
            torch.testing.assert_close(strong.sources.sum(dim=1), strong.magnitude, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_samples", [2500, 9000])
def test_audio_of_another_length_than_the_tables_say_is_told(folders: tuple[Path, Path], n_samples: int) -> None:
    """It was cut or filled with silence."""
    write_audio(folders[0] / "audio/mix/mix-1.wav", np.zeros(n_samples), RATE)
    with pytest.raises(UserError, match=f"mix-1.wav: audio of {1 + n_samples // 64} frames, expected the 63 of mix-1;"):
        changed(folders, "clip")
