"""A separator in one file: what is in it, and that it separates as the experiment does."""

from __future__ import annotations

import io
import json
import re
import shlex
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weaksep
from weaksep.bin import pack
from weaksep.errors import UserError
from weaksep.fileio.tables import write_tsv
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.export import MASKER_NAME
from weaksep.infer.model import load_separator, save_untrained
from weaksep.score.clip import COLUMNS

RATE = 1000  # torch.export writes every step of a recurrent layer out: a low rate has few


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
    ],
)
def test_mistakes(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    pack.main([str(experiment), "packed/a.zip"])
    save_untrained("lone", ["bark", "horn"], 8000)
    with pytest.raises(UserError, match=said):
        pack.main(arguments)
    assert not list(tmp_path.glob("model.*"))


@pytest.mark.parametrize(
    "net",
    [
        {"layers": 1, "units": 8},
        {"kind": "unet", "channels": [4, 8], "layers": 1, "units": 8, "residual": True},
        {"kind": "bandsplit", "bands": 4, "layers": 1, "units": 8},
    ],
    ids=["blstm", "unet", "bandsplit"],
)
def test_the_masker_alone_gives_the_same_masks(tmp_path: Path, net: dict[str, Any]) -> None:
    save_untrained(tmp_path / "exp", ["bark", "horn"], RATE, net)
    write_yaml(tmp_path / "exp/config.yaml", {"supervision": "clip"})
    pack.main([str(tmp_path / "exp"), str(tmp_path / "model.zip"), "--masker", "true"])
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        content, card = archive.read(MASKER_NAME), archive.read("README.md").decode()
    masks, frames = (3, 237) if net.get("residual") else (2, 235)  # 30 s, in whole steps of the net
    assert f"magnitude (1, {frames}, 129) -> masks\n(1, {masks}, {frames}, 129)" in card
    program = torch.export.load(io.BytesIO(content))
    assert "autocast" not in str(program.graph)  # plain operators alone, for programs of other languages
    masker = program.module()
    magnitude = torch.rand(1, frames, 129, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(masker(magnitude), load_separator(tmp_path / "exp").net(magnitude))


def test_the_page_tells_how_to_use_the_masker_without_weaksep(tmp_path: Path) -> None:
    net = {"kind": "unet", "channels": [4, 8], "layers": 1, "units": 8, "residual": True}
    save_untrained(tmp_path / "exp", ["bark", "horn"], RATE, net)
    write_yaml(tmp_path / "exp/config.yaml", {"supervision": "clip"})
    pack.main([str(tmp_path / "exp"), str(tmp_path / "model.zip"), "--masker", "true"])
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        content, card = archive.read(MASKER_NAME), archive.read("README.md").decode()

    def told(pattern: str) -> float:
        return float(re.search(pattern, card.replace("\n  ", " "))[1])

    samples, window = int(told(r"chunks of (\d+)")), int(told(r"frames of (\d+)"))
    hop, block = int(told(r"samples, (\d+) apart")), int(told(r"blocks of ([\d.]+) s") * RATE)
    scale, level = told(r"divided by ([\d.]+)"), told(r"a level of (-[\d.]+) dB")
    names = re.search(r"masks, in this order: (.+)", card)[1].split(", ")
    assert names == ["bark", "horn", "residual"]

    rng = np.random.default_rng(0)
    audio = (0.01 * rng.standard_normal(samples)).astype(np.float32)
    audio[: samples // 2] *= 1e-4  # a pause, which says nothing of the level
    power = np.array([np.square(audio[start : start + block]).mean() for start in range(0, samples, block)])
    loud = power[power >= power.max() * 10 ** (-told(r"more than (\d+) dB") / 10)].mean()
    shape = 0.5 - 0.5 * torch.cos(2 * torch.pi * torch.arange(window) / window)
    transform = {"n_fft": window, "hop_length": hop, "window": shape.sqrt(), "center": True}
    spectrum = torch.stft(torch.from_numpy(audio), **transform, pad_mode="constant", return_complex=True)
    magnitude = spectrum.abs().T[None] / scale * 10 ** (level / 20) / loud**0.5
    masks = torch.export.load(io.BytesIO(content)).module()(magnitude.float())[0]
    expected = weaksep.load_separator(tmp_path / "exp")(audio, RATE)
    for name, mask in zip(names[:2], masks, strict=False):
        found = torch.istft(mask.T * spectrum, **transform, length=samples).detach().numpy()
        np.testing.assert_allclose(found, expected[name], atol=1e-6)
