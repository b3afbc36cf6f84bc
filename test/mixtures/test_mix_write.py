"""Stage 1: tables, rebuilding from scenes.jsonl, the same files for any number of workers."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.bin.mix import main
from weaksep.bin.rebuild import main as rebuild
from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.lock import folder_lock
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import read_table, write_table
from weaksep.mixtures import rebuild as rebuild_module
from weaksep.mixtures import write
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.pool import EventAudio, EventPool
from weaksep.mixtures.renderer import render
from weaksep.mixtures.scene import read_scenes
from weaksep.mixtures.write import write_set

RATE = 8000
LABELS = ["zebra", "ant", "bee"]


def make_events(folder, per_class=6, quiet=()):
    """A folder as stage 0 leaves it: noises of 0.05 to 0.4 s, `quiet` ones after 0.3 s of silence."""
    rng = np.random.default_rng(0)
    tables = {name: {} for name in ("wav.scp", "utt2class", "utt2spk")}
    for label in LABELS:
        for number in range(per_class):
            event = f"{label}-{number}"
            wave = rng.standard_normal(int(rng.integers(400, 3200)))
            if event in quiet:
                wave = np.concatenate([np.zeros(2400), wave])
            write_audio(folder / f"audio/{event}.wav", wave, RATE, "FLOAT")
            tables["wav.scp"][event] = f"audio/{event}.wav"
            tables["utt2class"][event] = label
            tables["utt2spk"][event] = f"rec-{event}"
    for name, table in tables.items():
        write_table(folder / name, table)
    write_text(folder / "labels.txt", "\n".join(LABELS) + "\n")
    return folder


def config(**changes):
    values = {"clip_s": 0.5, "mean_events": 3.0, "sets": {"train": 30, "valid": 2, "test": 2}}
    return MixConfig(**{**values, **changes})


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return make_events(tmp_path_factory.mktemp("events") / "train")


@pytest.fixture(scope="module")
def data(events, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "train"
    write_set(config(), "train", events, Shards(folder), nj=1)
    return folder


def test_tables_agree_with_the_scenes(data):
    made = DataDir.load(data)
    scenes = {scene.utt_id: scene for scene in read_scenes(data / "scenes.jsonl")}
    assert list(made.wav) == list(scenes) == [f"train-{number:06d}" for number in range(1, 31)]
    assert made.classes == tuple(LABELS)
    assert read_table(data / "utt2spk") == read_table(data / "spk2utt") == {utt: utt for utt in scenes}
    assert set(read_table(data / "utt2dur").values()) == {"0.5000000"}
    for utt, labels in made.clip_labels().items():
        assert set(labels) == {event.class_name for event in scenes[utt].events}
        assert list(labels) == [label for label in LABELS if label in labels], "in the order of labels.txt"
    for label, references in made.references().items():
        assert set(references) == {utt for utt, labels in made.clip_labels().items() if label in labels}


def test_event_labels_hold_the_exact_samples(data, events):
    pool = EventPool.load(events)
    made = DataDir.load(data)
    labels = made.events()
    for scene in read_scenes(data / "scenes.jsonl"):
        expected = []
        for event in scene.events:
            start = round(event.onset_s * RATE)
            length = soundfile.info(pool.wav[event.event_id]).frames
            expected.append((start, min(start + length, 4000), event.class_name))
        in_samples = [(row.onset_s * RATE, row.offset_s * RATE) for row in labels[scene.utt_id]]
        np.testing.assert_allclose(in_samples, np.rint(in_samples), rtol=0, atol=1e-3, err_msg="off the grid")
        rows = [(round(row.onset_s * RATE), round(row.offset_s * RATE), row.label) for row in labels[scene.utt_id]]
        assert rows == sorted(expected)
        assert all(start < end <= 4000 for start, end, _ in rows)


def test_audio_is_silent_where_the_labels_say_so_and_sums_up(data):
    made = DataDir.load(data)
    references, events = made.references(), made.events()
    for utt, path in made.wav.items():
        mixture, rate = soundfile.read(path, dtype="int16")
        assert (len(mixture), rate, soundfile.info(path).subtype) == (4000, RATE, "PCM_16")
        total = np.zeros(4000, dtype=np.int64)
        for label in LABELS:
            active = np.zeros(4000, dtype=bool)
            for event in events[utt]:
                if event.label == label:
                    active[round(event.onset_s * RATE) : round(event.offset_s * RATE)] = True
            assert active.any() == (utt in references[label])
            if active.any():
                reference, _ = soundfile.read(references[label][utt], dtype="int16")
                assert reference.any() and not reference[~active].any()
                total += reference
        np.testing.assert_array_equal(mixture, total)


def test_scenes_rebuild_the_audio_bit_for_bit(data, events):
    audio = EventAudio(EventPool.load(events))
    made = DataDir.load(data)
    references = made.references()
    for scene in read_scenes(data / "scenes.jsonl"):
        mixture, parts = render(scene, audio)
        np.testing.assert_array_equal(soundfile.read(made.wav[scene.utt_id], dtype="int16")[0], mixture)
        assert {label for label in LABELS if scene.utt_id in references[label]} == set(parts)
        for label, part in parts.items():
            stored, _ = soundfile.read(references[label][scene.utt_id], dtype="int16")
            np.testing.assert_array_equal(stored, part)


def test_the_same_files_for_any_number_of_workers(data, events, tmp_path):
    write_set(config(), "train", events, Shards(tmp_path / "train"), nj=2)
    assert contents(tmp_path / "train") == contents(data)


def test_a_shorter_run_gives_the_same_first_mixtures_and_leaves_nothing_old(data, events, tmp_path):
    write_set(config(), "train", events, Shards(tmp_path), nj=1)
    short = config(sets={"train": 4, "valid": 1, "test": 1})
    write_set(short, "train", events, Shards(tmp_path), nj=1)
    left, whole = contents(tmp_path), contents(data)
    audio = {name for name in left if name.endswith(".wav")}
    assert {name.split("/")[-1] for name in audio} == {f"train-{n:06d}.wav" for n in range(1, 5)}
    assert all(left[name] == whole[name] for name in audio)
    first = whole["scenes.jsonl"].splitlines(keepends=True)[:4]
    assert left["scenes.jsonl"] == b"".join(first)


def test_scenes_with_an_unheard_event_are_drawn_anew(tmp_path, caplog):
    quiet = {f"{label}-{number}" for label in LABELS for number in range(3)}
    events = make_events(tmp_path / "events/train", quiet=quiet)
    with caplog.at_level(logging.INFO):
        write_set(config(), "train", events, Shards(tmp_path / "train"), nj=1)
    assert "scenes drawn anew" in caplog.text and "active classes a mixture" in caplog.text
    made = DataDir.load(tmp_path / "train")
    for references in made.references().values():
        assert all(read_audio(path, RATE).any() for path in references.values())


def test_events_that_are_never_heard_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "MAX_ATTEMPTS", 5)
    everything = {f"{label}-{number}" for label in LABELS for number in range(6)}
    events = make_events(tmp_path / "events/train", quiet=everything)
    with pytest.raises(UserError, match="train-00000[0-9]: 5 draws each held an event"):
        write_set(config(clip_s=0.25), "train", events, Shards(tmp_path / "train"), nj=1)


def test_a_failed_run_leaves_no_table(data, events, tmp_path, monkeypatch):
    folder = tmp_path / "train"
    write_set(config(), "train", events, Shards(folder), nj=1)

    def broken(*args, **kwargs):
        raise UserError("the disk is full")

    monkeypatch.setattr(write, "finish", broken)
    with pytest.raises(UserError, match="disk is full"):
        write_set(config(), "train", events, Shards(folder), nj=1)
    assert all(name.startswith(".unfinished/") for name in contents(folder))


def test_the_command_writes_all_sets_and_takes_a_seed(events, tmp_path):
    for name in ("valid", "test"):
        make_events(tmp_path / "events" / name)
    (tmp_path / "events/train").symlink_to(events)
    path = tmp_path / "mix.yaml"
    path.write_text("clip_s: 0.5\nmean_events: 2\nsets: {train: 2, valid: 1, test: 1}\n")
    common = ["--config", str(path), "--events", str(tmp_path / "events")]
    main([*common, "--out", str(tmp_path / "a")])
    main([*common, "--out", str(tmp_path / "b"), "--seed", "0"])
    main([*common, "--out", str(tmp_path / "c"), "--seed", "1"])
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"train", "valid", "test"}
    stamps = {f"{name}/stamp.json" for name in ("train", "valid", "test")}
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert stamps < set(a)
    assert {name: a[name] for name in a if name not in stamps} == {name: b[name] for name in b if name not in stamps}
    assert contents(tmp_path / "a")["train/scenes.jsonl"] != contents(tmp_path / "c")["train/scenes.jsonl"]


@pytest.mark.parametrize("nj", [1, 2])
def test_the_rebuild_command_gives_the_same_folder(data, events, tmp_path, nj):
    options = ["--scenes", str(data / "scenes.jsonl"), "--events", str(events), "--out", str(tmp_path / "again")]
    rebuild([*options, "--nj", str(nj)])
    files = sorted(path.relative_to(data) for path in data.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    files.remove(Path("stamp.json"))  # of another command, of another time
    assert all((data / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in files)


def test_a_set_in_which_another_process_works_is_not_rebuilt(data, events, tmp_path, monkeypatch):
    monkeypatch.setattr(rebuild_module, "folder_lock", partial(folder_lock, patience_s=0.0))
    options = ["--scenes", str(data / "scenes.jsonl"), "--events", str(events), "--out", str(tmp_path / "again")]
    rebuild(options)
    before = contents(tmp_path / "again")
    with folder_lock(tmp_path / "again"), pytest.raises(UserError, match="works here"):
        rebuild(options)
    assert contents(tmp_path / "again") == before


def test_ids_of_a_set_depend_on_its_own_size(events, tmp_path):
    for sets in ({"train": 2, "valid": 1, "test": 1}, {"train": 2, "valid": 1, "test": 1_000_000}):
        write_set(config(sets=sets), "train", events, Shards(tmp_path / str(sets["test"])), nj=1)
    assert contents(tmp_path / "1") == contents(tmp_path / "1000000")


def test_what_cannot_be_rebuilt_is_told(data, events, tmp_path):
    scenes = tmp_path / "scenes.jsonl"
    scenes.write_text((data / "scenes.jsonl").read_text().replace("zebra", "zebu"))
    with pytest.raises(UserError, match="no event .*zebu"):
        rebuild(["--scenes", str(scenes), "--events", str(events), "--out", str(tmp_path / "again")])
    assert not (tmp_path / "again").exists()
    with pytest.raises(UserError, match="which is read here; give another folder"):
        rebuild(["--scenes", str(data / "scenes.jsonl"), "--events", str(events), "--out", str(data)])
