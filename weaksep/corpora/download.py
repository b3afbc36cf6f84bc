"""Fetching a corpus that its owners publish as one archive: resumable, checked, unpacked with care.

The standard library alone does it: pooch, the usual choice, starts a broken download from the beginning,
which for a 6 GB archive on a slow line may never end. What has arrived is kept in `<archive>.part`; the
next call asks the server for the rest (HTTP Range). Nothing here runs unless the user asks for it.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import lzma
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path, sync

logger = logging.getLogger(__name__)

BLOCK_BYTES = 2**20
TIMEOUT_S = 60
MAX_METADATA_BYTES = 100_000_000  # they are held in memory until the rest is unpacked


@dataclass(frozen=True)
class Archive:
    """A published archive.

    Args:
        url: where it is.
        name: file name on this side.
        md5: of the whole file, as the owners state it.
        size_bytes: roughly, packed; for the free-space check.
        unpacked_bytes: roughly, unpacked.
        folder: top folder inside the archive.
    """

    url: str
    name: str
    md5: str
    size_bytes: int
    unpacked_bytes: int
    folder: str


URBANSOUND8K = Archive(
    url="https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz?download=1",
    name="UrbanSound8K.tar.gz",
    md5="9aa69802bbf37fb986f71ec1483a196e",
    size_bytes=6_100_000_000,
    unpacked_bytes=7_100_000_000,
    folder="UrbanSound8K",
)


def check_free_space(folder: Path, needed_bytes: int) -> None:
    """UserError when the disk under `folder` has less than `needed_bytes` left."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UserError(
            f"{folder}: {needed_bytes / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: "
            "make room or give another --db"
        )


def file_md5(path: Path) -> str:
    """md5 of a file, hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)  # an error check against the owners' figure, not a signature
    with (
        path.open("rb") as stream,
        tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc=f"md5 {path.name}", disable=None) as bar,
    ):
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def fetch_file(archive: Archive, target: Path) -> None:
    """Download to `target`, going on from `<target>.part` if an earlier attempt left one; check the md5.

    Raises:
        UserError: the line breaks (what has arrived is kept), the server refuses, or the md5 is wrong (the
            file is removed, since nothing can be built on it).
    """
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    check_free_space(target.parent, max(0, archive.size_bytes - have))
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            if have and response.status != http.client.PARTIAL_CONTENT:
                logger.info("the server does not continue downloads: starting again")
                have = 0
            length = response.headers.get("Content-Length") or ""
            expected = int(length) if length.isascii() and length.isdigit() else 0
            if have:
                logger.info("going on after %.1f MB", have / 1e6)
            with part.open("ab" if have else "wb") as stream:
                arrived = _copy(response, stream, have, have + expected, target.name)
            if expected and arrived < expected:
                raise http.client.IncompleteRead(b"", expected - arrived)
    except urllib.error.HTTPError as error:
        # 416: nothing is left to send, the part is whole
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise UserError(f"{archive.url}: the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        size = part.stat().st_size if part.exists() else 0
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{archive.url}: the connection broke ({reason}); {size / 1e6:.1f} MB are kept in {part}: "
            "run the same command again to go on"
        ) from None
    sync(part)
    found = file_md5(part)
    if found != archive.md5:
        part.unlink()
        raise UserError(
            f"{archive.url}: md5 is {found}, expected {archive.md5}; the file was removed: download it again"
        )
    part.replace(target)


def _copy(response: IO[bytes], stream: IO[bytes], have: int, total: int, name: str) -> int:
    """Append the response to the file, with a progress bar; bytes copied."""
    arrived = 0
    with tqdm(initial=have, total=total or None, unit="B", unit_scale=True, desc=name, disable=None) as bar:
        while block := response.read(BLOCK_BYTES):
            stream.write(block)
            arrived += len(block)
            bar.update(len(block))
    return arrived


def check_member(member: tarfile.TarInfo, room: int) -> str | None:
    """What is wrong with a member of an archive: only plain files and folders are taken, up to `room` bytes."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        return f"{member.name}: leads out of the folder"
    if not (member.isfile() or member.isdir()):
        return f"{member.name}: neither a file nor a folder (links and devices are not unpacked)"
    if member.size > (min(room, MAX_METADATA_BYTES) if path.parts[1:2] == ("metadata",) else room):
        return f"{member.name}: claims {member.size} bytes, more than the archive can hold"
    return None


def unpack(archive: Archive, packed: Path, db: Path) -> None:
    """Unpack so that the archive's top folder becomes `db`; each file appears whole or not at all.

    The metadata comes last, since it is what makes a folder count as the corpus.

    Raises:
        UserError: the file is no tar archive, or a member would leave `db` (nothing after it is unpacked).
    """
    check_free_space(db.parent, archive.unpacked_bytes)
    late: list[tuple[Path, bytes]] = []
    room = 2 * archive.unpacked_bytes  # the size is stated roughly; a member that claims terabytes is a trap
    try:
        with (
            tarfile.open(packed, "r:*") as tar,
            tqdm(desc=f"unpack {packed.name}", unit="file", disable=None) as bar,
        ):
            for member in tar:
                problem = check_member(member, room)
                if problem:
                    raise UserError(f"{packed}: {problem}")
                room -= member.size
                parts = PurePosixPath(member.name).parts
                source = tar.extractfile(member) if member.isfile() else None
                # macOS leaves "._name" files beside the real ones
                if source is None or parts[0] != archive.folder or parts[-1].startswith("."):
                    continue
                path = db.joinpath(*parts[1:])
                if parts[1:2] == ("metadata",):
                    late.append((path, source.read()))
                else:
                    with atomic_path(path, durable=False) as temporary, temporary.open("wb") as stream:
                        shutil.copyfileobj(source, stream, BLOCK_BYTES)
                bar.update()
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
        raise UserError(f"{packed}: cannot be unpacked ({error})") from None
    for path, content in late:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)


def fetch_archive(archive: Archive, db: Path, marker: Path) -> None:
    """Put the corpus into `db`, unless `db / marker` is there; meanwhile the archive lies beside `db`.

    Args:
        marker: a file of the corpus, relative to its folder, that is unpacked last.
    """
    if (db / marker).is_file():
        logger.info("%s is there already: nothing to fetch", db)
        return
    db.parent.mkdir(parents=True, exist_ok=True)
    packed = db.parent / archive.name
    if not packed.exists():
        fetch_file(archive, packed)
    elif file_md5(packed) != archive.md5:
        raise UserError(f"{packed}: md5 is not {archive.md5}: remove it to download it again")
    unpack(archive, packed, db)
    if not (db / marker).is_file():
        raise UserError(f"{packed}: holds no {archive.folder}/{marker}: not the archive that was expected")
    packed.unlink()
    logger.info("unpacked into %s", db)


def fetch_urbansound8k(db: Path | None) -> None:
    """Fetch UrbanSound8K (6 GB) into the folder `db`. UserError when no folder was given."""
    if db is None:
        raise UserError(
            "--download true needs a folder to put UrbanSound8K in: set URBANSOUND8K= in db.sh or give --db"
        )
    fetch_archive(URBANSOUND8K, db, Path("metadata/UrbanSound8K.csv"))
