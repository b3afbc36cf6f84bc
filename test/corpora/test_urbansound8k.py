"""UrbanSound8K: metadata checks, .flac stand-ins, and a split that no recording crosses."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.corpora.config import UrbanSound8KConfig
from weaksep.corpora.registry import load_data_config
from weaksep.corpora.urbansound8k import open_urbansound8k, read_metadata, split_by_recording
from weaksep.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"
# A part of the corpus; see the test that reads it.
PART = Path(os.environ.get("WEAKSEP_TEST_URBANSOUND8K", "-"))


def write_metadata(folder, rows, header=HEADER, encoding="utf-8"):
    path = folder / "metadata/UrbanSound8K.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding=encoding)
    return path


def row(fs_id, fold, class_name="siren", index=0, salience=1, class_id=8):
    return f"{fs_id}-{class_id}-0-{index}.wav,{fs_id},0.0,1.5,{salience},{fold},{class_id},{class_name}"


def config(**changes):
    values = {
        "corpus": "urbansound8k",
        "sample_rate": 8000,
        "classes": ["siren", "jackhammer"],
        "split": {"train": [1, 2], "valid": [3], "test": [4]},
    }
    return UrbanSound8KConfig(**{**values, **changes})


def test_rows_become_events(tmp_path):
    write_metadata(tmp_path, [row(77, 3, salience=2), row(5, 1, "jackhammer", 4)])
    first, second = read_metadata(tmp_path)
    assert (first.event_id, first.class_name, first.recording_id) == ("77-8-0-0", "siren", "77")
    assert (first.fold, first.salience) == (3, 2)
    assert first.path == tmp_path / "audio/fold3/77-8-0-0.wav"
    assert second.path == tmp_path / "audio/fold1/5-8-0-4.wav"


def test_a_class_that_the_corpus_does_not_have(tmp_path):
    write_metadata(tmp_path, [row(77, 3), row(5, 1, "jackhammer", 4)])
    with pytest.raises(
        UserError, match=r"(?s)no such class.*sirne; did you mean siren\? There are: siren, jackhammer$"
    ):
        open_urbansound8k(config(classes=["sirne", "jackhammer"]), tmp_path)


def test_byte_order_mark_blanks_and_extra_columns(tmp_path):
    write_metadata(
        tmp_path,
        [row(77, 3) + ",x"],
        header=HEADER.replace(",fsID", ", fsID") + ",extra",
        encoding="utf-8-sig",
    )
    assert [event.recording_id for event in read_metadata(tmp_path)] == ["77"]


def test_bad_rows_are_listed_together_with_their_lines(tmp_path):
    good = row(1, 1)
    rows = [
        good,
        good.replace("1-8-0-0.wav,1,", "../1.wav,1,"),
        row(2, "one"),
        row(3, 1, salience=3),
        row(4, 1).replace("1.5", "-1"),
        row(5, 1) + ",more",
        "6-8-0-0.wav,6",
        good,
        row(8, 1, class_name=" "),
    ]
    path = write_metadata(tmp_path, rows)
    with pytest.raises(UserError) as caught:
        read_metadata(tmp_path)
    text = str(caught.value)
    for line in (3, 4, 5, 6, 7, 8, 9, 10):
        assert f"{path}:{line}: " in text
    assert f"{path}:2: " not in text and "already on line 2" in text


def test_missing_columns(tmp_path):
    write_metadata(tmp_path, [], header="slice_file_name,fsID,start,end,salience,classID,class")
    with pytest.raises(UserError, match=r"UrbanSound8K.csv:1: missing columns: fold"):
        read_metadata(tmp_path)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_wrong_folder_says_what_was_expected_and_how_to_give_it(tmp_path, name):
    with pytest.raises(UserError) as caught:
        read_metadata(tmp_path / name)
    text = str(caught.value)
    assert "\n" not in text and str(tmp_path / name) in text
    for word in ("metadata/UrbanSound8K.csv", "audio/fold1", "URBANSOUND8K=", "--db DIR", "--download true"):
        assert word in text


def test_no_folder_at_all():
    with pytest.raises(UserError, match=r"URBANSOUND8K= in db\.sh or give --db DIR"):
        open_urbansound8k(config(), None)


def test_flac_of_the_same_stem_stands_in(tmp_path):
    write_metadata(tmp_path, [row(1, 1), row(2, 1), row(3, 4, "jackhammer")])
    fold = tmp_path / "audio/fold1"
    fold.mkdir(parents=True)
    stereo = np.stack([np.full(4410, 0.5), np.zeros(4410)], axis=1)
    soundfile.write(fold / "1-8-0-0.flac", stereo, 44100)
    corpus = open_urbansound8k(config(), tmp_path)
    first, second = corpus.sets["train"]
    waveform = corpus.load(first, 8000)
    assert waveform.shape == (800,) and waveform.dtype == np.float32
    np.testing.assert_allclose(waveform[200:600], 0.25, atol=1e-3)  # mean of the channels
    with pytest.raises(UserError, match="2-8-0-0.wav: missing"):
        corpus.load(second, 8000)


def test_class_and_salience_are_chosen(tmp_path):
    rows = [row(1, 1), row(2, 1, salience=2), row(3, 1, "dog_bark"), row(4, 9), row(5, 3), row(6, 4)]
    write_metadata(tmp_path, [*rows, row(7, 4, "jackhammer")])
    sets = open_urbansound8k(config(), tmp_path).sets
    assert [event.recording_id for event in sets["train"]] == ["1"]
    both = open_urbansound8k(config(salience=[1, 2]), tmp_path).sets
    assert [event.recording_id for event in both["train"]] == ["1", "2"]


def test_recordings_on_two_sides_move_whole(tmp_path, caplog):
    rows = [
        *(row(10, 4, index=i) for i in range(3)),  # test 3, train 1: to test
        row(10, 1, "jackhammer", 9),
        row(11, 1, index=0),  # a tie of train and test: to train
        row(11, 4, "jackhammer", 1),
        row(12, 3, index=0),  # a tie of valid and test: to valid
        row(12, 4, index=1),
        row(13, 1),
        row(14, 9, index=0),  # fold 9 is in no set, so its clip does not vote
        row(14, 4, index=1),
        row(15, 1, index=0),  # two folds of one side are no trouble
        row(15, 2, index=1),
    ]
    write_metadata(tmp_path, rows)
    with caplog.at_level(logging.INFO):
        sets = open_urbansound8k(config(), tmp_path).sets
    home = {name: sorted({event.recording_id for event in events}) for name, events in sets.items()}
    assert home == {"train": ["11", "13", "15"], "valid": ["12"], "test": ["10", "14"]}
    assert sum(len(events) for events in sets.values()) == 12
    assert "3 recordings were in two sets, 3 clips moved" in caplog.text


def test_the_official_split_has_five_recordings_in_two_folds(tmp_path):
    crossing = ["106905", "132016", "176638", "180937", "77751"]
    rows = []
    for fs_id in crossing:
        rows += [row(fs_id, 1, "siren", 0), row(fs_id, 1, "siren", 1), row(fs_id, 10, "jackhammer", 2)]
    rows += [row(1, 7), row(2, 10)]
    write_metadata(tmp_path, rows)
    paper = load_data_config(ROOT / "egs/urbansound_mix/conf/paper/data.yaml")
    fold_set = {fold: name for name in ("train", "valid", "test") for fold in getattr(paper.split, name)}
    assert sorted(fold_set) == list(range(1, 11))
    sets = split_by_recording(read_metadata(tmp_path), fold_set)
    assert sorted({event.recording_id for event in sets["train"]}) == sorted(crossing)
    assert [event.recording_id for event in sets["test"]] == ["2"]


@pytest.mark.skipif(not PART.is_dir(), reason="WEAKSEP_TEST_URBANSOUND8K names no folder with the recordings")
def test_the_development_part_splits_as_its_readme_says():
    subset = load_data_config(ROOT / "egs/urbansound_mix/conf/subset/data.yaml")
    sets = open_urbansound8k(subset, PART).sets
    expected = {  # clips (recordings) of car_horn, dog_bark, gun_shot, jackhammer, siren
        "train": [(80, 35), (206, 90), (126, 51), (135, 6), (49, 8)],
        "valid": [(9, 9), (70, 32), (40, 17), (14, 3), (9, 3)],
        "test": [(23, 16), (121, 43), (60, 21), (40, 3), (36, 5)],
    }
    for name, events in sets.items():
        chosen = [[event for event in events if event.class_name == label] for label in subset.classes]
        counts = [(len(part), len({event.recording_id for event in part})) for part in chosen]
        assert counts == expected[name]
