"""The archive download, from a server on this machine: broken lines, wrong sums, archives that mean harm."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import io
import resource
import tarfile
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from weaksep.corpora.download import (
    URBANSOUND8K,
    Archive,
    fetch_archive,
    fetch_urbansound8k,
    unpack,
)
from weaksep.errors import UserError

MARKER = Path("metadata/meta.csv")


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; breaks the line after `break_after` bytes of each answer; knows Range if `ranges`."""

    content = b""
    break_after: int | None = None
    ranges = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.path != "/archive":
            self.send_error(404)
            return
        start = 0
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.server.content):
                self.send_error(416)
                return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # of a client that has had enough
            self.wfile.write(body[: self.server.break_after])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def tar_bytes(files, links=()):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return buffer.getvalue()


NOISE = np.random.default_rng(0).bytes(200_000)
CORPUS = {
    "Top/metadata/meta.csv": b"name\na\n",
    "Top/audio/fold1/a.wav": NOISE,
    "Top/audio/._a.wav": b"left by a file manager",
    "Top/README.txt": b"read me",
}


def archive(server, content=None):
    server.content = tar_bytes(CORPUS) if content is None else content
    md5 = hashlib.md5(server.content).hexdigest()
    return Archive(f"http://127.0.0.1:{server.server_port}/archive", "packed.tar.gz", md5, 1000, 1_000_000, "Top")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


UNPACKED = {"metadata/meta.csv": b"name\na\n", "audio/fold1/a.wav": NOISE, "README.txt": b"read me"}


def test_fetched_checked_unpacked_and_not_fetched_again(server, tmp_path):
    wanted = archive(server)
    fetch_archive(wanted, tmp_path / "corpora/db", MARKER)
    assert contents(tmp_path / "corpora") == {f"db/{name}": content for name, content in UNPACKED.items()}
    fetch_archive(wanted, tmp_path / "corpora/db", MARKER)
    assert server.asked == [None]


def test_an_archive_that_was_there_stays(server, tmp_path):
    wanted = archive(server)
    (tmp_path / wanted.name).write_bytes(server.content)
    fetch_archive(wanted, tmp_path / "db", MARKER)
    assert (tmp_path / wanted.name).exists() and contents(tmp_path / "db") == UNPACKED and server.asked == []


def test_a_broken_download_is_kept_and_continued(server, tmp_path):
    wanted = archive(server)
    server.break_after = 70_000
    for kept in (70_000, 140_000):
        with pytest.raises(UserError, match="connection broke.*are kept in.*again to go on"):
            fetch_archive(wanted, tmp_path / "db", MARKER)
        assert contents(tmp_path) == {"packed.tar.gz.part": server.content[:kept]}
    server.break_after = None
    fetch_archive(wanted, tmp_path / "db", MARKER)
    assert server.asked == [None, "bytes=70000-", "bytes=140000-"]
    assert contents(tmp_path / "db") == UNPACKED


def test_a_part_that_is_already_whole(server, tmp_path):
    wanted = archive(server)
    (tmp_path / "packed.tar.gz.part").write_bytes(server.content)
    fetch_archive(wanted, tmp_path / "db", MARKER)
    assert contents(tmp_path) == {f"db/{name}": content for name, content in UNPACKED.items()}


def test_a_server_without_ranges_starts_again(server, tmp_path):
    wanted = archive(server)
    server.ranges = False
    (tmp_path / "packed.tar.gz.part").write_bytes(b"0123")
    fetch_archive(wanted, tmp_path / "db", MARKER)
    assert contents(tmp_path / "db") == UNPACKED


def test_wrong_md5_is_said_and_nothing_is_kept(server, tmp_path):
    wanted = dataclasses.replace(archive(server), md5="0" * 32)
    with pytest.raises(UserError, match=f"md5 is [0-9a-f]{{32}}, expected {'0' * 32}"):
        fetch_archive(wanted, tmp_path / "db", MARKER)
    assert contents(tmp_path) == {}


def test_a_download_that_is_longer_than_the_archive_is_given_up(server, tmp_path):
    wanted = archive(server, np.random.default_rng(1).bytes(9_000_000))
    with pytest.raises(UserError, match="sends more than 1 MB; the file was removed"):
        fetch_archive(wanted, tmp_path / "db", MARKER)
    assert contents(tmp_path) == {}


