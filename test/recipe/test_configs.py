"""Every YAML of every recipe fits its schema, and the paper's settings are the paper's."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from weaksep.bin import train
from weaksep.corpora.registry import load_data_config
from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import write_tsv
from weaksep.fileio.yamlfile import load_config
from weaksep.infer.model import Separator
from weaksep.infer.source_stream import latency_samples
from weaksep.mixtures.config import MixConfig
from weaksep.nets.build import build_classifier, build_separator
from weaksep.signal.stft import Stft
from weaksep.train.config import ClassifierTraining
from weaksep.train.parts import resolved
from weaksep.train.plan import plan_training
from weaksep.train.systems import all_systems, system_configs, system_variants

ROOT = Path(__file__).resolve().parents[2]
OWN_SYSTEMS = {
    "stream": {"remix", "remix_stream_1s", "remix_stream_100ms"},
    "subset_16k": {"remix", "strong_remix"},
    "subset_background": {"remix_background"},
}
FOLDERS = sorted(path.parent for path in ROOT.glob("egs/*/conf/**/mix.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_yaml_fits_and_every_net_is_built(folder: Path) -> None:
    data = load_data_config(folder / "data.yaml")
    mix = load_config(MixConfig, folder / "mix.yaml")
    feats = load_config(FeatsConfig, folder / "feats.yaml")
    n_bins, systems = feats.window_samples // 2 + 1, all_systems(folder)
    assert set(systems) >= OWN_SYSTEMS.get(folder.name, {"strong", "frame", "clip"})
    for name, config in system_configs(folder, systems).items():
        resolved(config, name)
        build_separator(config.net, len(data.classes), n_bins)
    for name in system_variants(folder, systems):
        mix.variant(name)
    for path in folder.glob("classifier_*.yaml"):
        config = load_config(ClassifierTraining, path)
        resolved(config, path.name)
        build_classifier(config.net, len(data.classes), n_bins, data.sample_rate)
    for task in ("classifier", "separator"):
        plan_training(task, folder, systems, datadir="data", dumpdir="dump", expdir="exp")


def make_sets(folder: Path, classes: Sequence[str], rate: int, feats: FeatsConfig) -> None:
    """data/ and dump/ of a training and a validation set: twelve clips of noise, one or two classes each."""
    rng = np.random.default_rng(0)
    for name in ("train", "valid"):
        data = folder / "data" / name
        tables: dict[str, dict[str, str]] = {f"src_{label}": {} for label in classes} | {"wav": {}}
        labels, events = {}, []
        for index in range(12):
            utt = f"{name}-{index:06d}"
            active = sorted({classes[index % len(classes)], classes[index // 3 % len(classes)]}, key=classes.index)
            sources = {f"src_{label}": rng.integers(-900, 900, rate // 16).astype(np.int16) for label in active}
            for key, audio in {**sources, "wav": sum(sources.values())}.items():
                tables[key][utt] = f"{key}-{utt}.wav"
                write_audio(data / tables[key][utt], np.asarray(audio), rate, durable=False)
            labels[utt] = ",".join(active)
            row = {"filename": f"{utt}.wav", "onset": 0.0, "offset": 0.05}
            events += [{**row, "event_label": label} for label in active]
        for key, table in tables.items():
            write_table(data / f"{key}.scp", table)
        write_table(data / "utt2labels", labels)
        write_tsv(data / "events.tsv", ["filename", "onset", "offset", "event_label"], events)
        (data / "labels.txt").write_text("".join(f"{label}\n" for label in classes))
        extract(data, folder / "dump" / name, feats, nj=1, references=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_system_makes_a_step(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every classifier and separator, its losses at their full weight, on clips of the folder's rate and classes."""
    pytest.importorskip("sklearn")
    data, feats = load_data_config(folder / "data.yaml"), load_config(FeatsConfig, folder / "feats.yaml")
    make_sets(tmp_path, data.classes, data.sample_rate, feats)
    systems = all_systems(folder)
    for variant in system_variants(folder, systems):
        for kind, name in ((kind, name) for kind in ("data", "dump") for name in ("train", "valid")):
            shutil.copytree(tmp_path / kind / name, tmp_path / kind / f"{name}_{variant}")
    for variant in {config.unlabelled for config in system_configs(folder, systems).values()} - {""}:
        for name in ("train", "valid"):  # the same clips under other names, as clips without a class
            places = {"data": ("wav.scp", "utt2labels"), "dump": ("feats.scp", "utt2num_frames")}
            for path in (tmp_path / kind / f"{name}_{variant}" / table for kind in places for table in places[kind]):
                pairs = [line.split(maxsplit=1) for line in path.read_text().splitlines()] if path.exists() else []
                write_table(path, {f"x-{utt}": "-" if path.name == "utt2labels" else value for utt, value in pairs})
    caplog.set_level("INFO")
    places = [f"--{kind}dir={tmp_path / kind}" for kind in ("data", "dump", "exp")]
    few = {name for name, config in system_configs(folder, systems).items() if config.train_clips}
    for own, more in ((set(systems) - few, []), (few, ["--set", "train_clips=6"])):
        settings = ["--set", "init=null", *more]  # whatever a system begins with has not been trained here
        options = [f"--config-dir={folder}", "--systems", " ".join(sorted(own)), "--dry-run=true", *places, *settings]
        for task in ("classifier", "separator") if own else ():
            train.main(["--task", task, *options])
    missing = [name for name in systems if f"separator_{name}: " not in caplog.text]
    assert not missing


