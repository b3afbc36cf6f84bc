"""What things cost: for every shipped configuration minutes, memory, disk, speed and the score that is published.

Steps and separation are timed here, on made-up clips of the configuration's size; trainings are those times the number
of steps, so that those that would take weeks are listed too. Disk is that of the audio and, as spectra, of the
archives, by arithmetic.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from steps import make_set

from weaksep.corpora.registry import load_data_config
from weaksep.feats.config import FeatsConfig
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.yamlfile import load_config
from weaksep.infer.model import Separator, separate_waveform
from weaksep.mixtures.config import MixConfig
from weaksep.nets.build import build_separator
from weaksep.report.environment import environment, environment_lines
from weaksep.signal.stft import Stft
from weaksep.signal.units import n_frames, seconds_to_samples
from weaksep.train.systems import all_systems, system_configs

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = ("strong", "frame", "clip", "strong_remix", "remix", "remix_fast", "remix_classified")
CLIPS = 48
INTRODUCTION = """\
# What things cost

Training is the time of a step, measured on made-up clips of the configuration's size with one thread, times the number
of steps; two trainings fit two cores side by side. Its classifier comes on top. Memory is the peak of that process.
Disk is for the mixtures with references and, where spectra are kept, for those. Real time: minutes of audio that are
separated in a minute, one thread. SI-SDRi is what the recipe's page has (mean, of test mixtures), "–" where nobody has
trained it. `python tools/bench/costs.py` makes this page.
"""


def disk_gb(mix: MixConfig, feats: FeatsConfig, rate: int, n_classes: int) -> tuple[float, float]:
    """Of the audio of all sets, and of their spectra, GB; as many references as classes are expected in a mixture."""
    events = mix.mean_events / -math.expm1(-mix.mean_events)
    files = 1 + n_classes * -math.expm1(events * math.log1p(-1 / n_classes))
    samples = seconds_to_samples(mix.clip_s, rate)
    clips = sum(mix.sizes().values())
    frames = n_frames(samples, feats.hop_samples) * (feats.window_samples // 2 + 1)
    return clips * files * 2 * samples / 1e9, clips * files * 4 * frames / 1e9


def step_cost(work: Path, folder: Path, system: str) -> tuple[float, float]:
    """Seconds of a step and peak memory of the process, MB; by a dry run of the training."""
    options = ["--task", "separator", "--config-dir", str(folder), "--systems", system, "--dry-run", "true"]
    options += ["--datadir", str(work / "data"), "--dumpdir", str(work / "dump"), "--expdir", str(work / "exp")]
    command = [sys.executable, "-m", "weaksep.bin.train", *options, "--ngpu", "0", "--nj", "1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        _, _, usage = os.wait4(process.pid, 0)  # of this process; RUSAGE_CHILDREN has the largest of all so far
        log.seek(0)
        text = log.read().decode()
    found = re.search(r"; ([\d.]+) s a step", text)
    if not found:
        raise SystemExit(f"{folder}: {system}: {text.strip()[-300:]}")
    return float(found[1]), usage.ru_maxrss / 1e3


def real_time(net: dict[str, Any], n_classes: int, rate: int, feats: FeatsConfig) -> float:
    """Seconds of audio that are separated in a second."""
    stft = Stft(feats.window_samples, feats.hop_samples)
    separator = Separator(
        build_separator(net, n_classes, stft.n_bins).eval(),
        tuple(f"class{number}" for number in range(n_classes)),
        rate,
        stft,
        torch.device("cpu"),
    )
    audio = 0.05 * torch.randn(1, 20 * rate)
    separate_waveform(separator, audio)
    started = time.perf_counter()
    separate_waveform(separator, audio)
    return 20 / (time.perf_counter() - started)


def published(folder: Path) -> dict[str, float]:
    """Mean SI-SDRi of each system that a page of the recipe has for a configuration; the latest where several have."""
    recipe = next(parent for parent in folder.parents if (parent / "run.sh").exists())
    scores: dict[str, float] = {}
    pages = [json.loads(path.read_text(encoding="utf-8")) for path in recipe.glob("**/results.json")]
    for found in sorted(pages, key=lambda page: page["environment"]["date"]):
        if f"Configuration: `{folder.relative_to(recipe)}`." in found["notes"]:
            for system in found["systems"]:
                name = system["name"].removeprefix("separator_").partition("+")[0]
                scores[name] = system["si_sdri_db"]["mean"]
    return scores


def rows_of(folder: Path) -> list[str]:
    """Lines of the table for one configuration."""
    if not (folder / "mix.yaml").exists():
        return []
    data, mix = load_data_config(folder / "data.yaml"), load_config(MixConfig, folder / "mix.yaml")
    feats, scores = load_config(FeatsConfig, folder / "feats.yaml"), published(folder)
    audio, spectra = disk_gb(mix, feats, data.sample_rate, len(data.classes))
    lines = []
    with tempfile.TemporaryDirectory() as folder_name:
        work = Path(folder_name)
        rate, samples = data.sample_rate, seconds_to_samples(mix.clip_s, data.sample_rate)
        for name in ("train", "valid"):
            make_set(work, CLIPS, name=name, classes=data.classes, rate=rate, n_samples=samples, feats=feats)
        for system, config in system_configs(folder, [s for s in SYSTEMS if s in all_systems(folder)]).items():
            seconds, memory = step_cost(work, folder, system)
            steps = config.optim.steps_per_epoch(mix.sizes()["train"]) * config.optim.max_epochs
            speed = real_time(config.net, len(data.classes), data.sample_rate, feats)
            score = f"{scores[system]:.1f}" if system in scores else "–"
            minutes = seconds * steps / 60
            lines.append(
                f"| {folder.relative_to(ROOT / 'egs')} | {system} | {steps:,} | {seconds:.2f} | {minutes:,.0f} "
                f"| {memory:,.0f} | {audio:.1f} + {spectra:.1f} | {speed:,.0f} | {score} |"
            )
    return lines


def main() -> None:
    """One thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", nargs="*", type=Path, help="folders, instead of all below egs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "COSTS.md")
    args = parser.parse_args()
    torch.set_num_threads(1)
    shipped = sorted({path.parent for path in ROOT.glob("egs/*/conf/**/mix.yaml")})
    folders = [folder.resolve() for folder in args.configs or shipped]
    left_out = [str(folder.relative_to(ROOT / "egs")) for folder in shipped if folder not in folders]
    text = [
        INTRODUCTION,
        "| configuration | system | steps | s a step | minutes | MB | disk (GB) | real time | SI-SDRi |",
    ]
    text += ["|---|---|---|---|---|---|---|---|---|"]
    for folder in folders:
        text += rows_of(folder)
    text += ["", f"Not measured: {', '.join(left_out)}."] if left_out else []
    facts = {name: value for name, value in environment_lines(environment(None)).items() if name != "seed"}
    text += ["", f"<sub>{'; '.join(f'{name} {value}' for name, value in facts.items())}</sub>", ""]
    with atomic_path(args.out) as temporary:
        temporary.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
