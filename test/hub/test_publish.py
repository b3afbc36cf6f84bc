"""From an experiment to a repository on the hub, and back to whoever wants to separate with it."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

import weaksep
from weaksep.bin import pack, separate
from weaksep.errors import UserError
from weaksep.fileio.hub import fetch
from weaksep.fileio.network import network_hash
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.model import save_untrained

FILES = ["README.md", "config.json", "model.safetensors", "scores.json"]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment, exp, and a recording."""
    monkeypatch.chdir(tmp_path)
    save_untrained("exp", ["bark", "horn"], 8000)
    write_yaml(Path("exp/config.yaml"), {"supervision": "clip"})
    soundfile.write("recording.wav", 0.1 * np.random.default_rng(0).standard_normal((9000, 2)), 16_000)
    return tmp_path


def metadata(card: str) -> dict[str, Any]:
    """What the hub reads of a page."""
    _, block, text = card.split("---\n", 2)
    assert text.startswith("# ")
    return yaml.safe_load(block)


def block(card: str, language: str) -> str:
    """The card's code in a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)
    return code


def test_a_folder_for_the_hub(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack.main(["exp", "my models/dogs/", "--hub", "org/dogs", "--licence", "CC BY-NC 4.0"])
    assert sorted(os.listdir("my models/dogs")) == FILES
    assert capsys.readouterr().out.endswith("to publish it: hf upload org/dogs 'my models/dogs'\n")
    for ours, theirs in (("model.json", "config.json"), ("model.safetensors", "model.safetensors")):
        assert Path("exp", ours).read_bytes() == Path("my models/dogs", theirs).read_bytes()
    said = metadata(Path("my models/dogs/README.md").read_text())
    assert (said["library_name"], said["pipeline_tag"], said["license"]) == (
        "weaksep",
        "audio-to-audio",
        "cc-by-nc-4.0",
    )
    assert "sound-separation" in said["tags"]
    assert network_hash("my models/dogs") == network_hash("exp")
    audio = 0.1 * np.random.default_rng(0).standard_normal(9000)
    there, here = (weaksep.load_separator(path)(audio, 16_000) for path in ("exp", "my models/dogs"))
    assert all(np.array_equal(there[name], here[name]) for name in there)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [("", {}), ("MIT", {"license": "mit"}), ("ask: me", {"license": "other", "license_name": "ask: me"})],
)
def test_what_the_hub_is_told_of_the_licence(work: Path, licence: str, expected: dict[str, str]) -> None:
    pack.main(["exp", "dogs", "--licence", licence])
    said = metadata(Path("dogs/README.md").read_text())
    assert {key: value for key, value in said.items() if key.startswith("license")} == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["full"], "full: is there already"),
        (["recording.wav"], "recording.wav: is there already"),
        (["link"], "link: is there already"),
        (["dogs.zip", "--hub", "org/dogs"], "dogs.zip: --hub is for a folder"),
        (["dogs", "--hub", "dogs"], "--hub dogs: expected ORG/NAME"),
        (["dogs", "--hub", "org/dogs@v1"], "--hub org/dogs@v1: expected ORG/NAME"),
    ],
)
def test_mistakes(work: Path, arguments: list[str], said: str) -> None:
    Path("full").mkdir()
    Path("full/README.md").write_text("mine")
    Path("empty").mkdir()
    Path("link").symlink_to("empty")
    before = sorted(map(str, work.rglob("*")))
    with pytest.raises(UserError, match=said):
        pack.main(["exp", *arguments])
    assert sorted(map(str, work.rglob("*"))) == before and Path("full/README.md").read_text() == "mine"


def test_a_folder_is_there_as_a_whole_or_not_at_all(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dogs").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(UserError, match="dogs: cannot be written"):
            pack.main(["exp", "dogs"])
    assert sorted(os.listdir(".")) == ["dogs", "exp", "recording.wav"] and not os.listdir("dogs")
    pack.main(["exp", "dogs"])
    assert sorted(os.listdir("dogs")) == FILES


@pytest.mark.parametrize("out", ["dogs.zip", "dogs"])
def test_the_snippet_of_the_page(work: Path, out: str) -> None:
    pack.main(["exp", out])
    packed = zipfile.Path(out) if out.endswith(".zip") else Path(out)
    card = (packed / "README.md").read_text()
    Path("snippet.py").write_text(block(card, "python"))
    sources = runpy.run_path("snippet.py")["sources"]
    assert {name: source.shape for name, source in sources.items()} == dict.fromkeys(
        ["bark", "horn", "residual"], (2, 9000)
    )


def test_published_and_fetched(hub: Any, here: Path, packed: dict[str, bytes]) -> None:
    commit = hub.add("org/dogs", packed, "main")
    soundfile.write("recording.wav", 0.1 * np.random.default_rng(0).standard_normal((9000, 2)), 16_000)
    Path("snippet.py").write_text(block(packed["README.md"].decode(), "python"))
    sources = runpy.run_path("snippet.py")["sources"]
    assert sources["bark"].shape == (2, 9000)
    separate.main(["--model", f"org/dogs@{commit}", "recording.wav", "--out", "out", "--rate", "input"])
    written = soundfile.read("out/recording/bark.flac")[0].T
    np.testing.assert_allclose(written, sources["bark"], atol=1e-6)
    note = json.loads(Path("out/recording/stamp.json").read_text())
    assert note["origin"]["maker"]["model"] == f"org/dogs@{commit}"
    separate.main(
        ["--model", "org/dogs", "recording.wav", "--out", "out", "--rate", "input"]
    )  # the same: nothing to do
    again = hub.add("org/dogs", packed | {"config.json": packed["config.json"].replace(b"horn", b"siren")}, "main")
    fetch.cache_clear()
    with pytest.raises(UserError, match=f"separated by another model, org/dogs@{commit}; give another --out"):
        separate.main(["--model", "org/dogs", "recording.wav", "--out", "out", "--rate", "input"])
    assert again != commit


def test_the_command_of_the_page(hub: Any, here: Path, packed: dict[str, bytes], root: Path) -> None:
    """A process of its own, which knows the hub by HF_ENDPOINT and the cache by HF_HOME."""
    commit = hub.add("org/dogs", packed, "main")
    soundfile.write("recording.wav", 0.1 * np.random.default_rng(0).standard_normal(9000), 16_000)
    program, *arguments = shlex.split(block(packed["README.md"].decode(), "bash"))
    assert program == "weaksep"
    variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(here / "home"), "HF_HUB_DISABLE_XET": "1"}
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "weaksep.bin", *arguments],
        env=os.environ | variables | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert f"org/dogs is commit {commit}, in {here}/home/hub/" in done.stderr
    assert "HTTP" not in done.stderr
    assert sorted(path.name for path in Path("separated/recording").glob("*.flac")) == [
        "bark.flac",
        "horn.flac",
        "residual.flac",
    ]
