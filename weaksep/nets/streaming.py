"""Nets that need not hear a sound to its end: frames in, the masks of earlier frames out.

What such a net makes of a whole clip is what its stream makes of the clip in one go, so the two cannot differ by more
than rounding.
"""

from abc import ABC, abstractmethod

import torch
from torch import nn
from torch.nn import functional

TAPS = 3  # of the convolutions, along time


class MaskStream(ABC):
    """A stream on its way through a net: what the net remembers of it."""

    @abstractmethod
    def push(self, magnitude: torch.Tensor, last: bool) -> torch.Tensor:
        """The next frames, magnitude (B, T, F), in; the masks (B, K, T', F) of all frames that can be known by now out.

        Args:
            magnitude: of ``frames_per_step`` frames or a multiple, but for the last, which may have any number, T > 0.
            last: whether the stream ends; then all masks come that are still missing.
        """


class Streaming(ABC):
    """What a separator has that can take a stream (``isinstance`` tells).

    Attributes:
        look_ahead_frames: the masks of a frame depend on no frame that is more than so many later.
    """

    look_ahead_frames: int

    @abstractmethod
    def stream(self) -> MaskStream:
        """A new stream; the net is to be in evaluation mode."""


class Line:
    """Tensors that wait, first in, first out; time is ``dim``."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.held: torch.Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.held is None else self.held.shape[self.dim]

    def add(self, tensor: torch.Tensor) -> None:
        """Put at the end."""
        self.held = tensor if self.held is None else torch.cat([self.held, tensor], self.dim)

    def take(self, length: int, keep: int = 0) -> torch.Tensor:
        """The first ``length``; all of them but the last ``keep`` are gone then."""
        assert self.held is not None
        everything, gone = self.held, length - keep
        # A copy: what is held must not keep alive what it was cut from.
        self.held = everything.narrow(self.dim, gone, len(self) - gone).clone()
        return everything if length == everything.shape[self.dim] else everything.narrow(self.dim, 0, length)


class ConvolutionStream:
    """A convolution with ``TAPS`` taps along time of maps (B, C, T, F). Whole clips have zeros before and behind them.

    Args:
        layer: begins with the convolution, without a bias.
        before: how many of the taps lie before the position of the output, 1 or 2.
    """

    def __init__(self, layer: nn.Module, before: int) -> None:
        assert isinstance(layer, nn.Sequential) and isinstance(layer[0], nn.Conv2d) and before in (1, 2)
        self.convolution, self.others, self.before = layer[0], layer[1:], before
        self.line = Line(2)

    def push(self, maps: torch.Tensor, last: bool) -> torch.Tensor:
        """Maps (B, C, T, F) -> those of the layer that can be known by now, (B, C', T', F')."""
        if self.line.held is None:
            if last and self.before == 1:  # a whole clip: in training, the copies would cost a third of a step
                return self._convolved(maps, 1)
            maps = functional.pad(maps, (0, 0, self.before, 0))
            if last:
                return self._convolved(maps, 0)
        step = self.convolution.stride[0]
        self.line.add(maps)
        outputs = max(0, (len(self.line) - TAPS) // step + 1)
        if last:
            outputs = max(0, -(-(len(self.line) - self.before) // step))
            missing = (outputs - 1) * step + TAPS - len(self.line)
            self.line.add(maps.new_zeros(len(maps), maps.shape[1], max(0, missing), maps.shape[3]))
        if not outputs:
            bins = (maps.shape[3] - 1) // self.convolution.stride[1] + 1
            return maps.new_zeros(len(maps), self.convolution.out_channels, 0, bins)
        return self._convolved(self.line.take((outputs - 1) * step + TAPS, keep=TAPS - step), 0)

    def _convolved(self, maps: torch.Tensor, padding: int) -> torch.Tensor:
        layer = self.convolution
        return self.others(functional.conv2d(maps, layer.weight, None, layer.stride, (padding, 1)))
