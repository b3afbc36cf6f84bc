"""Fetching a corpus that its owners publish as one archive: resumable, checked, unpacked with care.

The standard library alone does it: pooch, the usual choice, starts a broken download from the beginning,
which for a 6 GB archive on a slow line may never end. What has arrived is kept in `<archive>.part`; the
next call asks the server for the rest (HTTP Range). Nothing here runs unless the user asks for it.
"""

import hashlib
import http.client
import logging
import lzma
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from tqdm import tqdm

from weaksep.errors import UserError, refuse
from weaksep.fileio.atomic import atomic_path, full_disk_message, sync
from weaksep.fileio.lock import folder_lock
from weaksep.fileio.space import readable, require_space

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
        unpacked_bytes: roughly, unpacked; the file itself is no larger.
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


def file_md5(path: Path) -> str:
    """md5 of a file, hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)  # an error check against the owners' figure, not a signature
    with (
        path.open("rb") as file,
        tqdm.wrapattr(file, "read", path.stat().st_size, desc=f"md5 {path.name}", disable=None) as stream,
    ):
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _arriving(archive: Archive, part: Path) -> Iterator[tuple[int, bytes]]:
    """The rest of an archive that ``part`` holds the beginning of, or all of it from a server that cannot go on.

    Yields:
        where in the file a block begins, and the block, which the caller appends to ``part``.

    Raises:
        UserError: the line breaks, or the server refuses.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            if have and response.status != http.client.PARTIAL_CONTENT:
                logger.info("the server does not continue downloads: starting again")
                have = 0
            total = have + response.length if response.length else None
            with tqdm.wrapattr(response, "read", total, initial=have, desc=archive.name, disable=None) as stream:
                while block := stream.read(BLOCK_BYTES):
                    yield have, block
                    have += len(block)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
    except urllib.error.HTTPError as error:
        # 416: nothing is left to send, the part is whole
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise UserError(f"{archive.url}: the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(
            f"{archive.url}: the connection broke ({reason}); {have / 1e6:.1f} MB are kept in {part}: "
            "run the same command again to go on"
        ) from None


def fetch_file(archive: Archive, target: Path) -> None:
    """Download to `target`, going on from `<target>.part` if an earlier attempt left one; check the md5.

    Raises:
        UserError: the line breaks or the disk is full (what has arrived is kept), the server refuses, or it is
            another file (which is removed, since nothing can be built on it).
    """
    part = target.with_name(target.name + ".part")
    require_space(part, archive.size_bytes - (part.stat().st_size if part.exists() else 0), 1, "--db")
    for start, block in _arriving(archive, part):
        try:
            with part.open("ab" if start else "wb") as stream:
                stream.write(block)
        except OSError as error:
            raise UserError(full_disk_message(part, error)) from None
        if start + len(block) > archive.unpacked_bytes:
            _refuse(archive, part, f"sends more than {readable(archive.unpacked_bytes)}")
    sync(part)
    found = file_md5(part)
    if found != archive.md5:
        _refuse(archive, part, f"md5 is {found}, expected {archive.md5}")
    part.replace(target)


def _refuse(archive: Archive, part: Path, reason: str) -> NoReturn:
    part.unlink()
    raise UserError(f"{archive.url}: {reason}; the file was removed: download it again")


def _files(archive: Archive, packed: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Files of the archive's top folder, by their paths in it. ValueError: a member that must not be unpacked."""
    room = 2 * archive.unpacked_bytes  # the size is stated roughly; a member that claims terabytes is a trap
    with tarfile.open(packed, "r:*") as tar, tqdm(desc=f"unpack {packed.name}", unit="file", disable=None) as bar:
        for member in tar:
            bar.update()
            path = PurePosixPath(member.name)
            top, inside = path.parts[:1], path.parts[1:]
            plain = member.isfile() or member.isdir()
            most = min(room, MAX_METADATA_BYTES) if inside[:1] == ("metadata",) else room
            faults = {
                "leads out of the folder": path.is_absolute() or ".." in path.parts,
                "neither a file nor a folder (links and devices are not unpacked)": not plain,
                f"claims {member.size} bytes, more than the archive can hold": member.size > most,
            }
            refuse({f"{member.name}: {fault}": holds for fault, holds in faults.items()})
            room -= member.size
            content = tar.extractfile(member)
            # macOS leaves "._name" files beside the real ones
            if content and top == (archive.folder,) and inside and not inside[-1].startswith("."):
                yield Path(*inside), content


def unpack(archive: Archive, packed: Path, db: Path) -> None:
    """Unpack so that the archive's top folder becomes `db`; each file appears whole or not at all.

    The metadata comes last, since it is what makes a folder count as the corpus.

    Raises:
        UserError: the file is no tar archive, or a member would leave `db` (nothing after it is unpacked).
    """
    require_space(db, archive.unpacked_bytes, 1, "--db")
    metadata: dict[Path, bytes] = {}
    try:
        for path, content in _files(archive, packed):
            if path.parts[0] == "metadata":
                metadata[db / path] = content.read()
                continue
            with atomic_path(db / path, durable=False) as temporary, temporary.open("wb") as stream:
                shutil.copyfileobj(content, stream, BLOCK_BYTES)
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
        raise UserError(f"{packed}: cannot be unpacked ({error})") from None
    for path, text in metadata.items():
        with atomic_path(path) as temporary:
            temporary.write_bytes(text)


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
    ours = not packed.exists()  # one that was there is the user's
    if ours:
        fetch_file(archive, packed)
    elif file_md5(packed) != archive.md5:
        raise UserError(f"{packed}: md5 is not {archive.md5}: remove it to download it again")
    unpack(archive, packed, db)
    if not (db / marker).is_file():
        raise UserError(f"{packed}: holds no {archive.folder}/{marker}: not the archive that was expected")
    if ours:
        packed.unlink()
    logger.info("unpacked into %s", db)


def fetch_urbansound8k(db: Path | None) -> None:
    """Fetch UrbanSound8K (6 GB) into the folder `db`. UserError when no folder was given."""
    if db is None:
        raise UserError(
            "--download true needs a folder to put UrbanSound8K in: set URBANSOUND8K= in db.sh or give --db"
        )
    with folder_lock(db):  # two downloads into one file would spoil it
        fetch_archive(URBANSOUND8K, db, Path("metadata/UrbanSound8K.csv"))
