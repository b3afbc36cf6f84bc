"""Short-time Fourier transform as the method uses it.

Root-Hann window (periodic) for analysis and synthesis, centred frames with zeros beyond the ends, and a scale
that divides by the root of the window's energy: white noise of RMS r then has a mean squared magnitude of r**2 in
every bin, whatever the window length. The losses' weights are meant for this scale (see losses/mixture.py).
"""

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
        self._analysis = self._window / self._scale

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio (B, N) -> complex spectrum (B, T, F) with T = 1 + N // hop_samples."""
        spectrum = torch.stft(
            audio,
            self.window_samples,
            self.hop_samples,
            window=self._analysis.to(audio.device),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectrum.transpose(1, 2)

    def magnitude(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio (B, N) -> magnitude (B, T, F), not to be differentiated: at 0 it has no derivative.

        Written out, because abs, which allows for squares out of range, takes twice as long.
        """
        real, imaginary = torch.view_as_real(self.forward(audio)).unbind(-1)
        return real.square().addcmul_(imaginary, imaginary).sqrt_()

    def inverse(self, spectrum: torch.Tensor, n_samples: int) -> torch.Tensor:
        """Complex spectrum (B, T, F) -> audio (B, n_samples): overlap-add, divided by the windows' summed squares.

        Written out, because torch.istft takes twice as long; a test holds the two equal.
        """
        window = self._window.to(spectrum.device)
        frames = torch.fft.irfft(spectrum, n=self.window_samples).mul_(window * self._scale)
        weights = window.square().expand(1, spectrum.shape[1], -1)
        inside = slice(self.window_samples // 2, self.window_samples // 2 + n_samples)
        # Where no window reaches (a last, uncovered hop) the weight is 0 and so is the sum.
        return self._overlap_add(frames)[:, inside] / self._overlap_add(weights)[:, inside].clamp_min(1e-8)

    def _overlap_add(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (B, T, window_samples) -> their sum at steps of hop_samples, (B, (T - 1) * hop + window)."""
        # Each frame's first hop, then each frame's second one, and so on: torch's fold takes six times as long.
        items, n_frames, _ = frames.shape
        hops = -(-self.window_samples // self.hop_samples)
        total = frames.new_zeros(items, n_frames + hops - 1, self.hop_samples)
        for number, part in enumerate(frames.split(self.hop_samples, dim=2)):
            total[:, number : number + n_frames, : part.shape[2]] += part
        return total.flatten(1)[:, : (n_frames - 1) * self.hop_samples + self.window_samples]
