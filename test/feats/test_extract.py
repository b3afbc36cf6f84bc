"""Extraction: any number of workers, references that add up, statistics, and what training may open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.feats.batch import Batch
from weaksep.feats.config import FeatsConfig, Knowledge
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.feats.features import FeatureSet
from weaksep.feats.stats import log_magnitude
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import read_table, write_table
from weaksep.fileio.tsv import write_tsv

CONFIG = FeatsConfig(window_samples=128, hop_samples=64, shard_clips=2)
RATE = 8000
CLASSES = ("dog", "horn")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Five clips of 0.2 s; even ones hold a dog in their second half, all hold a horn."""
    folder = tmp_path / "data"
    rng = np.random.default_rng(0)
    wavs: dict[str, dict[str, str]] = {"wav": {}, "src_dog": {}, "src_horn": {}}
    labels, events = {}, []
    for index in range(5):
        utt = f"utt-{index}"
        sources = {"horn": rng.integers(-2000, 2000, 1600).astype(np.int16)}
        events.append({"filename": f"{utt}.wav", "onset": 0.0, "offset": 0.2, "event_label": "horn"})
        if index % 2 == 0:
            dog = rng.integers(-2000, 2000, 1600).astype(np.int16)
            dog[:800] = 0
            sources["dog"] = dog
            events.append({"filename": f"{utt}.wav", "onset": 0.1, "offset": 0.2, "event_label": "dog"})
        labels[utt] = ",".join(sorted(sources))
        for name, samples in {"wav": sum(sources.values()), **{f"src_{k}": v for k, v in sources.items()}}.items():
            wavs[name][utt] = f"audio/{name}-{utt}.wav"
            write_audio(folder / wavs[name][utt], samples, RATE)
    for name, table in wavs.items():
        write_table(folder / f"{name}.scp", table)
    write_table(folder / "utt2labels", labels)
    write_tsv(folder / "events.tsv", ["filename", "onset", "offset", "event_label"], events)
    (folder / "labels.txt").write_text("\n".join(CLASSES) + "\n")
    return folder


def clips_of(data_dir: Path, tmp_path: Path, supervision: str) -> TrainingSet:
    return TrainingSet(data_dir, tmp_path / "dump", Knowledge(supervision=supervision))


def first_two(data_dir: Path, tmp_path: Path, supervision: str) -> Batch:
    (batch,) = clips_of(data_dir, tmp_path, supervision).batch([0, 1])
    return batch


def features_of(data_dir: Path, tmp_path: Path) -> FeatureSet:
    return FeatureSet(tmp_path / "dump", DataDir.load(data_dir))


def test_the_number_of_workers_changes_nothing(data_dir: Path, tmp_path: Path) -> None:
    for nj in (1, 2):
        extract(data_dir, tmp_path / f"dump{nj}", CONFIG, nj=nj, references=True)
    one, two = sorted((tmp_path / "dump1").rglob("*")), sorted((tmp_path / "dump2").rglob("*"))
    assert [p.name for p in one] == [p.name for p in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True) if a.is_file())
    assert len(list((tmp_path / "dump1/ark").glob("feats.*.ark"))) == 3
    assert set(read_table(tmp_path / "dump1/utt2num_frames").values()) == {"26"}


def test_magnitudes_are_those_of_numpys_fft(data_dir: Path, tmp_path: Path) -> None:
    extract(data_dir, tmp_path / "dump", CONFIG, nj=1, references=False)
    magnitude = features_of(data_dir, tmp_path).read("utt-3")
    audio = read_audio(DataDir.load(data_dir).wav["utt-3"], RATE)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(128) / 128))
    expected = np.abs(np.fft.rfft(audio[5 * 64 - 64 : 5 * 64 + 64] * window)) / np.sqrt(np.sum(window**2))
    np.testing.assert_allclose(magnitude[5], expected, atol=1e-5)


