"""Separation of a folder: files, tables, workers, and what is said when something is wrong."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info, read_audio, write_audio
from weaksep.fileio.datadir import DataDir, read_scp
from weaksep.fileio.shards import Shards
from weaksep.infer.clips import Clip, equal_length_batches
from weaksep.infer.dataset import Oracle, separate_dataset, write_unprocessed
from weaksep.infer.masks import ORACLES
from weaksep.infer.model import save_untrained
from weaksep.metrics.si_sdr import si_sdr_improvement

CLASSES = ["bark", "drill", "horn"]


def separated(out):
    """class -> clip -> samples, through the tables."""
    return {name: {u: read_audio(p, 8000) for u, p in read_scp(out / f"{name}.scp").items()} for name in CLASSES}


def test_every_clip_and_class_is_written(tmp_path, test_data):
    data = DataDir.load(test_data)
    folder = save_untrained(tmp_path / "exp" / "separator_strong", CLASSES, 8000)
    separate_dataset(folder, data, tmp_path / "out", batch_size=2)
    sources = separated(tmp_path / "out")
    for utt, path in data.wav.items():
        total = sum(sources[name][utt] for name in CLASSES)
        # Softmax masks sum to one; each of three files was rounded to 16 bits.
        np.testing.assert_allclose(total, read_audio(path, 8000), atol=3 / 32768)
    assert audio_info(tmp_path / "out/audio/bark/mix-1.wav") == (4000, 8000, 1)
    assert "audio/bark/mix-1.wav" in (tmp_path / "out/bark.scp").read_text()


def test_workers_and_batches_do_not_matter(tmp_path, test_data):
    data = DataDir.load(test_data)
    folder = save_untrained(tmp_path / "separator_strong", CLASSES, 8000)
    separate_dataset(folder, data, tmp_path / "one", batch_size=16)
    separate_dataset(folder, data, tmp_path / "two", batch_size=3, nj=2)
    one, two = separated(tmp_path / "one"), separated(tmp_path / "two")
    for name in CLASSES:
        for utt in data.wav:
            np.testing.assert_allclose(one[name][utt], two[name][utt], atol=1.5 / 32768)


@pytest.mark.parametrize("name", ORACLES)
def test_oracles_beat_the_mixture(tmp_path, test_data, name):
    data = DataDir.load(test_data)
    separate_dataset(Oracle(name, 128, 64), data, tmp_path / name)
    sources = separated(tmp_path / name)
    references = data.references()
    for utt, names in data.clip_labels().items():
        truth = np.stack([read_audio(references[c][utt], 8000) for c in names])
        estimate = np.stack([sources[c][utt] for c in names])
        if len(names) > 1:
            gain = si_sdr_improvement(truth, estimate, read_audio(data.wav[utt], 8000))[2]
            assert gain.min() > 10
        else:
            np.testing.assert_allclose(estimate, truth, atol=1.5 / 32768)
        for absent in set(CLASSES) - set(names):
            assert not sources[absent][utt].any()


def test_unprocessed_points_at_the_mixtures(tmp_path, test_data):
    data = DataDir.load(test_data)
    write_unprocessed(data, tmp_path / "exp/unprocessed/separated/test")
    sources = separated(tmp_path / "exp/unprocessed/separated/test")
    for utt, path in data.wav.items():
        np.testing.assert_array_equal(sources["horn"][utt], read_audio(path, 8000))
    assert not (tmp_path / "exp/unprocessed/separated/test/audio").exists()


def test_unprocessed_through_a_symbolic_link(tmp_path, test_data):
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "exp").symlink_to(tmp_path / "elsewhere/deep")
    write_unprocessed(DataDir.load(test_data), tmp_path / "exp/unprocessed/separated/test")
    assert len(separated(tmp_path / "exp/unprocessed/separated/test")["bark"]) == 5


def test_clips_of_different_length_do_not_share_a_batch():
    clips = [Clip(f"u{k}", "", length) for k, length in enumerate([10, 20, 10, 10, 20])]
    batches = [[clip.utt for clip in batch] for batch in equal_length_batches(clips, 2)]
    assert batches == [["u0", "u2"], ["u3"], ["u1", "u4"]]


def test_nothing_of_an_earlier_run_remains(tmp_path, test_data):
    data = DataDir.load(test_data)
    earlier = Shards(tmp_path / "out", kind="separated")
    earlier.begin([tmp_path / "out/cat.scp"])
    earlier.claims("1")([tmp_path / "out/audio/bark/old.wav"])
    (tmp_path / "out/audio/bark").mkdir(parents=True)
    (tmp_path / "out/audio/bark/old.wav").write_text("")
    (tmp_path / "out/cat.scp").write_text("old old.wav\n")
    earlier.finish()
    separate_dataset(Oracle("oracle_irm", 128, 64), data, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "audio",
        "bark.scp",
        "drill.scp",
        "horn.scp",
        "source.sha256",
        "stamp.json",
    ]
    assert not (tmp_path / "out/audio/bark/old.wav").exists()


def test_a_run_that_fails_leaves_no_table(tmp_path, test_data):
    data = DataDir.load(test_data)
    separate_dataset(Oracle("oracle_irm", 128, 64), data, tmp_path / "out")
    # Right in the header, but shorter than its mixture: found only when it is read.
    write_audio(test_data / "audio/horn/mix-5.wav", np.zeros(10, dtype=np.int16), 8000)
    with pytest.raises(UserError, match="10 samples, the mixture mix-5 has 4000"):
        separate_dataset(Oracle("oracle_irm", 128, 64), data, tmp_path / "out")
    assert list((tmp_path / "out").glob("*.scp")) == []


def test_samples_that_clip_are_counted(tmp_path, test_data, caplog, monkeypatch):
    # A mask of 2 lifts a constant 0.6 beyond full scale, in every class's output of this one clip.
    write_audio(test_data / "audio/mix/mix-1.wav", np.full(4000, 0.6), 8000)
    monkeypatch.setitem(ORACLES, "oracle_irm", lambda sources, mixture: torch.full(sources.shape, 2.0))
    with caplog.at_level(logging.WARNING):
        separate_dataset(Oracle("oracle_irm", 128, 64), DataDir.load(test_data), tmp_path / "out")
    assert "12000 sample(s) in 3 of 15 files clipped" in caplog.text
    assert read_audio(tmp_path / "out/audio/bark/mix-1.wav", 8000).max() == np.float32(32767 / 32768)


def test_all_bad_mixtures_are_listed(tmp_path, test_data):
    (test_data / "audio/mix/mix-1.wav").unlink()
    (test_data / "audio/mix/mix-3.wav").write_text("no audio")
    write_audio(test_data / "audio/mix/mix-4.wav", np.zeros(10, dtype=np.int16), 16000)
    (test_data / "audio/horn/mix-5.wav").unlink()
    with pytest.raises(UserError, match="4 problems") as caught:
        separate_dataset(Oracle("oracle_ibm", 128, 64), DataDir.load(test_data), tmp_path / "out")
    for name in ("mix/mix-1.wav", "mix/mix-3.wav", "mix/mix-4.wav", "horn/mix-5.wav"):
        assert name in str(caught.value)


def test_other_classes_or_rate_than_trained_for(tmp_path, test_data):
    data = DataDir.load(test_data)
    with pytest.raises(UserError, match="trained for classes horn drill bark"):
        separate_dataset(save_untrained(tmp_path / "a", CLASSES[::-1], 8000), data, tmp_path / "out")
    with pytest.raises(UserError, match="trained at 16000 Hz"):
        separate_dataset(save_untrained(tmp_path / "b", CLASSES, 16000), data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
