"""Scores of a test set, five classes, clips of 4 s at 8 kHz: ``weaksep score`` from start to end with two worker
processes, against reading the same files with soundfile in two processes. Without an evaluation classifier.

The clips are hard links to a hundred different ones, whose estimates are the sources with noise.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
from processes import weaksep
from timing import Against, in_turns, quick, record

from weaksep.fileio.audio import write_audio
from weaksep.fileio.names import audio_name
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import write_tsv
from weaksep.fileio.yamlfile import write_yaml

CLASSES = ("a", "b", "c", "d", "e")
RATE, SAMPLES, DIFFERENT = 8000, 32000, 100


def make_clip(rng: np.random.Generator, active: Sequence[str]) -> dict[str, np.ndarray]:
    """Mixture, references and estimates of a clip, by the names of their tables, int16."""
    sources = {name: rng.integers(-2000, 2000, SAMPLES).astype(np.int16) for name in active}
    mixture = np.asarray(sum(sources.values()))
    noisy = {name: sources.get(name, 0) + rng.integers(-400, 400, SAMPLES).astype(np.int16) for name in CLASSES}
    references = {f"data/test/{name}": source for name, source in sources.items()}
    estimates = {f"exp/separator_x/separated/test/{name}": source for name, source in noisy.items()}
    return {"data/test/mix": mixture, **references, **estimates}


def make_test_set(folder: Path, n_clips: int) -> list[Path]:
    """The folders data/test, dump/test and exp/separator_x/separated/test; all audio files."""
    rng = np.random.default_rng(0)
    tables: dict[str, dict[str, str]] = {}
    labels: dict[str, str] = {}
    events, files = [], []
    for index in range(n_clips):
        utt, like = f"{index:05d}", f"{index % DIFFERENT:05d}"
        active = sorted(rng.choice(CLASSES, 1 + index % 3, replace=False).tolist()) if utt == like else []
        for place, audio in make_clip(rng, active).items() if active else ():
            top, name = place.rsplit("/", 1)
            write_audio(folder / top / audio_name(name, utt), audio, RATE, durable=False)
        labels[utt] = ",".join(active) or labels[like]
        places = ["data/test/mix", *(f"data/test/{name}" for name in labels[utt].split(","))]
        for place in places + [f"exp/separator_x/separated/test/{name}" for name in CLASSES]:
            top, name = place.rsplit("/", 1)
            file = folder / top / audio_name(name, utt)
            if utt != like:
                os.link(folder / top / audio_name(name, like), file)
            files.append(file)
            prefix = "" if "exp" in top else "src_"
            table = f"{top}/wav.scp" if name == "mix" else f"{top}/{prefix}{name}.scp"
            tables.setdefault(table, {})[utt] = audio_name(name, utt)
        times = {"filename": f"{utt}.wav", "onset": 0.5, "offset": 3.5}
        events += [{**times, "event_label": name} for name in labels[utt].split(",")]
    for table, entries in tables.items():
        write_table(folder / table, entries)
    write_table(folder / "data/test/utt2labels", labels)
    write_tsv(folder / "data/test/events.tsv", ["filename", "onset", "offset", "event_label"], events)
    (folder / "data/test/labels.txt").write_text("\n".join(CLASSES) + "\n")
    write_table(folder / "dump/test/utt2num_frames", dict.fromkeys(labels, str(1 + SAMPLES // 128)))
    write_yaml(folder / "dump/test/feats.yaml", {"window_samples": 256, "hop_samples": 128, "sample_rate": RATE})
    return files


def read_all(files: Sequence[Path]) -> int:
    """Read files, and count their samples."""
    return sum(len(soundfile.read(file, dtype="float32")[0]) for file in files)


def main() -> None:
    """5,000 mixtures; with BSS eval, as the recipes have it, and without."""
    n_clips, rounds = (100, 2) if quick() else (5000, 3)
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(2, get_context("spawn")) as pool:
        folder = Path(name)
        files = make_test_set(folder, n_clips)

        def score(bss_eval: str) -> None:
            places = ("--expdir", folder / "exp", "--data", folder / "data/test", "--dump", folder / "dump/test")
            weaksep("score", *places, "--nj", 2, "--force", "true", "--bss-eval", bss_eval)

        functions = {
            "with BSS eval": lambda: score("true"),
            "without BSS eval": lambda: score("false"),
            "reads": lambda: list(pool.map(read_all, [files[::2], files[1::2]])),
        }
        seconds = in_turns(functions, rounds)
    limit = Against("soundfile reads in two processes", seconds.pop("reads"), goal=0.5, limit=True)
    what = f"weaksep score of {n_clips:,} mixtures x {len(CLASSES)} classes, 4 s at 8 kHz, two processes"
    for row, own in seconds.items():
        record(f"scoring, {row}", f"{what}, {len(files):,} files", own, [limit], at_most=60)


if __name__ == "__main__":
    main()
