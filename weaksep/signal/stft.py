"""Short-time Fourier transform as the method uses it.

Root-Hann window (periodic) for analysis and synthesis, centred frames with zeros beyond the ends, and a scale
that divides by the root of the window's energy: white noise of RMS r then has a mean squared magnitude of r**2 in
every bin, whatever the window length. The losses' weights are meant for this scale (see losses/mixture.py).
"""

from __future__ import annotations

import torch


class Stft:
    """Forward and inverse STFT with fixed settings.

    Args:
        window_samples: window and FFT length.
        hop_samples: step between frames.

    >>> stft = Stft(256, 128)
    >>> audio = torch.randn(2, 1000)
    >>> bool((stft.inverse(stft.forward(audio), 1000) - audio).abs().max() < 1e-5)
    True
    """

    def __init__(self, window_samples: int, hop_samples: int) -> None:
        self.window_samples = window_samples
        self.hop_samples = hop_samples
        self.n_bins = window_samples // 2 + 1
        self._window = torch.hann_window(window_samples, periodic=True).sqrt()
        self._scale = float(self._window.square().sum().sqrt())

    def _window_on(self, device: torch.device) -> torch.Tensor:
        if self._window.device != device:
            self._window = self._window.to(device)
        return self._window

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio (B, N) -> complex spectrum (B, T, F) with T = 1 + N // hop_samples."""
        spectrum = torch.stft(
            audio,
            self.window_samples,
            self.hop_samples,
            window=self._window_on(audio.device),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.transpose(1, 2) / self._scale

    def magnitude(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio (B, N) -> magnitude (B, T, F)."""
        return self.forward(audio).abs()

    def inverse(self, spectrum: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Complex spectrum (B, T, F) -> audio (B, n_samples)."""
        # torch's inverse wants every sample covered by a window; the frames beyond a short clip's end are not there.
        return torch.istft(
            spectrum.transpose(1, 2) * self._scale,
            self.window_samples,
            self.hop_samples,
            window=self._window_on(spectrum.device),
            center=True,
            length=n_samples,
        )
