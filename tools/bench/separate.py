"""Separation of a long file on the CPU, file in and FLAC stems out: ``weaksep separate`` against the net's own forward
pass over the frames that it hears, and against Asteroid's ``file_separate`` around the same net.

Pieces of 30 s overlap by 10 s, so a net hears every second one and a half times, on all sides. With Asteroid both sides
run in its environment; there the pieces come from its LambdaOverlapAdd, and its stems are WAV files of 16 bits.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from processes import has_peer, run_peer
from steps import CLASSES, UNET
from timing import Against, in_turns, quick, record

from weaksep.bin.separate import main as separate
from weaksep.fileio.network import Description, Features, write_network
from weaksep.infer.model import load_separator
from weaksep.infer.recordings import chunk_plan
from weaksep.nets.build import build_separator

# Net, sample rate, window, minutes: the paper's net takes half a minute for three.
SIZES: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "U-Net": (UNET, 8000, 256, 60),
    "the paper's BLSTM": ({}, 16000, 512, 3),
}


def untrained(folder: Path, net: dict[str, Any], rate: int, window: int) -> Path:
    """A packed net that has not been trained."""
    features = Features(sample_rate=rate, window_samples=window, hop_samples=128)
    config = {"net": net, "supervision": "strong"}
    weights = build_separator(net, len(CLASSES), window // 2 + 1).state_dict()
    about = Description(task="separator", classes=list(CLASSES), features=features, config=config)
    write_network(folder, about, weights)
    return folder


def main() -> None:
    """Five classes, one thread."""
    tiny, with_asteroid = quick(), has_peer("asteroid")
    torch.set_num_threads(1)
    for row, (net, rate, window, minutes) in SIZES.items():
        seconds_long, rounds = (70, 2) if tiny else (60 * minutes, 3)
        with tempfile.TemporaryDirectory() as name:
            folder, file = Path(name), Path(name) / "recording.wav"
            model = untrained(folder / "model", net, rate, window)
            noise = 0.05 * np.random.default_rng(0).standard_normal(rate * seconds_long)
            soundfile.write(file, noise, rate)
            separator = load_separator(model)
            plan = chunk_plan(separator)
            pieces = 1 - (plan.chunk - len(noise)) // plan.hop
            magnitude = torch.rand(1, 1 + plan.chunk // 128, window // 2 + 1)

            def ours(model: Path = model, file: Path = file) -> None:
                separate(
                    ["--model", str(model), str(file), "--out", f"{file}.out", "--device", "cpu", "--force", "true"]
                )

            @torch.inference_mode()
            def forward(separator: Any = separator, magnitude: Any = magnitude, pieces: int = pieces) -> None:
                for _ in range(pieces):
                    separator.net(magnitude)

            seconds = in_turns({"ours": ours, "forward": forward}, rounds)
            what = f"{seconds_long // 60} minutes at {rate // 1000} kHz, file to FLAC stems, one thread"
            limit = Against("the net's own forward pass", seconds["forward"], goal=0.85, limit=True)
            record(f"separation, {row}", what, seconds["ours"], [limit])
            if with_asteroid:
                seconds = run_peer("asteroid", "asteroid_separate.py", model, file, rounds)
                peer = Against("Asteroid's file_separate in windows of 30 s", seconds["asteroid"], goal=1)
                record(f"separation, {row}, Asteroid", f"{what}, in Asteroid's environment", seconds["ours"], [peer])


if __name__ == "__main__":
    main()
