"""What of a separator can be exported (infer/export.py): modules of tensors alone, any number of clips of any length.

What separates recordings in Python (infer/recordings.py) works block by block, with numpy and by the bit; here the same
is written once more as one function of tensors. Tests hold the two equal.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from weaksep.infer.model import Separator
from weaksep.infer.recordings import LEVEL_DB
from weaksep.signal.conv_stft import ConvStft
from weaksep.signal.level import LEVEL_BLOCK_S, LOUD_RANGE_DB, SILENCE_DB, db_to_gain


class Masker(nn.Module):
    """The net alone: magnitudes (B, T, F), of audio at the level that the net expects -> masks (B, K, T, F), one more
    with a residual output."""

    inputs = {"magnitude": ("batch", "frames", None)}
    output = ("masks", ("batch", None, "frames", None))

    def __init__(self, separator: Separator) -> None:
        super().__init__()
        self.net, self.n_bins = separator.net, separator.stft.n_bins

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return self.net(magnitude)

    def example(self, clips: int, steps: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Inputs of about so many frames."""
        return (torch.rand(clips, steps, self.n_bins, generator=generator),)


class Chunk(nn.Module):
    """A separator of one piece of a recording: waveforms (B, N), and gains (B,) -> sources (B, K + 1, N).

    The net hears the waveforms with the gains: those of the whole recordings. The last source is the residual, what the
    classes leave of the waveform.
    """

    inputs: dict[str, tuple[str | None, ...]] = {"waveform": ("batch", "samples"), "gain": ("batch",)}
    output = ("sources", ("batch", None, "samples"))

    def __init__(self, separator: Separator) -> None:
        super().__init__()
        self.net = separator.net
        self.n_classes = len(separator.classes)
        self.stft = ConvStft(separator.stft)

    def forward(self, waveform: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        """See the class."""
        real, imaginary = self.stft(waveform)  # (B, T, F)
        magnitude = (real.square() + imaginary.square()).sqrt()
        masks = self.net(magnitude * gain.view(-1, 1, 1))[:, : self.n_classes]
        real, imaginary = ((masks * part.unsqueeze(1)).flatten(0, 1) for part in (real, imaginary))
        sources = self.stft.inverse(real, imaginary, waveform).unflatten(0, (-1, self.n_classes))
        return torch.cat([sources, (waveform - sources.sum(dim=1)).unsqueeze(1)], dim=1)

    def example(self, clips: int, steps: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """See ``Masker.example``."""
        samples = steps * self.stft.hop_samples + 1
        waveform = 0.1 * torch.randn(clips, samples, generator=generator)
        return waveform, 0.5 + torch.rand(clips, generator=generator)


class Whole(Chunk):
    """The separator: waveforms (B, N) -> sources (B, K + 1, N), the net's level found as signal/level.py finds it."""

    inputs = {"waveform": ("batch", "samples")}
    ones: torch.Tensor

    def __init__(self, separator: Separator) -> None:
        super().__init__(separator)
        self.block = max(1, int(LEVEL_BLOCK_S * separator.sample_rate))
        self.register_buffer("ones", torch.ones(1, 1, self.block))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """See the class."""
        return super().forward(waveform, self.gain(waveform))

    def gain(self, waveform: torch.Tensor) -> torch.Tensor:
        """What brings the loud parts of waveforms (B, N) to the net's level, (B,); 1 for silence."""
        energy = self._by_block(waveform.square()) / self._by_block(torch.ones_like(waveform))
        loud = (energy >= energy.amax(dim=1, keepdim=True) * 10.0 ** (-LOUD_RANGE_DB / 10.0)).to(energy.dtype)
        power = (energy * loud).sum(dim=1) / loud.sum(dim=1)
        least = 10.0 ** (SILENCE_DB / 10.0)
        gain = db_to_gain(LEVEL_DB) / power.clamp_min(least).sqrt()
        return torch.where(power < least, torch.ones_like(gain), gain)

    def _by_block(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over blocks, the last of which may be shorter: (B, N) -> (B, blocks)."""
        padded = functional.pad(values.unsqueeze(1), (0, self.block - 1))
        return functional.conv1d(padded, self.ones, stride=self.block).squeeze(1)

    def example(self, clips: int, steps: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """See ``Masker.example``."""
        return super().example(clips, steps, generator)[:1]


PARTS: dict[str, Any] = {"separator": Whole, "chunk": Chunk, "masker": Masker}
