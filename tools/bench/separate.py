"""Separation of clips in memory (STFT, net, masks, inverse STFT), against the net's own forward pass."""

from __future__ import annotations

import torch
from timing import best_of, report

from weaksep.infer.model import Separator, separate_waveform
from weaksep.nets.build import build_separator
from weaksep.signal.stft import Stft

SIZES = {
    "CPU size, 8 kHz": ({"layers": 2, "units": 128}, 8000, 20000, 256, 128),
    "paper's size, 16 kHz": ({}, 16000, 64000, 512, 128),
}


def main() -> None:
    """Batches of 8 clips, five classes, one thread."""
    torch.set_num_threads(1)
    for name, (config, rate, n_samples, window, hop) in SIZES.items():
        stft = Stft(window, hop)
        net = build_separator(config, 5, stft.n_bins).eval()
        separator = Separator(net, ("a", "b", "c", "d", "e"), rate, stft, torch.device("cpu"))
        audio = 0.05 * torch.randn(8, n_samples)
        magnitude = stft.forward(audio).abs()

        @torch.inference_mode()
        def forward(net: torch.nn.Module = net, magnitude: torch.Tensor = magnitude) -> object:
            return net(magnitude)

        def ours(separator: Separator = separator, audio: torch.Tensor = audio) -> object:
            return separate_waveform(separator, audio)

        best = best_of({"ours": ours, "forward": forward}, rounds=6)
        report(f"separation, {name}", best["ours"], best["forward"], "0.85")


if __name__ == "__main__":
    main()
