"""A tiny recipe folder: three classes of noise in three bands, with features and YAMLs, trained in a second."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import write_tsv
from weaksep.fileio.yamlfile import write_yaml

CLASSES = ("low", "middle", "high")
BANDS_HZ = {"low": (100, 900), "middle": (1200, 2400), "high": (2800, 3800)}
RATE = 8000
N_SAMPLES = 4000


def band_noise(rng: np.random.Generator, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies at an RMS of about 0.05, int16 (N,)."""
    spectrum = np.fft.rfft(rng.standard_normal(N_SAMPLES))
    frequencies = np.fft.rfftfreq(N_SAMPLES, 1 / RATE)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    noise = np.fft.irfft(spectrum, N_SAMPLES)
    return np.rint(0.05 * 32768 * noise / noise.std()).astype(np.int16)


def make_set(folder: Path, n_clips: int, seed: int) -> None:
    """A data folder whose clips hold one to three classes, each over a random half of the clip."""
    rng = np.random.default_rng(seed)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav", *(f"src_{name}" for name in CLASSES))}
    labels, events = {}, []
    for index in range(n_clips):
        utt = f"utt-{index:03d}"
        active = [name for name in CLASSES if rng.random() < 0.5] or [CLASSES[index % 3]]
        mixture = np.zeros(N_SAMPLES, dtype=np.int16)
        for name in active:
            onset = int(rng.integers(0, N_SAMPLES // 2))
            source = band_noise(rng, *BANDS_HZ[name])
            source[:onset] = source[onset + N_SAMPLES // 2 :] = 0
            mixture += source
            tables[f"src_{name}"][utt] = f"audio/{name}-{utt}.wav"
            write_audio(folder / tables[f"src_{name}"][utt], source, RATE)
            times = {"onset": onset / RATE, "offset": (onset + N_SAMPLES // 2) / RATE}
            events.append({"filename": f"{utt}.wav", **times, "event_label": name})
        tables["wav"][utt] = f"audio/mix-{utt}.wav"
        write_audio(folder / tables["wav"][utt], mixture, RATE)
        labels[utt] = ",".join(active)
    for name, table in tables.items():
        write_table(folder / f"{name}.scp", table)
    write_table(folder / "utt2labels", labels)
    write_tsv(folder / "events.tsv", ["filename", "onset", "offset", "event_label"], events)
    (folder / "labels.txt").write_text("\n".join(CLASSES) + "\n")


def write_configs(folder: Path) -> None:
    """One YAML for each training of the tests."""
    optim = {"learning_rate": 0.01, "batch_size": 8, "max_epochs": 3, "schedule": "cosine"}
    net = {"layers": 1, "units": 12, "dropout": 0.0}
    light = {"kind": "light", "units": 8, "channels": [8], "mel_bands": 20, "dropout": 0.2}
    for form in ("frame", "clip"):
        write_yaml(folder / f"classifier_{form}.yaml", {"supervision": form, "net": light, "optim": optim})
        weak = {"supervision": form, "classifier": form, "net": net, "optim": optim}
        write_yaml(folder / f"{form}.yaml", weak)
        write_yaml(folder / f"{form}_joint.yaml", {**weak, "joint": True})
    write_yaml(folder / "strong.yaml", {"supervision": "strong", "net": net, "optim": optim})


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/, dump/ and conf/ of the tiny recipe; tests that change them take a copy."""
    folder = tmp_path_factory.mktemp("tiny")
    for name, n_clips, seed in (("train", 40, 1), ("valid", 10, 2)):
        make_set(folder / "data" / name, n_clips, seed)
        settings = FeatsConfig(window_samples=128, hop_samples=64)
        extract(folder / "data" / name, folder / "dump" / name, settings, nj=1, references=True)
    (folder / "conf").mkdir()
    write_configs(folder / "conf")
    return folder


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny recipe, and the current folder."""
    shutil.copytree(prepared, tmp_path / "recipe")
    monkeypatch.chdir(tmp_path / "recipe")
    return Path.cwd()
