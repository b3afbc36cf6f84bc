"""Models on the hub: what is fetched of a repository, which commit, and what is said when it cannot be."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from weaksep.errors import UserError
from weaksep.fileio.hub import fetch
from weaksep.fileio.models import find_model, model_name
from weaksep.infer.model import save_untrained

FILES = ("config.json", "model.safetensors")


def found(name: str) -> Path:
    """Where a model is to a process that has not asked before."""
    fetch.cache_clear()
    return find_model(name)


def test_two_files_of_the_branch_main(
    hub: Any, here: Path, packed: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    commit = hub.add("org/dogs", packed, "main")
    folder = found("org/dogs")
    assert folder.name == commit and folder.is_relative_to(here / "hf")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {name: packed[name] for name in FILES}
    assert {line.rpartition("/")[2] for line in hub.asked} == set(FILES)
    assert caplog.messages == [
        "org/dogs is looked for on the Hugging Face hub",
        f"org/dogs is commit {commit}, in {folder}; --model org/dogs@{commit} stays with it",
    ]
    assert model_name("org/dogs") == f"org/dogs@{commit}"


def test_a_revision_stays_as_it_was(hub: Any, here: Path, packed: dict[str, bytes]) -> None:
    first = hub.add("org/dogs", packed, "main", "v1.0", "refs/pr/1")
    second = hub.add("org/dogs", packed | {"README.md": b"again"}, "main")
    for revision, commit in (("", second), ("@v1.0", first), ("@refs/pr/1", first), (f"@{first}", first)):
        assert found(f"org/dogs{revision}").name == commit


def test_a_process_stays_with_the_commit_that_it_met_first(hub: Any, here: Path, packed: dict[str, bytes]) -> None:
    first = hub.add("org/dogs", packed, "main")
    assert find_model("org/dogs").name == first
    hub.add("org/dogs", packed | {"config.json": b"{}"}, "main")
    asked = len(hub.asked)
    assert find_model("org/dogs").name == first and len(hub.asked) == asked


def test_what_is_in_the_cache_needs_no_hub(
    hub: Any, here: Path, packed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from huggingface_hub import constants

    caplog.set_level(logging.WARNING)
    commit = hub.add("org/dogs", packed, "main")
    online = found("org/dogs")
    asked = len(hub.asked)
    hub.status = 503
    assert found(f"org/dogs@{commit}") == online and len(hub.asked) == asked
    assert found("org/dogs") == online
    assert "; the commit of last time is taken" in caplog.messages[-1]
    asked = len(hub.asked)
    caplog.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert found("org/dogs") == found(f"org/dogs@{commit}") == online
    assert len(hub.asked) == asked and not caplog.messages


def test_a_path_that_is_there_is_no_name(hub: Any, here: Path, packed: dict[str, bytes]) -> None:
    hub.add("org/dogs", packed, "main")
    save_untrained("org/dogs", ["horn"], 8000)
    assert find_model("org/dogs") == Path("org/dogs")
    with pytest.raises(UserError, match="^org/dgos: no such model; give an experiment's folder"):
        find_model("org/dgos")
    with pytest.raises(UserError, match="^a/b/c: no such model; give an experiment's folder"):
        find_model("a/b/c")
    assert hub.asked == []


def reason(name: str) -> str:
    """Why there is no such model, in one line."""
    with pytest.raises(UserError) as caught:
        found(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("org/cats", "org/cats: no such model here, and no repository org/cats on {url} (or a private one"),
        ("org/dogs@v2", "org/dogs@v2: org/dogs on {url} has no revision v2"),
        ("org/empty", "org/empty: no model of weaksep (org/empty on {url} has no config.json)"),
        ("org/part", "org/part: no model of weaksep (org/part on {url} has no model.safetensors)"),
        ("org/other", "org/other@{other}: no model of weaksep (its config.json describes something else)"),
        ("org/text", "no model of weaksep (its config.json describes something else)"),
        ("org/a--b", "org/a--b: no such model here, nor to be fetched from the hub ({url}: "),
    ],
)
def test_what_is_not_there(hub: Any, here: Path, packed: dict[str, bytes], name: str, said: str) -> None:
    hub.add("org/dogs", packed, "main")
    hub.add("org/empty", {"README.md": b""}, "main")
    hub.add("org/part", {"config.json": packed["config.json"]}, "main")
    hub.add("org/text", packed | {"config.json": b"["}, "main")
    other = hub.add("org/other", packed | {"config.json": json.dumps({"model_type": "gemma"}).encode()}, "main")
    assert said.format(url=hub.url, other=other) in reason(name)
    assert not any("model.safetensors" in line for line in hub.asked) or name == "org/part"


def test_no_line_to_the_hub(
    hub: Any, here: Path, packed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from huggingface_hub import constants

    hub.add("org/dogs", packed, "main")
    caplog.set_level(logging.INFO)
    said = "org/dogs: no such model here, nor to be fetched from the hub ({}), and not all of it is in the cache ({})"
    pattern = re.escape(said).replace(r"\{\}", "{}")
    hub.status = 500
    assert re.fullmatch(pattern.format(f"{hub.url}: .*500.*", f"{here}/hf"), reason("org/dogs"))
    hub.status, hub.stalls = 0, True
    assert re.fullmatch(pattern.format(f"{hub.url}: .*timed out", f"{here}/hf"), reason("org/dogs"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert reason("org/dogs") == said.format("HF_HUB_OFFLINE is set", f"{here}/hf")
    assert set(caplog.messages) == {"org/dogs is looked for on the Hugging Face hub"}


def test_gated(hub: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "answer", lambda path: (403, {"X-Error-Code": "GatedRepo"}, b""))
    assert f"org/dogs: its owners want to be asked: {hub.url}/org/dogs" in reason("org/dogs")


def test_without_huggingface_hub(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    said = "org/dogs: no such model here; to look for it on the Hugging Face hub: pip install 'weaksep[hub]'"
    assert reason("org/dogs") == said
