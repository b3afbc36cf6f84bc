"""Stage 2 in one process, against torch.stft of the same files and a raw write of the magnitudes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from timing import best_of, report

from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract_shard
from weaksep.fileio.audio import write_audio

CLIPS, RATE, SECONDS = 200, 16000, 4.0


def main() -> None:
    """200 clips of 4 s at 16 kHz, 512-sample windows every 128, one thread."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    window = torch.hann_window(512).sqrt()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wavs = []
        for index in range(CLIPS):
            path = folder / f"{index:03d}.wav"
            write_audio(path, 0.05 * rng.standard_normal(int(RATE * SECONDS)), RATE, durable=False)
            wavs.append((f"{index:03d}", path))
        work = (FeatsConfig(), RATE, False, (folder / "feats.ark", wavs), lambda files: None)

        def raw() -> None:
            with (folder / "raw.bin").open("wb") as file:
                for start in range(0, CLIPS, 16):
                    clips = [soundfile.read(path, dtype="float32")[0] for _, path in wavs[start : start + 16]]
                    batch = torch.from_numpy(np.stack(clips))
                    spectrum = torch.stft(batch, 512, 128, window=window, return_complex=True)
                    file.write(spectrum.abs().transpose(1, 2).contiguous().numpy().tobytes())

        best = best_of({"ours": lambda: extract_shard(*work), "raw": raw}, rounds=5)
    report(f"features of {CLIPS} clips", best["ours"], best["raw"], "0.7")


if __name__ == "__main__":
    main()
