"""The transform of signal/stft.py as convolutions, for programs that have no Fourier transform.

A convolution with a cosine and a sine for every bin, in steps of a hop, is a short-time Fourier transform; the
transposed one is its inverse. Sizes of the audio never become numbers in Python, so that an exported net takes any.
"""

import torch
from torch import nn
from torch.nn import functional

from weaksep.signal.stft import Stft


class ConvStft(nn.Module):
    """An ``Stft`` with its settings, of real numbers alone.

    >>> stft, audio = Stft(256, 128), torch.randn(2, 1000)
    >>> real, imaginary = ConvStft(stft).forward(audio)
    >>> bool((torch.complex(real, imaginary) - stft.forward(audio)).abs().max() < 1e-5)
    True
    """

    analysis: torch.Tensor
    synthesis: torch.Tensor
    squares: torch.Tensor

    def __init__(self, stft: Stft) -> None:
        super().__init__()
        self.window_samples, self.hop_samples, n_bins = stft.window_samples, stft.hop_samples, stft.n_bins
        window = torch.hann_window(self.window_samples, periodic=True, dtype=torch.float64).sqrt()
        scale = window.square().sum().sqrt()
        # Of whole turns only the rest counts; the product of the two would be too large to be exact.
        turns = torch.outer(torch.arange(n_bins), torch.arange(self.window_samples)) % self.window_samples
        angles = 2.0 * torch.pi * turns.double() / self.window_samples
        waves = torch.cat([angles.cos(), -angles.sin()])  # (2 F, window)
        # Every bin but the lowest and the highest stands for its mirror image too.
        twice = torch.full((n_bins, 1), 2.0, dtype=torch.float64)
        twice[0] = twice[-1] = 1.0
        inverse = waves * twice.repeat(2, 1) / self.window_samples
        self.register_buffer("analysis", (waves * window / scale).float().unsqueeze(1))
        self.register_buffer("synthesis", (inverse * window * scale).float().unsqueeze(1))
        self.register_buffer("squares", window.square().float().view(1, 1, -1))

    def forward(self, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Audio (B, N) -> real and imaginary part, (B, T, F) each."""
        half = self.window_samples // 2
        padded = functional.pad(audio.unsqueeze(1), (half, half))
        spectrum = functional.conv1d(padded, self.analysis, stride=self.hop_samples).transpose(1, 2)
        real, imaginary = spectrum.chunk(2, dim=2)
        return real, imaginary

    def inverse(self, real: torch.Tensor, imaginary: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        """Spectra (B, T, F) -> audio (B, N), N that of ``audio`` (..., N)."""
        spectrum = torch.cat([real, imaginary], dim=2).transpose(1, 2)  # (B, 2 F, T)
        total = functional.conv_transpose1d(spectrum, self.synthesis, stride=self.hop_samples)
        frames = torch.ones_like(spectrum[:1, :1])
        weights = functional.conv_transpose1d(frames, self.squares, stride=self.hop_samples)
        half = self.window_samples // 2
        inside = slice(half, half + audio.shape[-1])
        # As in Stft.inverse: where no window reaches, both are 0.
        return (total[:, :, inside] / weights[:, :, inside].clamp_min(1e-8)).squeeze(1)
