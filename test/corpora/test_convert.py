"""Stage 0: tables, files, and one list of all that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from weaksep.bin.data import main
from weaksep.corpora.config import Counts, SyntheticConfig
from weaksep.corpora.convert import convert
from weaksep.corpora.event import SourceEvent, check_sets
from weaksep.corpora.synthetic import open_synthetic
from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import read_scp
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import read_list, read_table

HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"
US8K_YAML = """
corpus: urbansound8k
sample_rate: 8000
classes: [siren, dog_bark]
split: {train: [1], valid: [2], test: [3]}
"""


def synthetic():
    config = SyntheticConfig(
        corpus="synthetic",
        sample_rate=8000,
        classes=["siren", "dog_bark"],
        recordings_per_class=Counts(train=2, valid=1, test=1),
        events_per_recording=2,
    )
    return open_synthetic(config, None), config


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tables_and_files_agree_and_do_not_depend_on_nj(tmp_path):
    corpus, config = synthetic()
    convert(corpus, config, Shards(tmp_path / "one"), nj=1, max_bad_ratio=0.0)
    convert(corpus, config, Shards(tmp_path / "two"), nj=2, max_bad_ratio=0.0)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    folder = tmp_path / "one/train"
    assert sorted(path.name for path in folder.iterdir()) == [
        "audio",
        "labels.txt",
        "spk2utt",
        "utt2class",
        "utt2dur",
        "utt2spk",
        "wav.scp",
    ]
    wav, dur = read_scp(folder / "wav.scp"), read_table(folder / "utt2dur")
    assert len(wav) == 8 and set(wav) == set(dur) == set(read_table(folder / "utt2class"))
    assert read_list(folder / "labels.txt") == ["siren", "dog_bark"]
    for event, path in wav.items():
        n_samples, rate, channels = audio_info(path)
        assert (rate, channels) == (8000, 1) and soundfile.info(path).subtype == "FLOAT"
        assert float(dur[event]) == pytest.approx(n_samples / 8000, abs=1e-7)
    assert read_table(folder / "spk2utt")["siren-train0001"] == "siren-train0001-00 siren-train0001-01"


def fake_us8k(tmp_path, broken=()):
    """Three folds with two classes; `broken` names clips that are spoilt in some way."""
    db = tmp_path / "UrbanSound8K"
    rows = []
    for fold in (1, 2, 3):
        for number, label in enumerate(["siren", "dog_bark", "siren"]):
            stem = f"{fold}{number}-0-0-0"
            rows.append(f"{stem}.wav,{fold}{number},0,1,1,{fold},0,{label}")
            path = db / f"audio/fold{fold}/{stem}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            wave = np.zeros(4410) if stem in broken else np.sin(np.arange(4410))
            soundfile.write(path, wave, 44100)
    (db / "metadata").mkdir()
    (db / "metadata/UrbanSound8K.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    (tmp_path / "data.yaml").write_text(US8K_YAML)
    return db


def run(tmp_path, db, *more):
    options = ["--config", tmp_path / "data.yaml", "--db", db, "--out", tmp_path / "events", *more]
    main([str(option) for option in options])


def test_all_bad_files_are_listed_and_nothing_is_left(tmp_path):
    db = fake_us8k(tmp_path, broken={"20-0-0-0"})
    run(tmp_path, fake_good(tmp_path), "--nj", "1")  # an earlier good run must not survive the bad one
    assert (tmp_path / "events/train/wav.scp").exists()
    (db / "audio/fold1/10-0-0-0.wav").unlink()
    (db / "audio/fold3/31-0-0-0.wav").unlink()
    (db / "audio/fold2/21-0-0-0.wav").write_bytes(b"RIFF, but nothing of the kind")
    with pytest.raises(UserError) as caught:
        run(tmp_path, db)
    text = str(caught.value)
    for name in (
        "10-0-0-0.wav: missing",
        "31-0-0-0.wav: missing",
        "21-0-0-0.wav: ",
        "20-0-0-0.wav: digital silence",
    ):
        assert name in text
    assert "4 of 9 clips" in text and "--max-bad-ratio" in text
    assert [path for path in (tmp_path / "events").rglob("*") if path.is_file()] == []


def fake_good(tmp_path):
    (tmp_path / "good").mkdir()
    return fake_us8k(tmp_path / "good")


def test_a_share_of_bad_files_can_be_left_out_by_name(tmp_path, caplog):
    db = fake_us8k(tmp_path)
    (db / "audio/fold1/10-0-0-0.wav").unlink()
    run(tmp_path, db, "--max-bad-ratio", "0.2")
    assert list(read_table(tmp_path / "events/train/wav.scp")) == ["11-0-0-0", "12-0-0-0"]
    assert "left out" in caplog.text and "10-0-0-0.wav" in caplog.text


def test_what_is_there_of_a_truncated_clip_can_be_taken(tmp_path, caplog):
    db = fake_us8k(tmp_path)
    clip = db / "audio/fold1/10-0-0-0.wav"
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="10-0-0-0.wav: truncated: .*or see --accept-truncated"):
        run(tmp_path, db)
    run(tmp_path, db, "--accept-truncated", "true")
    assert "10-0-0-0" in read_table(tmp_path / "events/train/wav.scp")
    assert "% is missing); what is there is taken" in caplog.text


def test_a_class_with_no_usable_clip_left_is_an_error(tmp_path):
    db = fake_us8k(tmp_path)
    (db / "audio/fold2/21-0-0-0.wav").unlink()
    with pytest.raises(UserError, match="valid: no event of class dog_bark"):
        run(tmp_path, db, "--max-bad-ratio", "0.5")


def test_a_recording_on_two_sides_is_refused():
    def event(event_id, recording):
        return SourceEvent(event_id, "siren", recording)

    sets = {"train": [event("a-1", "a")], "valid": [event("b-1", "b")], "test": [event("a-2", "a")]}
    with pytest.raises(UserError, match="recording a is in train and test"):
        check_sets(sets, ["siren"])


def test_synthetic_needs_no_db_and_has_no_download(tmp_path):
    (tmp_path / "data.yaml").write_text(
        "corpus: synthetic\nsample_rate: 8000\nclasses: [siren, dog_bark]\n"
        "recordings_per_class: {train: 1, valid: 1, test: 1}\nevents_per_recording: 1\n"
    )
    options = ["--config", str(tmp_path / "data.yaml"), "--out", str(tmp_path / "events")]
    with pytest.raises(UserError, match="no download"):
        main([*options, "--download", "true"])
    main(options)
    assert len(read_table(tmp_path / "events/test/wav.scp")) == 2
