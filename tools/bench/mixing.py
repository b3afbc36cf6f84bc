"""Mixtures with their references, 5 events each on average, 4 s at 16 kHz: against scaper with isolated events saved,
and against a raw write of the same files.

Whole processes: ``weaksep mix`` with one worker, and a script that calls scaper. Without their start-up: the function
that the command calls, in this process, with no event in memory yet; and what scaper's loop took by its own clock.
scaper makes fewer mixtures, and its process is extended by its loop's time for the others. Ours writes a file for each
class that sounds, of 16 bits a sample, or one archive for each class; scaper a file for each event, of 32 bits.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from processes import run_peer, weaksep
from timing import Against, in_turns, quick, record

from weaksep.fileio.datadir import read_scp
from weaksep.fileio.tables import read_table
from weaksep.fileio.yamlfile import load_config, write_yaml
from weaksep.mixtures import write
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.stage import make_mixtures

CORPUS = Path("egs/mini_urban/conf/data.yaml")


def make_corpus(folder: Path, recordings: int) -> None:
    """Sounds of mini_urban at 16 kHz: folder/events as stage 0 writes them, folder/foreground as scaper reads them."""
    sizes = {"train": recordings, "valid": 1, "test": 1}
    settings = {"base": str(CORPUS.absolute()), "sample_rate": 16000, "recordings_per_class": sizes}
    write_yaml(folder / "data.yaml", settings)
    weaksep("data", "--config", folder / "data.yaml", "--out", folder / "events")
    files = read_scp(folder / "events/train/wav.scp")
    for event, name in read_table(folder / "events/train/utt2class").items():
        (folder / "foreground" / name).mkdir(parents=True, exist_ok=True)
        (folder / "foreground" / name / f"{event}.wav").symlink_to(files[event])


def main() -> None:
    """1,000 mixtures of ours and 100 of scaper's in each round."""
    size, of_scaper, rounds, recordings = (20, 4, 2, 2) if quick() else (1000, 100, 5, 80)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_corpus(folder, recordings)
        events, out, config = folder / "events", folder / "out", folder / "mix.yaml"
        sets = {"train": size - 2, "valid": 1, "test": 1}
        write_yaml(config, {"clip_s": 4.0, "mean_events": 5, "level_db": [-30, -25], "sets": sets})
        settings = load_config(MixConfig, config)
        loops: list[float] = []  # seconds that a mixture takes scaper

        def command(audio_format: str = "wav") -> None:
            more = ("--nj", 1, "--audio-format", audio_format)
            weaksep("mix", "--config", config, "--events", events, "--out", out, *more)

        def function(audio_format: str = "wav") -> None:
            write._loaded.cache_clear()
            own = settings.model_copy(update={"audio_format": audio_format})
            make_mixtures(own, {"": own}, events, out / "backgrounds", out, nj=1, force=False)

        def scaper() -> None:
            found = run_peer("scaper", "scaper_mix.py", folder / "foreground", out, of_scaper, len(loops))
            loops.append(found["seconds"] / of_scaper)

        command()
        sizes = {path: path.stat().st_size for path in out.rglob("*") if path.is_file()}
        noise = memoryview(os.urandom(max(sizes.values())))
        shutil.rmtree(out)

        def raw() -> None:
            for path in {path.parent for path in sizes}:
                path.mkdir(parents=True, exist_ok=True)
            for path, n_bytes in sizes.items():
                with open(path, "wb") as file:
                    file.write(noise[:n_bytes])

        ways = {"command": command, "function": function}
        ways |= {f"{name}, archives": partial(way, "wav.ark") for name, way in ways.items()}
        functions = {**ways, "scaper": scaper, "raw": raw}
        seconds = in_turns(functions, rounds, between=lambda: shutil.rmtree(out))
    loops = loops[-rounds:]
    whole = [(taken + (size - of_scaper) * loop) / size for taken, loop in zip(seconds["scaper"], loops, strict=True)]
    limit = Against("raw write of the same files", [taken / size for taken in seconds["raw"]], goal=0.5, limit=True)
    what = f"a mixture of 4 s at 16 kHz and its references, of {size}, one core"
    for row, ours, theirs in (("whole command", "command", whole), ("no start-up", "function", loops)):
        peer = Against("scaper 1.6.5, isolated events saved", theirs, goal=20)
        for into, others in (("", [peer, limit]), (", archives", [peer])):
            record(f"mixing{into}, {row}", what, [taken / size for taken in seconds[f"{ours}{into}"]], others)


if __name__ == "__main__":
    main()