def test_a_full_disk_is_told_and_more_room_is_all_it_takes(server, tmp_path):
    wanted = archive(server)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"packed\.tar\.gz\.part: cannot be written \(File too large\)"):
            fetch_archive(wanted, tmp_path / "db", MARKER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path) == {"packed.tar.gz.part": server.content[:100_000]}
    fetch_archive(wanted, tmp_path / "db", MARKER)
    assert server.asked == [None, "bytes=100000-"]
    assert contents(tmp_path / "db") == UNPACKED


def test_no_server_and_no_such_page(server, tmp_path):
    wanted = archive(server)
    gone = dataclasses.replace(wanted, url=wanted.url + "s")
    with pytest.raises(UserError, match="the server answers 404"):
        fetch_archive(gone, tmp_path / "db", MARKER)
    server.server_close()
    server.shutdown()
    with pytest.raises(UserError, match="the connection broke"):
        fetch_archive(wanted, tmp_path / "db", MARKER)


@pytest.mark.parametrize(
    ("files", "links", "message"),
    [
        ({"Top/../../escaped": b"x"}, [], r"Top/\.\./\.\./escaped: leads out"),
        ({"/tmp/weaksep-escaped": b"x"}, [], "leads out"),
        ({}, [("Top/audio", "/tmp")], "neither a file nor a folder"),
        ({"Other/metadata/meta.csv": b"x"}, [], "holds no Top/metadata/meta.csv"),
    ],
)
def test_archives_that_cannot_be_trusted(server, tmp_path, files, links, message):
    wanted = archive(server, tar_bytes(files, links))
    with pytest.raises(UserError, match=message):
        fetch_archive(wanted, tmp_path / "a/b/db", MARKER)
    assert list(contents(tmp_path)) == ["a/b/packed.tar.gz"]


def special(name, **settings):
    """An archive of one member that is no plain file, or claims to be a large one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        for key, value in settings.items():
            setattr(member, key, value)
        tar.addfile(member)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (special("Top/x", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "neither a file nor a folder"),
        (special("Top/x", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "neither a file nor a folder"),
        (special("Top/x", type=tarfile.BLKTYPE), "neither a file nor a folder"),
        (special("Top/x", type=tarfile.FIFOTYPE), "neither a file nor a folder"),
        (special("Top/x", size=10**12), "Top/x: claims 1000000000000 bytes, more than the archive can hold"),
        (special("Top/metadata/x", size=200_000_000), "Top/metadata/x: claims 200000000 bytes"),
        (special(""), "holds no Top/metadata/meta.csv"),
        (special("."), "holds no Top/metadata/meta.csv"),
        (special("Top"), "holds no Top/metadata/meta.csv"),
        (special("Top/x\0y"), "holds no Top/metadata/meta.csv|cannot be unpacked"),
        (special("Top/" + "x" * 300), "cannot be unpacked .*File name too long"),
    ],
)
def test_members_that_are_not_unpacked(tmp_path, content, message):
    packed = tmp_path / "packed.tar"
    packed.write_bytes(content)
    wanted = Archive("", packed.name, hashlib.md5(content).hexdigest(), 0, 150_000_000, "Top")
    with pytest.raises(UserError, match=message) as caught:
        fetch_archive(wanted, tmp_path / "db", MARKER)
    assert "\n" not in str(caught.value)
    assert set(contents(tmp_path)) <= {"packed.tar", "db/x"}


@pytest.mark.parametrize("content", [b"this is no archive", tar_bytes(CORPUS)[:100_000]])
def test_an_archive_that_does_not_unpack(tmp_path, content):
    packed = tmp_path / "packed.tar.gz"
    packed.write_bytes(content)
    wanted = Archive("", packed.name, "", 0, 1_000_000, "Top")
    with pytest.raises(UserError, match="packed.tar.gz: cannot be unpacked"):
        unpack(wanted, packed, tmp_path / "db")
    assert not (tmp_path / "db" / MARKER).exists()


def test_too_little_room_is_said_before_anything_is_fetched(server, tmp_path):
    wanted = dataclasses.replace(archive(server), size_bytes=10**18)
    with pytest.raises(UserError, match="packed.tar.gz.part: needs about .* choose another place with --db"):
        fetch_archive(wanted, tmp_path / "db", MARKER)
    assert server.asked == []


def test_the_published_archive():
    assert URBANSOUND8K.md5 == "9aa69802bbf37fb986f71ec1483a196e"
    assert "zenodo.org/records/1203745/" in URBANSOUND8K.url
    with pytest.raises(UserError, match=r"URBANSOUND8K= in db\.sh or give --db"):
        fetch_urbansound8k(None)
