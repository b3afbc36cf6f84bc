"""Whether memory grows with the data: peak of a command on many clips against one on a tenth of them, and of separating
a file of two hours against one of ten minutes. Each is a process of its own, with one worker, which is that process.

A ratio is that of the smaller work's peak to the larger one's, so a goal of 1 / 1.1 is met by 10 % more at most.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from processes import output_of, weaksep
from timing import Against, quick, record

from weaksep.fileio.datadir import DataDir
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.dataset import write_unprocessed
from weaksep.infer.model import save_untrained

CORPUS = Path("egs/mini_urban/conf/data.yaml")
FEATS = Path("egs/mini_urban/conf/feats.yaml")
RATE = 8000
# A process counts the memory of the one that it was forked from: a small one is put between it and this script.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def peak_mb(*arguments: object) -> list[float]:
    """Largest resident memory of ``weaksep ARGUMENTS`` in MB, as the one value of its one round."""
    return [float(output_of([sys.executable, "-c", PEAK, sys.executable, "-m", "weaksep.bin", *arguments]))]


def stages(folder: Path, events: Path, n_clips: int) -> dict[str, list[float]]:
    """Peaks of mixing so many clips, of their features and of scoring the mixtures as if they were separated."""
    mix = {"clip_s": 0.5, "mean_events": 1.5, "sets": {"train": n_clips, "valid": 1, "test": 1}}
    write_yaml(folder / "mix.yaml", mix)
    data, dump, exp = (folder / name for name in ("data", "dump", "exp"))
    mixing = peak_mb("mix", "--config", folder / "mix.yaml", "--events", events, "--out", data)
    extraction = peak_mb("feats", "--config", FEATS, "--datadir", data, "--dumpdir", dump)
    write_unprocessed(DataDir.load(data / "train"), exp / "unprocessed/separated/train")
    scoring = peak_mb("score", "--expdir", exp, "--data", data / "train", "--dump", dump / "train")
    return {"mixing": mixing, "extraction": extraction, "scoring": scoring}


def separation(folder: Path, model: Path, minutes: int) -> list[float]:
    """Peak of separating a file of noise."""
    rng, file = np.random.default_rng(0), folder / f"{minutes}.wav"
    with soundfile.SoundFile(file, "w", RATE, 1) as audio:
        for _ in range(minutes):
            audio.write(0.05 * rng.standard_normal(60 * RATE))
    return peak_mb("separate", "--model", model, file, "--out", folder / str(minutes), "--device", "cpu")


def main() -> None:
    """2,000 and 20,000 clips of 0.5 s, 10 minutes and 2 hours, at 8 kHz; two classes."""
    counts, minutes = ((200, 2000), (1, 12)) if quick() else ((2000, 20000), (10, 120))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus: dict[str, Any] = {"base": str(CORPUS.absolute()), "classes": ["car_horn", "siren"]}
        write_yaml(folder / "data.yaml", corpus)
        weaksep("data", "--config", folder / "data.yaml", "--out", folder / "events")
        few, many = (stages(folder / str(count), folder / "events", count) for count in counts)
        model = save_untrained(folder / "model", ["a", "b"], RATE, {"layers": 2, "units": 128})
        short, long = (separation(folder, model, length) for length in minutes)
    for row, peak in many.items():
        what = f"peak of {row} of {counts[1]:,} clips of 0.5 s, one worker; at most 10 % more than of a tenth"
        record(f"memory, {row}", what, peak, [Against(f"{counts[0]:,} clips", few[row], goal=1 / 1.1)], unit="MB")
    what = f"peak of separating a file of {minutes[1]} minutes; at most 5 % more than of the shorter one"
    record("memory, separation", what, long, [Against(f"{minutes[0]} minutes", short, goal=1 / 1.05)], unit="MB")


if __name__ == "__main__":
    main()
