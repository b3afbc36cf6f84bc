"""A level that a stream can know: that of what has been heard so far, the longer ago the less.

Recordings are brought to a level before a net hears them, and the level of a whole recording is known only at its end.
Here every frame is heard at the gain that brings the mean power of the frames up to it to ``TARGET_DB``, in which a
frame k frames ago has the weight exp(-k / level_frames). Digital silence, and what is nearly so, does not count: a
pause changes no gain, however long it is. All this is part of the net, and so the same in training, on files and on
streams.
"""

from typing import NamedTuple

import torch

from weaksep.nets.separator import NormalisedLog

# As what whole recordings are brought to (infer/recordings.py; a test holds the two equal).
TARGET_DB = -27.0
SILENT_DB = -80.0  # a frame below is silent
MIN_LEVEL_FRAMES = 64
_FRAMES = 256  # summed at once, with weights of up to exp(_FRAMES / MIN_LEVEL_FRAMES)


class Heard(NamedTuple):
    """What is remembered of the frames so far, (B, 1) each: their weighted power, and the sum of the weights."""

    power: torch.Tensor
    weight: torch.Tensor


def heard_nothing(magnitude: torch.Tensor) -> Heard:
    """Before the first frame of (B, T, F)."""
    nothing = magnitude.new_zeros(len(magnitude), 1)
    return Heard(nothing, nothing)


class RunningLog(NormalisedLog):
    """Log magnitude at the running level, normalised per bin with the training set's statistics.

    Args:
        n_bins: F.
        level_frames: after so many frames with sound, a frame counts e times less; ``MIN_LEVEL_FRAMES`` at least.
    """

    def __init__(self, n_bins: int, level_frames: int) -> None:
        super().__init__(n_bins)
        self.level_frames = level_frames

    def gains(self, magnitude: torch.Tensor, heard: Heard) -> tuple[torch.Tensor, Heard]:
        """The gain of each frame of (B, T, F), (B, T), 1 before the first sound; and what is remembered after them."""
        gains = []
        for power in magnitude.square().mean(dim=2).split(_FRAMES, dim=1):
            sounds = (power > 10.0 ** (SILENT_DB / 10.0)).to(power.dtype)
            growth = (sounds.cumsum(dim=1) / self.level_frames).exp()
            total, weight = (
                ((values * growth).cumsum(dim=1) + before) / growth
                for values, before in ((power * sounds, heard.power), (sounds, heard.weight))
            )
            loud = 10.0 ** (TARGET_DB / 20.0) * (weight / total.clamp_min(torch.finfo(total.dtype).tiny)).sqrt()
            gains.append(torch.where(weight > 0, loud, 1.0))
            heard = Heard(total[:, -1:], weight[:, -1:])
        return torch.cat(gains, dim=1), heard

    def push(self, magnitude: torch.Tensor, heard: Heard) -> tuple[torch.Tensor, Heard]:
        """The next frames of a stream, magnitude (B, T, F), T > 0 -> features (B, T, F); what is remembered of them."""
        gains, heard = self.gains(magnitude, heard)
        return super().forward(magnitude * gains.unsqueeze(2)), heard

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) of whole clips -> features (B, T, F)."""
        return self.push(magnitude, heard_nothing(magnitude))[0]
