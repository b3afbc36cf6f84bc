"""Backgrounds in training: an unlabelled clip is a submixture of no class, and a residual output has a target."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.feats.config import AugmentConfig, FeatsConfig, Knowledge, RemixConfig
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.feats.remix import Candidates, draw_remix
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.network import Features
from weaksep.fileio.tables import write_table
from weaksep.seeding import generator
from weaksep.signal.stft import Stft
from weaksep.train.config import SeparatorTraining

FEATS = FeatsConfig(window_samples=128, hop_samples=64)
FEATURES = Features(window_samples=128, hop_samples=64, sample_rate=8000)
UTTS = [f"mix-{number}" for number in range(1, 6)]
# Of remixes drawn before there were unlabelled clips.
GOLDEN = "335a6208e880aeb1986c426c23fcd8a9c9a2c27a31b7ba9d75a46e9ccfdeebf9"
Folders = tuple[Path, Path]


class WithResidual(Knowledge):
    """Of a separator with a residual output."""

    @property
    def residual(self) -> bool:
        return True


def magnitude(path: Path) -> torch.Tensor:
    return Stft(128, 64).magnitude(torch.from_numpy(read_audio(path, 8000))[None])[0]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, tiny: ModuleType) -> Folders:
    """``tiny_data`` with a background under the first four clips, and two unlabelled clips beside it."""
    top = tmp_path_factory.mktemp("background")
    data, rng = tiny.make_data(top / "data/train"), np.random.default_rng(5)
    for utt in UTTS[:4]:
        noise = np.rint(300 * rng.standard_normal(4000)).astype(np.int16)
        mixture = np.rint(read_audio(data / f"audio/mix/{utt}.wav", 8000) * 32768).astype(np.int16)
        write_audio(data / f"audio/background/{utt}.wav", noise, 8000)
        write_audio(data / f"audio/mix/{utt}.wav", mixture + noise, 8000)
    write_table(data / "src_background.scp", {utt: f"audio/background/{utt}.wav" for utt in UTTS[:4]})
    other = tiny.make_data(top / "data/train_street", {"street-1": {}, "street-2": {}})
    for utt in ("street-1", "street-2"):
        write_audio(other / f"audio/mix/{utt}.wav", np.rint(300 * rng.standard_normal(4000)).astype(np.int16), 8000)
    for name in ("train", "train_street"):
        extract(top / "data" / name, top / "dump" / name, FEATS, nj=1, references=name == "train")
    return data, top / "dump/train"


def street(folders: Folders) -> Folders:
    return tuple(folder.with_name("train_street") for folder in folders)  # type: ignore[return-value]


def clips_of(folders: Folders, kind: str, p: float, cls: type[Knowledge] = Knowledge, **remix: object) -> TrainingSet:
    config = RemixConfig.model_validate({"p_unlabelled": p, "p_single": 0.0, **remix})
    known = cls.model_validate({"supervision": kind, "remix": config, "unlabelled": "street" if p else ""})
    return TrainingSet(*folders, known, unlabelled=street(folders) if p else None)


def test_draws_without_unlabelled_clips_are_what_they_were() -> None:
    classes = np.random.default_rng(0).random((40, 5)) < 0.3
    classes[~classes.any(axis=1), 0] = True
    config = RemixConfig(max_clips=4, p_single=0.2, few_class_bias=1.0, p_separated=0.3)
    augment = AugmentConfig(filter_db=6.0, speed=0.1)
    candidates = Candidates(classes, config)
    drawn = [
        draw_remix(candidates, row, augment, generator(0, "remix", 0, str(row)), [100] * 40, FEATURES)
        for row in range(40)
    ]
    text = repr([(r.rows, r.separated, [(c.shift_frames, round(c.speed, 9)) for c in r.changes]) for r in drawn])
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN


def test_an_unlabelled_clip_takes_the_place_of_the_last_one() -> None:
    classes = np.eye(6, dtype=bool)

    def rows(p: float, **remix: float) -> list[tuple[int, ...]]:
        config = RemixConfig.model_validate({"max_clips": 4, "p_unlabelled": p, **remix})
        candidates = Candidates(classes, config)
        return [
            draw_remix(candidates, row % 6, None, generator(0, str(row)), [9] * 8, FEATURES).rows for row in range(600)
        ]

    always = rows(1.0)
    assert all(own[-1] in (6, 7) and all(row < 6 for row in own[:-1]) for own in always)
    assert {len(own) for own in always} == {1, 2, 3, 4} and {own[-1] for own in always} == {6, 7}
    assert all(len(own) == 1 for own in rows(1.0, p_single=1.0))
    assert 0.2 < np.mean([own[-1] > 5 for own in rows(0.25)]) < 0.3
    config = RemixConfig(max_clips=3, p_single=0.0, p_unlabelled=1.0)
    lonely = Candidates(classes[:1], config)
    alone = [draw_remix(lonely, 0, None, generator(0, str(n)), [9] * 2, FEATURES).rows for n in range(20)]
    assert alone == [(0, 1)] * 20, "a clip without another one to go with is not lost"


@pytest.mark.parametrize("kind", ["clip", "frame"])
def test_it_is_a_submixture_of_no_class(folders: Folders, kind: str) -> None:
    clips = clips_of(folders, kind, 1.0)
    (batch,) = clips.batch(range(5))
    assert batch.submixture_labels is not None and batch.submixtures is not None and batch.labels is not None
    first, second = batch.submixture_labels[:, 0].unbind(dim=1)
    assert first.flatten(1).any(dim=1).all() and not second.any()
    assert torch.equal(batch.labels, first)
    candidates = [magnitude(street(folders)[0] / f"audio/mix/street-{n}.wav") for n in (1, 2)]
    for mixture, submixture in zip(batch.magnitude, batch.submixtures[:, 0, 1], strict=True):
        assert any(torch.allclose(submixture, torch.minimum(one, mixture), atol=1e-5) for one in candidates)


def test_alone_it_is_a_negative_for_a_classifier(folders: Folders) -> None:
    (batch,) = clips_of(folders, "clip", 1.0, p_single=1.0).batch(range(5))
    assert batch.labels is not None and not batch.labels.any() and (batch.magnitude.flatten(1).sum(dim=1) > 0).all()


def test_class_priors_are_those_of_labelled_clips(folders: Folders) -> None:
    priors = [clips_of(folders, "clip", p).class_priors() for p in (0.0, 0.5)]
    assert torch.equal(*priors)


def test_the_residual_of_strong_training_has_the_background_as_its_target(folders: Folders) -> None:
    plain, residual = (TrainingSet(*folders, cls(supervision="strong")) for cls in (Knowledge, WithResidual))
    (batch,) = residual.batch(range(5))
    (without,) = plain.batch(range(5))
    assert batch.sources is not None and without.sources is not None and without.background is None
    assert torch.equal(batch.sources, without.sources) and batch.background is not None
    torch.testing.assert_close(batch.background[1], magnitude(folders[0] / "audio/background/mix-2.wav"))
    assert not batch.background[4].any()


def test_strong_remixes_hear_the_background_whether_or_not_it_is_a_target(folders: Folders) -> None:
    single = {"p_single": 1.0}
    for cls in (Knowledge, WithResidual):
        (batch,) = clips_of(folders, "strong", 0.0, cls, **single).batch(range(5))
        assert batch.sources is not None and batch.sources.shape[1] == 3
        assert (batch.background is None) == (cls is Knowledge)
        for row, utt in enumerate(UTTS):
            mixture = magnitude(folders[0] / f"audio/mix/{utt}.wav")
            torch.testing.assert_close(batch.magnitude[row], mixture, rtol=1e-3, atol=1e-4)
    background = torch.minimum(magnitude(folders[0] / "audio/background/mix-2.wav"), batch.magnitude[1])
    assert batch.background is not None
    torch.testing.assert_close(batch.background[1], background, rtol=1e-3, atol=1e-4)


def test_an_unlabelled_clip_goes_to_the_residual_of_strong_training(folders: Folders) -> None:
    (batch,) = clips_of(folders, "strong", 1.0, WithResidual, **{"p_single": 1.0}).batch(range(5))
    assert batch.sources is not None and not batch.sources.any() and batch.background is not None
    torch.testing.assert_close(batch.background, batch.magnitude)


def test_without_backgrounds_a_residual_is_asked_for_nothing(test_data: Path, tmp_path: Path) -> None:
    extract(test_data, tmp_path / "dump", FEATS, nj=1, references=True)
    (batch,) = TrainingSet(test_data, tmp_path / "dump", WithResidual(supervision="strong")).batch([0, 1])
    assert batch.sources is not None and batch.sources.shape[1] == 3 and batch.background is None


def test_weak_training_opens_no_reference(folders: Folders, tmp_path: Path) -> None:
    for file in folders[0].iterdir():
        if not file.name.startswith("src_"):
            (tmp_path / file.name).symlink_to(file)
    clips = TrainingSet(tmp_path, folders[1], WithResidual(supervision="clip"))
    assert clips.classes == ("bark", "drill", "horn") and DataDir.load(folders[0]).sources[3:] == ("background",)


def test_labelled_clips_do_not_pass_for_unlabelled_ones(folders: Folders) -> None:
    known = Knowledge(supervision="clip", unlabelled="street", remix=RemixConfig(p_unlabelled=0.5))
    with pytest.raises(UserError, match="data/train: no clips without a class"):
        TrainingSet(*folders, known, unlabelled=folders)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unlabelled": "street"}, "go together; give both or none"),
        ({"remix": {"p_unlabelled": 0.5}}, "go together; give both or none"),
        ({"unlabelled": "street", "remix": {"p_unlabelled": 0.5}}, "has no output; net.residual: true"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeparatorTraining.model_validate({"supervision": "clip", **settings})
