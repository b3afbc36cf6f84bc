"""conf/data.yaml: the corpus names the schema, slips are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.corpora.registry import load_data_config
from weaksep.errors import UserError

EGS = Path(__file__).resolve().parents[2] / "egs"
GOOD = """corpus: urbansound8k
sample_rate: 8000
classes: [siren, dog_bark]
split: {train: [1], valid: [2], test: [3]}
"""


@pytest.mark.parametrize("name", ["mini_urban/conf", "urbansound_mix/conf/paper", "urbansound_mix/conf/subset"])
def test_shipped_configurations_load(name):
    config = load_data_config(EGS / name / "data.yaml")
    assert config.classes == ["car_horn", "dog_bark", "gun_shot", "jackhammer", "siren"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("urbansound8k", "urbansond8k", "did you mean urbansound8k"),
        ("corpus: urbansound8k\n", "", "not a known corpus"),
        ("sample_rate", "samplerate", "did you mean sample_rate"),
        ("valid: [2]", "valid: [1]", "folds named more than once: 1"),
        ("[siren, dog_bark]", "[siren, siren]", "a class is listed twice"),
        ("[siren, dog_bark]", "[siren, dog/bark]", "class 'dog/bark'"),
        ("[siren, dog_bark]", "[siren, mix]", "class 'mix'"),
    ],
)
def test_slips_are_named(tmp_path, old, new, message):
    path = tmp_path / "data.yaml"
    path.write_text(GOOD)
    load_data_config(path)
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(UserError, match=message):
        load_data_config(path)
