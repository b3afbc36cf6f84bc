"""How the stages' time and memory grow with clips, seconds, classes and cores: docs/scale.md, with exponents.

One size is varied at a time. A stage's time is the processor time that it takes beyond its start, which is that of the
same stage on next to nothing; an exponent is the slope of log(time) over log(size), so 1 means that twice as much takes
twice as long. Every stage is a process of its own, and its memory the peak of that process, with one worker.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from processes import output_of
from sizing import sizing

from weaksep.bin.cli import str2bool
from weaksep.fileio.atomic import write_json, write_text
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tsv import write_tsv
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer.dataset import write_unprocessed
from weaksep.infer.model import save_untrained
from weaksep.report.environment import environment, environment_lines

ROOT = Path(__file__).resolve().parents[2]
RATE = 8000
FEATS = {"window_samples": 256, "hop_samples": 128}
UNET = {"kind": "unet", "channels": [16, 32, 48, 64], "layers": 1, "units": 32}
TRAINING = {"net": UNET, "supervision": "strong", "optim": {"batch_size": 16, "max_epochs": 1}}
AUDIO = {"audio_format": "wav.ark"}  # archives, as large corpora are kept: a file each would measure the file system
STAGES = ("data", "mix", "feats", "training's start", "separate", "score")
# Seconds and MB of a command whose memory is counted by itself: a process inherits the peak of the one that forked it.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
INTRODUCTION = """\
# Scale

