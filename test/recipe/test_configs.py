"""Every YAML of every recipe fits its schema, and the paper's settings are the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.corpora.registry import load_data_config
from weaksep.feats.config import FeatsConfig
from weaksep.fileio.yamlfile import load_config
from weaksep.mixtures.config import MixConfig
from weaksep.nets.build import build_classifier, build_separator
from weaksep.train.config import ClassifierTraining
from weaksep.train.plan import plan_training, system_configs

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("egs/*/conf/**/mix.yaml"))
NOT_SYSTEMS = ("data", "mix", "feats", "base")


def systems_of(folder: Path) -> list[str]:
    stems = [path.stem for path in sorted(folder.glob("*.yaml"))]
    return [stem for stem in stems if stem not in NOT_SYSTEMS and not stem.startswith("classifier_")]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_yaml_fits_and_every_net_is_built(folder: Path) -> None:
    data = load_data_config(folder / "data.yaml")
    load_config(MixConfig, folder / "mix.yaml")
    feats = load_config(FeatsConfig, folder / "feats.yaml")
    n_bins, systems = feats.window_samples // 2 + 1, systems_of(folder)
    assert {"strong", "frame", "clip"} <= set(systems)
    for config in system_configs(folder, systems).values():
        build_separator(config.net, len(data.classes), n_bins)
    for path in folder.glob("classifier_*.yaml"):
        config = load_config(ClassifierTraining, path)
        build_classifier(config.net, len(data.classes), n_bins, data.sample_rate)
    for task in ("classifier", "separator"):
        plan_training(task, folder, systems, datadir="data", dumpdir="dump", expdir="exp")


def test_the_papers_settings() -> None:
    folder = ROOT / "egs/urbansound_mix/conf/paper"
    data, mix = load_data_config(folder / "data.yaml"), load_config(MixConfig, folder / "mix.yaml")
    feats = load_config(FeatsConfig, folder / "feats.yaml")
    assert (data.sample_rate, mix.clip_s, mix.mean_events, tuple(mix.level_db)) == (16000, 4.0, 5, (-30, -25))
    assert (mix.sets.train, mix.sets.valid, mix.sets.test) == (20000, 5000, 5000)
    assert (feats.window_samples, feats.hop_samples) == (512, 128)
    for name, config in system_configs(folder, systems_of(folder)).items():
        assert (config.net.layers, config.net.units, config.net.mask, config.net.mask_floor) == (3, 600, "sigmoid", 0)
        assert (config.optim.learning_rate, config.optim.batch_size) == (1e-4, 8), name
        assert (config.optim.max_epochs, config.optim.patience, config.optim.schedule) == (50, 5, "constant")
        assert (config.loss.mixture_weight, config.loss.classification_weight) == (100, 1)
        assert (config.loss.classification_start, config.loss.active_sources_only) == (0, False)
    crnn = load_config(ClassifierTraining, folder / "classifier_clip_crnn.yaml")
    assert (crnn.supervision, crnn.net.kind, crnn.net.channels, crnn.net.units) == ("clip", "crnn", (32, 64, 128), 100)