def test_the_settings_of_the_model_to_begin_with() -> None:
    (config,) = system_configs(ROOT / "egs/esc50_mix/conf", ["remix_classified"]).values()
    assert (config.supervision, config.net["kind"], config.net["channels"]) == ("clip", "unet", [24, 48, 72, 96])
    assert set(config.losses) == {"remix", "classification"} and not config.residual


@pytest.mark.parametrize("folder", ["mini_urban/conf/stream", "urbansound_mix/conf/subset"])
def test_streams_are_as_late_as_their_names_say(folder: Path) -> None:
    place = ROOT / "egs" / folder
    data, feats = load_data_config(place / "data.yaml"), load_config(FeatsConfig, place / "feats.yaml")
    stft, latency_s = Stft(feats.window_samples, feats.hop_samples), {}
    for name, config in system_configs(place, ["remix_stream_1s", "remix_stream_100ms"]).items():
        net = build_separator(config.net, len(data.classes), stft.n_bins)
        separator = Separator(net, tuple(data.classes), data.sample_rate, stft, torch.device("cpu"))
        latency_s[name] = latency_samples(separator) / data.sample_rate
    assert latency_s == {"remix_stream_1s": 7551 / 8000, "remix_stream_100ms": 639 / 8000}


def test_the_papers_settings() -> None:
    folder = ROOT / "egs/urbansound_mix/conf/paper"
    data, mix = load_data_config(folder / "data.yaml"), load_config(MixConfig, folder / "mix.yaml")
    feats = load_config(FeatsConfig, folder / "feats.yaml")
    assert (data.sample_rate, mix.clip_s, mix.mean_events, tuple(mix.level_db)) == (16000, 4.0, 5, (-30, -25))
    assert (mix.sets.train, mix.sets.valid, mix.sets.test) == (20000, 5000, 5000)
    assert (feats.window_samples, feats.hop_samples) == (512, 128)
    faithful = ("strong", "frame", "clip", "frame_joint", "clip_joint", "frame_crnn", "clip_crnn", "frame_crnn_joint")
    for name, config in system_configs(folder, [*faithful, "clip_crnn_joint", "strong_lambda10"]).items():
        whole = resolved(config, name)
        net = {"kind": "blstm", "layers": 3, "units": 600, "mask": "sigmoid", "mask_floor": 0.0, "residual": False}
        assert net.items() <= whole["net"].items()
        assert (config.optim.learning_rate, config.optim.batch_size) == (1e-4, 8), name
        assert (config.optim.max_epochs, config.optim.patience, config.optim.schedule) == (50, 5, "constant")
        weights = {"strong": 100} if name.startswith("strong") else {"mixture": 100, "classification": 1}
        assert {loss: settings["weight"] for loss, settings in whole["loss"].items()} == weights
        assert all((settings["start"], settings["ramp"]) == (0, 0) for settings in whole["loss"].values())
        assert not whole["loss"].get("classification", {}).get("active_sources_only")
    assert (mix.variant("lambda10").mean_events, mix.variant("lambda10").sets.train) == (10, 20000)
    crnn = load_config(ClassifierTraining, folder / "classifier_clip_crnn.yaml")
    net = {"kind": "crnn", "channels": [32, 64, 128], "units": 100}
    assert crnn.supervision == "clip" and net.items() <= resolved(crnn, "crnn")["net"].items()