How seconds and peak memory of the stages grow, one size varied at a time around the first line of each table. Stage 0
converts as many events as stage 1 mixes clips, audio is in archives (`wav.ark`), and `training's start` is all that a
training does before its first step. Seconds are of processor time, of a command and its workers together, so that the
cores need not be idle (two runs beside other work parted by up to a third); they hold the start of the command, which
exponents leave out. An exponent is the slope of log(seconds) over log(size): 1 is proportional. MB are of the largest
process. `tools/bench/scale.py` makes this page.
"""


@dataclass(frozen=True)
class Size:
    """Of a corpus, and of what works on it.

    Attributes:
        clips: mixtures, and events.
        seconds: of each.
        classes: of the corpus.
        nj: worker processes.
    """

    clips: int = 1000
    seconds: float = 0.25
    classes: int = 2
    nj: int = 1


def varied(largest: int) -> dict[str, list[Size]]:
    """What is varied -> sizes, from small to large."""
    counts = [count for count in (1000, 10_000, 100_000, 1_000_000) if count <= largest]
    long = Size(clips=2000, seconds=1.0)
    return {
        "clips": [Size(clips=count) for count in counts],
        "seconds": [Size(clips=1000, seconds=seconds) for seconds in (1.0, 4.0, 16.0)],
        "classes": [Size(clips=1000, seconds=1.0, classes=classes) for classes in (2, 8, 32)],
        "nj": [long, replace(long, nj=2)],
    }


def write_corpus(folder: Path, size: Size) -> None:
    """A corpus as a table of events: parts of noise files, whose number does not grow with that of the events."""
    rng, rows = np.random.default_rng(0), []
    for number in range(size.classes):
        for name in ("train", "valid", "test"):
            noise = 0.05 * rng.standard_normal(int(RATE * max(60.0, 2 * size.seconds))).astype(np.float32)
            write_audio(folder / f"{name}{number}.wav", noise, RATE, durable=False)
            wanted = -(-size.clips // size.classes) if name == "train" else 2
            starts = np.linspace(0, 60 - size.seconds, wanted) if size.seconds < 60 else [0.0] * wanted
            rows += [
                {
                    "filename": f"{name}{number}.wav",
                    "class": f"class{number}",
                    "set": name,
                    "recording": f"{name}{number}",
                    "onset": f"{start:.4f}",
                    "offset": f"{start + size.seconds:.4f}",
                }
                for start in starts
            ]
    write_tsv(folder / "events.tsv", ("filename", "class", "set", "recording", "onset", "offset"), rows)


def measured(*arguments: object) -> tuple[float, float]:
    """Seconds of processor time of ``weaksep ARGUMENTS`` and its workers, and the peak of the largest process in MB."""
    words = output_of([sys.executable, "-c", MEASURE, sys.executable, "-m", "weaksep.bin", *arguments]).split()
    return float(words[-2]), float(words[-1])


def stages(folder: Path, size: Size, scored: int) -> dict[str, tuple[float, float]]:
    """Seconds and MB of each stage; separation and scores only up to ``scored`` clips."""
    corpus, data, dump, exp = (folder / name for name in ("corpus", "data", "dump", "exp"))
    write_corpus(corpus, size)
    classes = [f"class{number}" for number in range(size.classes)]
    # The training set alone is large: separation and scores are of that, too.
    sets = {"train": size.clips, "valid": 2, "test": 2}
    write_yaml(folder / "data.yaml", {"corpus": "table", "sample_rate": RATE, "classes": classes, **AUDIO})
    write_yaml(folder / "mix.yaml", {"clip_s": size.seconds, "mean_events": 1.5, "sets": sets, **AUDIO})
    write_yaml(folder / "feats.yaml", FEATS)
    write_yaml(folder / "conf/strong.yaml", TRAINING)
    nj, training = ("--nj", size.nj), ("--systems", "strong", "--system-configs", folder / "conf")
    found = {
        "data": measured(
            "data", "--config", folder / "data.yaml", "--db", corpus, "--out", data / "events", *nj
        ),
        "mix": measured("mix", "--config", folder / "mix.yaml", "--events", data / "events", "--out", data, *nj),
        "feats": measured(
            "feats", "--config", folder / "feats.yaml", "--datadir", data, "--dumpdir", dump, *training, *nj
        ),
    }  # fmt: skip
    if size.clips > scored:
        return found
    places = ("--datadir", data, "--dumpdir", dump, "--expdir", exp, "--config-dir", folder / "conf")
    train = ("train", "--task", "separator", "--systems", "strong", *places, "--dry-run", "true", "--ngpu", 0)
    found["training's start"] = measured(*train)
    save_untrained(exp / "separator_strong", classes, RATE, UNET)
    separate = ("infer", "--expdir", exp, "--exp", exp / "separator_strong", "--data", data / "train", "--ngpu", 0)
    found["separate"] = measured(*separate, "--oracles", "false", "--audio-format", "wav.ark", *nj)
    write_unprocessed(DataDir.load(data / "train"), exp / "unprocessed/separated/train")
    found["score"] = measured("score", "--expdir", exp, "--data", data / "train", "--dump", dump / "train", *nj)
    return found


def exponent(sizes: Sequence[float], seconds: Sequence[float], start: float) -> float | None:
    """Slope of log(seconds beyond the start) over log(size); None where too little is left to tell."""
    beyond = np.array(seconds) - start
    if len(beyond) < 2 or beyond[0] < 0.2 * start:
        beyond, sizes = beyond[1:], sizes[1:]
    if len(beyond) < 2 or min(beyond) <= 0:
        return None
    return float(np.polyfit(np.log(sizes), np.log(beyond), 1)[0])


def page(found: dict[str, Any]) -> str:
    """docs/scale.md from its figures."""
    text = [INTRODUCTION]
    for what, rows in found["varied"].items():
        names = [name for name in STAGES if any(name in row["stages"] for row in rows)]
        text += [f"## {what}", "", f"| {' | '.join(['', *names])} |", "|---" * (1 + len(names)) + "|"]
        for row in rows:
            size = row["size"]
            about = (
                f"{size['clips']:,} clips of {size['seconds']:g} s, {size['classes']} classes, {size['nj']} worker(s)"
            )
            cells = [row["stages"].get(name) for name in names]
            text.append(f"| {about} | {' | '.join(f'{c[0]:.1f} s, {c[1]:.0f} MB' if c else '–' for c in cells)} |")
        slopes = []
        for name in names:
            there = [row for row in rows if name in row["stages"]]
            sizes, seconds = [row["size"][what] for row in there], [row["stages"][name][0] for row in there]
            slope = exponent(sizes, seconds, found["start"].get(name, [0.0])[0])
            slopes.append("–" if slope is None else f"{slope:.2f}")
        # Of workers there is none: each of them starts, and that is most of what more of them take.
        text += [*([f"| exponent | {' | '.join(slopes)} |"] if what != "nj" else []), ""]
    facts = "; ".join(f"{name} {value}" for name, value in found["facts"].items())
    return "\n".join([*text, *sizing(found), "", f"<sub>{facts}</sub>", ""])


def measure(largest: int, scored: int) -> Iterator[dict[str, Any]]:
    """All that has been measured, after every size."""
    facts = {name: value for name, value in environment_lines(environment(None)).items() if name != "seed"}
    found: dict[str, Any] = {"facts": facts, "varied": {}}
    with tempfile.TemporaryDirectory() as name:
        found["start"] = stages(Path(name), Size(clips=4), scored)
    for what, sizes in varied(largest).items():
        found["varied"][what] = []
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                found["varied"][what].append({"size": asdict(size), "stages": stages(Path(name), size, scored)})
            print(found["varied"][what][-1], flush=True)
            yield found


def main() -> None:
    """Measure everything, write figures and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=100_000, help="clips")
    parser.add_argument("--scored", type=int, default=100_000, help="clips up to which separation and scores are timed")
    parser.add_argument("--figures", type=Path, default=Path(__file__).parent / "SCALE.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/scale.md", help="the page")
    parser.add_argument("--redraw", type=str2bool, default=False, help="the page alone, from the figures")
    args = parser.parse_args()
    if not args.redraw:
        for found in measure(args.largest, args.scored):
            write_json(args.figures, found)
    write_text(args.out, page(json.loads(args.figures.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
