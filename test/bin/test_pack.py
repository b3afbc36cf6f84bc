"""A separator in one file: what is in it, and that it separates as the experiment does."""

from __future__ import annotations

import json
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest

import weaksep
from weaksep.bin import pack
from weaksep.errors import UserError
from weaksep.fileio.tsv import write_tsv
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.model import save_untrained
from weaksep.score.clip import COLUMNS


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "exp/separator_remix"
    save_untrained(folder, ["bark", "horn"], 8000)
    write_yaml(folder / "config.yaml", {"supervision": "clip", "remix": {"max_clips": 2}})
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
        assert sorted(archive.namelist()) == ["README.md", "model.json", "model.safetensors", "scores.json"]
        card = archive.read("README.md").decode()
        assert json.loads(archive.read("scores.json")) == {"test": {"mean": 5.5, "median": 5.5, "n": 2}}
    told = ("classes: bark, horn", "trained from: clip (remixed)", "CC BY 4.0", "| test", "5.5", "--model model.zip")
    assert all(words in card for words in told)
    first = packed.read_bytes()
    pack.main([str(experiment), str(packed), "--licence", "CC BY 4.0"])
    with zipfile.ZipFile(packed) as archive:
        for name in ("model.json", "model.safetensors"):
            assert archive.read(name) == (experiment / name).read_bytes()
    assert packed.read_bytes() == first


def test_the_page_has_what_its_maker_says(experiment: Path, tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("## No good for\n\nMusic.\n\n")
    pack.main([str(experiment), str(tmp_path / "model.zip"), "--about", str(tmp_path / "about.md")])
    card = zipfile.ZipFile(tmp_path / "model.zip").read("README.md").decode()
    assert "\n\n## No good for\n\nMusic.\n\n## Scores\n" in card


def test_the_card_of_a_file_with_an_odd_name(experiment: Path, tmp_path: Path) -> None:
    packed = tmp_path / "my; model's.zip"
    pack.main([str(experiment), str(packed)])
    with zipfile.ZipFile(packed) as archive:
        card = archive.read("README.md").decode()
    line = next(line for line in card.splitlines() if line.startswith("weaksep separate"))
    assert shlex.split(line)[3] == packed.name
    assert f'load_separator("{packed.name}")' in card


def test_a_turned_bit_is_seen(experiment: Path, tmp_path: Path) -> None:
    packed = tmp_path / "model.zip"
    pack.main([str(experiment), str(packed)])
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 1
    packed.write_bytes(content)
    with pytest.raises(UserError, match=r"model.zip \(model.safetensors\): (damaged|cannot be read)"):
        weaksep.load_separator(packed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exp/separator_lost", "model.zip"], "exp/separator_lost: no such model"),
        (["packed/a.zip", "model.zip"], "packed/a.zip: a file; pack the folder of the experiment"),
        (["lone", "model.zip"], "lone/config.yaml: no such configuration file"),
        (["exp/separator_remix", "model.zip", "--about", "about.md"], "about.md: no such file"),
        (["lone/model.json", "model.zip"], "lone/model.json: a file; pack the folder of the experiment"),
        (["packed/hub", "model.zip"], "packed/hub: packed already, and can be given away as it is"),
        (["esc10", "model.zip"], "esc10: packed already"),
        (["exp/separator_remix", "model.zip", "--licence", "CC BY 4.0\n# So"], "--licence .*: holds a line's end"),
    ],
)
def test_mistakes(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    pack.main([str(experiment), "packed/a.zip"])
    pack.main([str(experiment), "packed/hub"])
    save_untrained("lone", ["bark", "horn"], 8000)
    with pytest.raises(UserError, match=said):
        pack.main(arguments)
    assert not list(tmp_path.glob("model.*"))