def test_statistics_and_batches(data_dir: Path, tmp_path: Path) -> None:
    extract(data_dir, tmp_path / "dump", CONFIG, nj=2, references=True)
    batch = first_two(data_dir, tmp_path, "strong")
    assert batch.magnitude.shape == (2, 26, 65) and batch.labels is None and batch.frames is None
    assert batch.sources is not None and batch.sources.shape == (2, 2, 26, 65)
    assert not batch.sources[1, 0].any()  # no dog in the second clip
    assert torch.equal(batch.sources[1, 1], batch.magnitude[1])  # so the horn is the mixture
    frames = first_two(data_dir, tmp_path, "frame")
    assert frames.labels is not None and frames.sources is None
    assert frames.labels[0, :, 0].nonzero().flatten().tolist() == list(range(13, 25))  # centres 832 .. 1536
    features = features_of(data_dir, tmp_path)
    mean, std = features.log_statistics()
    logs = log_magnitude(np.concatenate([features.read(utt) for utt in features.n_frames]))
    np.testing.assert_allclose(mean, logs.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(std, logs.std(axis=0), atol=1e-3)


@pytest.mark.parametrize("feats_type", ["ark", "raw"])
def test_weak_sets_open_nothing_they_must_not_know(data_dir: Path, tmp_path: Path, feats_type: str) -> None:
    extract(data_dir, tmp_path / "dump", CONFIG.model_copy(update={"feats_type": feats_type}), nj=1)
    for file in data_dir.glob("src_*.scp"):
        file.unlink()
    frame = clips_of(data_dir, tmp_path, "frame")
    (data_dir / "events.tsv").unlink()
    clip = clips_of(data_dir, tmp_path, "clip")
    by_frame, by_clip = frame.batch([0, 1])[0].labels, clip.batch([0, 1])[0].labels
    assert by_frame is not None and by_clip is not None
    assert by_frame.amax(dim=1).tolist() == by_clip.tolist() == [[1, 1], [0, 1]]
    assert clip.batch([0])[0].sources is None
    assert frame.class_priors()[1] == pytest.approx(25 / 26)
    np.testing.assert_allclose(clip.class_priors(), [0.6, 1.0])
    with pytest.raises(UserError, match="events.tsv: no such file"):
        clips_of(data_dir, tmp_path, "frame")


def test_missing_references_and_missing_features_are_told(data_dir: Path, tmp_path: Path) -> None:
    extract(data_dir, tmp_path / "dump", CONFIG, nj=1, references=False)
    with pytest.raises(UserError, match="rerun stage 2 with a strong system"):
        clips_of(data_dir, tmp_path, "strong")
    wavs = read_table(data_dir / "wav.scp")
    write_table(data_dir / "wav.scp", {**wavs, "utt-9": wavs["utt-0"]})
    write_table(data_dir / "utt2labels", {**read_table(data_dir / "utt2labels"), "utt-9": "horn"})
    with pytest.raises(UserError, match="no features for 1 clips"):
        clips_of(data_dir, tmp_path, "clip")


def test_raw_features_are_those_of_the_archives_and_write_none(data_dir: Path, tmp_path: Path) -> None:
    sets = {}
    for feats_type in ("ark", "raw"):
        dump = tmp_path / feats_type
        extract(data_dir, dump, CONFIG.model_copy(update={"feats_type": feats_type}), nj=1, references=True)
        sets[feats_type] = FeatureSet(dump, DataDir.load(data_dir))
    assert [path.name for path in (tmp_path / "raw").rglob("*") if path.suffix in (".ark", ".scp")] == ["cmvn.ark"]
    for name in ("cmvn.ark", "references.sha256", "utt2num_frames"):
        assert (tmp_path / "ark" / name).read_bytes() == (tmp_path / "raw" / name).read_bytes()
    ark, raw = sets["ark"], sets["raw"]
    for utt in ark.n_frames:
        wanted, sources = ark.read(utt), ark.references(utt, CLASSES)
        np.testing.assert_allclose(raw.read(utt), wanted, atol=1e-6 * wanted.max())
        np.testing.assert_allclose(raw.references(utt, CLASSES), sources, atol=1e-6 * sources.max())


def test_stage_2_leaves_nothing_of_an_earlier_run(data_dir: Path, tmp_path: Path) -> None:
    extract(data_dir, tmp_path / "dump", CONFIG, nj=1, references=True)
    before = features_of(data_dir, tmp_path).log_statistics()
    first = DataDir.load(data_dir).wav["utt-0"]
    write_audio(first, np.full(1600, 0.5), RATE)
    extract(data_dir, tmp_path / "dump", CONFIG, nj=1, references=False)
    assert not list((tmp_path / "dump").rglob("src_*"))
    assert not np.allclose(features_of(data_dir, tmp_path).log_statistics()[0], before[0])


def test_windows_must_overlap_by_half() -> None:
    with pytest.raises(ValueError, match="to half of it"):
        FeatsConfig(window_samples=256, hop_samples=200)


@pytest.mark.parametrize(("window", "warned"), [(256, False), (128, True), (1024, True)])
def test_a_window_that_is_not_as_long_as_it_was_meant(
    data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, window: int, warned: bool
) -> None:
    caplog.set_level("INFO")
    extract(data_dir, tmp_path / "dump", FeatsConfig(window_samples=window, hop_samples=window // 2), 1)
    assert f"windows of {window / 8:.1f} ms, {window / 16:.1f} ms apart, at 8000 Hz" in caplog.text
    assert ("windows of 32 ms, at 8000 Hz window_samples: 256, hop_samples: 128" in caplog.text) == warned
