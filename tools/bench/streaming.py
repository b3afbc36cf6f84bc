"""Separation while the sound goes on: seconds of computing for a second of sound, in blocks of 20 ms and of a second,
against the same net on the whole sound."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from timing import Against, in_turns, quick, record

from weaksep.infer.model import Separator, separate_waveform
from weaksep.infer.source_stream import SourceStream, latency_samples
from weaksep.nets.build import build_separator
from weaksep.signal.stft import Stft
from weaksep.train.systems import system_configs

FOLDER = Path(__file__).resolve().parents[2] / "egs/urbansound_mix/conf/subset"
RATE, CLASSES = 8000, ("a", "b", "c", "d", "e")
BLOCKS_S = (0.02, 1.0)


def streamed(separator: Separator, audio: np.ndarray, block: int) -> None:
    """All of it, block by block."""
    stream = SourceStream(separator, 1)
    for start in range(0, audio.shape[1], block):
        stream.push(audio[:, start : start + block])
    stream.push(audio[:, :0], last=True)


def whole(separator: Separator, audio: np.ndarray) -> None:
    """All of it at once."""
    separate_waveform(separator, torch.from_numpy(audio))


def main() -> None:
    """The configurations for streams of conf/subset, five classes at 8 kHz, one thread."""
    seconds_long, rounds = (4, 2) if quick() else (60, 5)
    torch.set_num_threads(1)
    audio = (0.05 * np.random.default_rng(0).standard_normal((1, RATE * seconds_long))).astype(np.float32)
    for name, config in system_configs(FOLDER, ["remix_stream_100ms", "remix_stream_1s"]).items():
        net = build_separator(config.net, len(CLASSES), 129).eval()
        separator = Separator(net, CLASSES, RATE, Stft(256, 128), torch.device("cpu"))
        functions = {f"{block_s:g} s": partial(streamed, separator, audio, int(block_s * RATE)) for block_s in BLOCKS_S}
        taken = in_turns({**functions, "whole": partial(whole, separator, audio)}, rounds)
        for block in functions:
            seconds, limit = ([one / seconds_long for one in taken[key]] for key in (block, "whole"))
            what = f"blocks of {block}, {1000 * latency_samples(separator) / RATE:.0f} ms late, 5 classes at 8 kHz"
            peers = [Against("the whole sound at once", limit, limit=True)]
            record(f"stream, {name}", f"{what}, one thread", seconds, peers, unit="s for 1 s", at_most=0.2)


if __name__ == "__main__":
    main()
