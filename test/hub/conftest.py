"""A hub on this machine: as much of the protocol of huggingface.co as fetching files takes."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pytest

from weaksep.bin import pack
from weaksep.fileio.hub import fetch
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.model import save_untrained

STALL_S = 30.0


class LocalHub:
    """Repositories, commits and branches in memory, served at ``url``; ``asked`` lists the requests.

    Attributes:
        commits: {"org/name": {commit: {file: content}}}.
        revisions: {"org/name": {branch or tag: commit}}.
        status: what every request is answered with; 0 for what is right.
        stalls: no request is answered, until ``over``.
    """

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.revisions: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.status, self.stalls, self.url = 0, False, ""
        self.over = threading.Event()

    def add(self, repository: str, files: dict[str, bytes], *revisions: str) -> str:
        """A commit of these files, and branches or tags that are then there; its hash."""
        commit = hashlib.sha1(repr((repository, sorted(files.items()))).encode()).hexdigest()
        self.commits.setdefault(repository, {})[commit] = files
        self.revisions.setdefault(repository, {}).update(dict.fromkeys(revisions, commit))
        return commit

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content for /ORG/NAME/resolve/REVISION/FILE."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        repository, (verb, revision, file) = "/".join(parts[:2]), (*parts[2:4], "/".join(parts[4:]))
        commits = self.commits.get(repository)
        if self.status:
            return self.status, {}, b""
        if commits is None or verb != "resolve":
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        commit = self.revisions[repository].get(revision, revision)
        if commit not in commits:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        content = commits[commit].get(file)
        if content is None:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
        digest = hashlib.sha256(content).hexdigest()
        return 200, {"X-Repo-Commit": commit, "ETag": f'"{digest}"', "X-Linked-Size": str(len(content))}, content


def handler(hub: LocalHub) -> type[http.server.BaseHTTPRequestHandler]:
    """What serves a hub."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self, with_content: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            if hub.stalls:
                hub.over.wait(STALL_S)
            status, headers, content = hub.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_content:
                with suppress(BrokenPipeError):
                    self.wfile.write(content)

        def do_HEAD(self) -> None:
            self._serve(False)

        def do_GET(self) -> None:
            self._serve(True)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: ``asked`` has it."""

    return Handler


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    """An empty hub."""
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed (pip install 'weaksep[hub]')")
    served = LocalHub()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    served.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def here(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in. To this process, ``hub`` is the hub, the cache is ``hf`` there, and retries take no
    time. (huggingface_hub reads its variables once, when it is imported; test_hub_commands.py sets those.)"""
    from huggingface_hub import constants

    for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)
    for name, value in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "work/hf"),
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
        "HF_HUB_ETAG_TIMEOUT": 1,
        "HF_HUB_DOWNLOAD_TIMEOUT": 1,
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    fetch.cache_clear()
    yield tmp_path / "work"
    fetch.cache_clear()


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a packed separator, and one that nobody should fetch."""
    folder = tmp_path_factory.mktemp("packed")
    save_untrained(folder / "exp", ["bark", "horn"], 8000)
    write_yaml(folder / "exp/config.yaml", {"supervision": "clip"})
    pack.main([str(folder / "exp"), str(folder / "packed"), "--hub", "org/dogs", "--licence", "CC BY 4.0"])
    return {path.name: path.read_bytes() for path in (folder / "packed").iterdir()} | {"pytorch_model.bin": b"pickle"}
