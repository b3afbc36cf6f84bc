"""A separator in one file: what is in it, and that it separates as the experiment does."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import weaksep
from weaksep.bin import pack
from weaksep.errors import UserError
from weaksep.fileio.tables import write_tsv
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.model import save_untrained
from weaksep.score.clip import COLUMNS


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "exp/separator_remix"
    save_untrained(folder, ["bark", "horn"], 8000)
    write_yaml(folder / "config.yaml", {"supervision": "clip", "remix": {"clips": 2}})
    row = dict.fromkeys(COLUMNS) | {"active": 1, "n_active": 2, "utt": "a"}
    rows = [row | {"class": name, "si_sdri_db": gain} for name, gain in (("bark", 4.0), ("horn", 7.0))]
    write_tsv(folder / "scores/test/scores.tsv", COLUMNS, rows)
    return folder


def test_it_separates_as_the_experiment_does(experiment: Path, tmp_path: Path) -> None:
    packed = tmp_path / "elsewhere/model.zip"
    pack.main([str(experiment), str(packed), "--licence", "CC BY 4.0"])
    audio = 0.1 * np.random.default_rng(0).standard_normal(9000)
    there, here = (weaksep.load_separator(path)(audio, 16_000) for path in (experiment, packed))
    assert list(there) == list(here) == ["bark", "horn", "residual"]
    assert all(np.array_equal(there[name], here[name]) for name in there)
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == ["README.md", "best.pt", "config.yaml", "scores.json"]
        card = archive.read("README.md").decode()
        assert json.loads(archive.read("scores.json")) == {"test": {"mean": 5.5, "median": 5.5, "n": 2}}
    told = ("classes: bark, horn", "trained from: clip (summed)", "CC BY 4.0", "| test", "5.5", "--model model.zip")
    assert all(words in card for words in told)
    first = packed.read_bytes()
    pack.main([str(experiment), str(packed), "--licence", "CC BY 4.0"])
    with zipfile.ZipFile(packed) as archive:
        assert archive.read("best.pt") == (experiment / "best.pt").read_bytes()
    assert len(packed.read_bytes()) == len(first)


def test_a_turned_bit_is_seen(experiment: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.zip"
    pack.main([str(experiment), str(packed)])
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(content)
    with pytest.raises(UserError, match="model.zip: (damaged|refused|cannot be read)"):
        weaksep.load_separator(packed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exp/separator_remix", "model.tar"], "model.tar: a packed model's name ends in .zip"),
        (["exp/separator_lost", "model.zip"], "exp/separator_lost: no such checkpoint"),
    ],
)
def test_mistakes(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said):
        pack.main(arguments)
    assert not list(tmp_path.glob("model.*"))
