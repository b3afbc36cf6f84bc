"""Models by name, with a stand-in; and whatever models lie in the package."""

from __future__ import annotations

from pathlib import Path

import pytest

import weaksep
from weaksep.bin import systems
from weaksep.errors import UserError
from weaksep.fileio import models
from weaksep.fileio.models import find_model, model_names
from weaksep.fileio.network import network_files, network_hash, read_description
from weaksep.infer.model import save_untrained

MAX_BYTES = 2_000_000


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models that come with the package; the current folder is empty."""
    for name, classes in (("esc10", ["dog", "rain"]), ("street", ["horn"])):
        save_untrained(tmp_path / "models" / name, classes, 8000)
    monkeypatch.setattr(models, "MODELS", tmp_path / "models")
    # As `weaksep pack` writes it.
    (tmp_path / "models/street/model.json").rename(tmp_path / "models/street/config.json")
    (tmp_path / "models/card_only").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "models"


def test_a_name_is_a_model(shelf: Path) -> None:
    assert model_names() == ["esc10", "street"]
    assert find_model("esc10") == shelf / "esc10"
    assert read_description("esc10", "separator").classes == ["dog", "rain"]
    assert network_hash("street") == network_hash(shelf / "street") != network_hash("esc10")
    assert network_files("esc10") == network_files(shelf / "esc10")


@pytest.mark.parametrize("what", ["folder", "packed"])
def test_a_path_that_is_there_comes_first(shelf: Path, what: str) -> None:
    if what == "folder":
        save_untrained("esc10", ["siren"], 8000)
        assert read_description("esc10").classes == list(weaksep.load_separator("esc10").classes) == ["siren"]
    else:
        Path("esc10").write_text("no model")
        with pytest.raises(UserError, match="^esc10 .model.json.: cannot be read"):
            read_description("esc10")
    assert find_model("esc10") == Path("esc10")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ecs10", "ecs10: no such model; did you mean esc10?"),
        ("x", "x: no such model; give an experiment's folder or a packed model (relative paths start at "),
        ("card_only", "card_only: no such model; give an experiment's folder"),
        ("../models/nothing", "../models/nothing: no such model; give an experiment's folder"),
    ],
)
def test_what_is_neither(shelf: Path, name: str, said: str) -> None:
    for ask in (find_model, read_description, weaksep.load_separator, lambda place: systems.main(["--init", place])):
        with pytest.raises(UserError) as caught:
            ask(name)
        assert str(caught.value).startswith(said) and "\n" not in str(caught.value)
        assert ("did you mean" in said) != str(caught.value).endswith(", or the name of one in weaksep (esc10, street)")


def test_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MODELS", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    assert model_names() == []
    with pytest.raises(UserError, match=rf"^esc10: no such model; give .* \(relative paths start at {tmp_path}\)$"):
        weaksep.load_separator("esc10")


@pytest.mark.parametrize("name", model_names())
def test_what_the_package_has_is_small_and_has_a_card(name: str) -> None:
    folder = models.MODELS / name
    files = {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert sum(files.values()) <= MAX_BYTES, files
    separate, card = weaksep.load_separator(name), (folder / "README.md").read_text(encoding="utf-8")
    told = (*separate.classes, f"{separate.sample_rate} Hz", "mean SI-SDRi", "no good for", f"--model {name} ", "CC BY")
    assert [words for words in told if words not in card] == []
