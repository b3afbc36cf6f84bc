"""Every kind of audio file that libsndfile writes: whole, cut short, and with a changed header.

    tools/fuzz_audio.py --cuts 20 --headers 20 --seed 0

A whole file must be read, in full. One that is cut must be refused, or give as much sound as the whole one, or the log
must say that its length cannot be checked. With another header there is a value or a UserError for people. No crash, no
hang (a minute), and no more memory than 10 MB and 2,000 bytes for each byte of the file. What breaks that is printed
with the arguments that make it again; the exit status is then 1. The table has, for each kind, how its files ended.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import sys
import tempfile
import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import soundfile
from fuzz import for_people, limit_memory
from fuzz_mutate import EXTREMES, Draws

from weaksep.errors import UserError
from weaksep.fileio.audio import read_any

RATE = 8000
FREE_BYTES = 10_000_000  # two blocks of a file
BYTES_A_BYTE = 2000
HEADER_BYTES = 100
HANGS_S = 60
UNCHECKED = "cannot be checked"


class Log(logging.Handler):
    """The messages of one file."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class Files:
    """Feeds files, each under a name of its own, since what is odd about a file is logged once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = Log()
        self.count = 0
        logger = logging.getLogger("weaksep.fileio.audioread")
        logger.addHandler(self.log)
        logger.propagate = False

    def read(self, content: bytes, rate: int, accept_truncated: bool = False) -> int | None:
        """Samples that come of a file, at some rate; None when it is refused. Whatever should not happen is raised."""
        self.count += 1
        self.log.messages.clear()
        path = self.folder / f"input{self.count}"
        path.write_bytes(content)
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        tracemalloc.start()
        try:
            wave = read_any(path, rate, accept_truncated)
            assert wave.ndim == 1 and wave.dtype == np.float32 and np.isfinite(wave).all()
            return len(wave)
        except UserError as error:
            assert for_people(str(error)), f"not a message for people: {str(error)!r}"
            return None
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            faulthandler.cancel_dump_traceback_later()
            path.unlink()
            allowed = FREE_BYTES + BYTES_A_BYTE * len(content)
            assert peak <= allowed, f"{peak} bytes of memory for a file of {len(content)}"


def written(path: Path, kind: str, subtype: str, draws: Draws) -> tuple[bytes, int, int] | None:
    """A file of noise, of some length, one channel or two; its samples a channel and its rate, by libsndfile alone.

    None where libsndfile cannot read what it writes (some SDS files but in small pieces), or not without its name.
    """
    samples, channels = 2000 + draws.below(3000), 1 + draws.below(2)
    noise = 0.1 * np.random.default_rng(draws.below(2**31)).standard_normal((samples, channels))
    for columns in (channels, 1):  # some know no stereo
        with contextlib.suppress(soundfile.LibsndfileError, ValueError, TypeError, AssertionError):
            with soundfile.SoundFile(path, "w", RATE, columns, subtype, format=kind) as file:
                file.write(noise[:, :columns])
            with path.open("rb") as opened, soundfile.SoundFile(opened.fileno(), closefd=False) as file:
                samples = len(file.read(file.frames))
                return (path.read_bytes(), samples, file.samplerate) if samples == file.frames else None
    return None


def changed(content: bytes, draws: Draws) -> bytes:
    """One field among the first bytes with another value: of one, two, four or eight bytes."""
    size = draws.of((1, 1, 2, 4, 4, 8))
    place = draws.below(min(HEADER_BYTES, len(content)) - size)
    value = draws.of((*EXTREMES, draws.below(2**31))) % 256**size
    return content[:place] + value.to_bytes(size, draws.of(("little", "big"))) + content[place + size :]


def feed(files: Files, content: bytes, whole: int, rate: int, what: str, draws: Draws) -> str:
    """Feed one file; how it ended."""
    if what == "header":
        return "refused" if files.read(changed(content, draws), rate) is None else "read"
    if what == "whole":
        found = files.read(content, rate)
        assert found is not None and found == whole, f"{found} samples of a whole file of {whole}"
        return "whole"
    cut = content[: 1 + draws.below(len(content) - 1)]
    found = files.read(cut, rate)
    said = any(UNCHECKED in message for message in files.log.messages)
    some = files.read(cut, rate, accept_truncated=True)
    assert found is None or found == some
    assert found is None or found >= whole or said, f"{found} of {whole} samples without a word ({len(cut)} bytes)"
    return "refused" if found is None else "whole all the same" if found >= whole else "said in the log"


def fuzz(kind: str, subtype: str, cuts: int, headers: int, seed: int, files: Files) -> tuple[Counter[str], list[str]]:
    """Files of one kind: how they ended, and the failures."""
    ends: Counter[str] = Counter()
    failures: list[str] = []
    for index, what in enumerate(["whole"] * 2 + ["cut"] * cuts + ["header"] * headers):
        draws = Draws(seed, f"audio {kind} {subtype}", index)
        good = written(files.folder / "written", kind, subtype, draws)
        if good is None:
            continue
        try:
            ends[f"{what}: {feed(files, *good, what, draws)}"] += 1
        except Exception as error:
            ends[f"{what}: A FAILURE"] += 1
            again = f"tools/fuzz_audio.py --kind {kind} --subtype {subtype} --seed {seed}"
            failures.append(f"{type(error).__name__}: {error}; {kind} {subtype}, {what} {index}; {again}")
    return ends, failures


def main() -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20, help="files that are cut short, of each kind (%(default)s)")
    parser.add_argument("--headers", type=int, default=20, help="files with another header, of each (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other files (%(default)s)")
    parser.add_argument("--kind", help="this one alone, WAV or so")
    parser.add_argument("--subtype", help="this coding alone, PCM_16 or so")
    arguments = parser.parse_args()
    limit_memory()
    faulthandler.enable()
    table: dict[str, Counter[str]] = defaultdict(Counter)
    failures: list[str] = []
    memory = Path("/dev/shm")  # a disk would be the slowest part
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        files = Files(Path(folder))
        for kind in [arguments.kind] if arguments.kind else soundfile.available_formats():
            for subtype in [arguments.subtype] if arguments.subtype else soundfile.available_subtypes(kind):
                ends, failed = fuzz(kind, subtype, arguments.cuts, arguments.headers, arguments.seed, files)
                table[kind] += ends
                failures += failed
            print(f"{kind}: {', '.join(f'{end} {n}' for end, n in sorted(table[kind].items()))}", flush=True)
    for failure in failures[:50]:
        print(f"  {failure}")
    print(f"{sum(sum(ends.values()) for ends in table.values())} files, failures: {len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
