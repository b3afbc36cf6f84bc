"""Audio files to the magnitudes of an archive, as stage 2 writes them in one process, with their statistics: against
librosa with kaldiio, and against torch.stft with a raw write."""

from __future__ import annotations

import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import kaldiio
import numpy as np
import soundfile
import torch
from timing import Against, in_turns, quick, record

from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract_shard
from weaksep.fileio.audio import write_audio

RATE, SECONDS, WINDOW, HOP = 16000, 4.0, 512, 128
BATCH = 16
WAV_HEADER = 44


def main() -> None:
    """200 clips of 4 s at 16 kHz, 512-sample windows every 128, one thread."""
    n_clips, rounds = (20, 2) if quick() else (200, 10)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    window = torch.hann_window(WINDOW).sqrt()
    # The extra "sed" brings it, which not every machine can compile.
    librosa = import_module("librosa") if find_spec("librosa") else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wavs = [(f"{index:03d}", folder / f"{index:03d}.wav") for index in range(n_clips)]
        for _, path in wavs:
            write_audio(path, 0.05 * rng.standard_normal(int(RATE * SECONDS)), RATE, durable=False)
        config = FeatsConfig(window_samples=WINDOW, hop_samples=HOP)

        def ours() -> None:
            extract_shard(config, RATE, True, (folder / "feats.ark", wavs), lambda files: None)

        def peer() -> None:
            assert librosa is not None
            with kaldiio.WriteHelper(f"ark,scp:{folder}/peer.ark,{folder}/peer.scp") as writer:
                for utt, path in wavs:
                    audio, _ = soundfile.read(path, dtype="float32")
                    spectrum = librosa.stft(audio, n_fft=WINDOW, hop_length=HOP, window=window.numpy())
                    writer(utt, np.abs(spectrum).T)

        def limit() -> None:
            with (folder / "raw.bin").open("wb") as file:
                for start in range(0, n_clips, BATCH):
                    clips = [np.fromfile(path, "<i2", offset=WAV_HEADER) for _, path in wavs[start : start + BATCH]]
                    batch = torch.from_numpy(np.stack(clips) / np.float32(32768))
                    spectrum = torch.stft(batch, WINDOW, HOP, window=window, return_complex=True)
                    file.write(spectrum.abs().transpose(1, 2).contiguous().numpy().data)

        seconds = in_turns({"ours": ours, "limit": limit} | ({"peer": peer} if librosa else {}), rounds)
    against = [Against("torch.stft, raw write", seconds["limit"], goal=0.85, limit=True)]
    if librosa:
        against.insert(0, Against(f"librosa {librosa.__version__} and kaldiio", seconds["peer"], goal=3))
    what = f"audio to an archive, {n_clips} clips of 4 s at 16 kHz, one core"
    note = "" if librosa else "no librosa here: pip install -c tools/constraints.txt librosa"
    record("features", what, seconds["ours"], against, note=note)


if __name__ == "__main__":
    main()
