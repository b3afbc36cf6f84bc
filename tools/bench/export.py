"""An exported separator in onnxruntime against the same in PyTorch: seconds for 30 s of audio, and megabytes.

The exported one transforms by convolutions with tables of cosines, PyTorch by FFT; masks and net are the same.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from separate import untrained
from steps import UNET
from timing import Against, in_turns, quick, record

from weaksep.fileio.network import pack_network
from weaksep.infer.export import export
from weaksep.infer.in_memory import load_separator

# Net, sample rate, window.
SIZES = {"U-Net": (UNET, 8000, 256), "BLSTM of 3 x 600 units": ({}, 16_000, 512)}


def measured(name: str, net: dict[str, Any], rate: int, window: int, seconds_long: int, rounds: int) -> None:
    """Export a net, and run both."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as place:
        packed, file = Path(place, "model.zip"), Path(place, "model.onnx")
        folder = untrained(Path(place, "model"), net, rate, window)
        pack_network(packed, folder, {})
        export(folder, file, "onnx", "separator")
        session = InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        separate = load_separator(folder)
        waveform = (0.05 * np.random.default_rng(0).standard_normal(rate * seconds_long)).astype(np.float32)
        functions = {
            "onnx": lambda: session.run(None, {"waveform": waveform[None]}),
            "torch": lambda: separate(waveform, rate),
        }
        seconds = in_turns(functions, rounds)
        what = f"{seconds_long} s at {rate // 1000} kHz, one thread"
        record(f"exported, {name}", what, seconds["onnx"], [Against("PyTorch", seconds["torch"], goal=0.5)])
        sizes = [path.stat().st_size / 1e6 for path in (file, packed)]
        record(f"exported, {name}, size", "ONNX", sizes[:1], [Against("the packed model", sizes[1:])], unit="MB")


def main() -> None:
    """Five classes, one thread."""
    seconds_long, rounds = (2, 2) if quick() else (30, 5)
    torch.set_num_threads(1)
    for name, (net, rate, window) in SIZES.items():
        measured(name, net, rate, window, seconds_long, rounds)


if __name__ == "__main__":
    main()
