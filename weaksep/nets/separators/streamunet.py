"""The U-Net (unet.py) that looks ahead by a bounded number of frames, and so can separate while a sound goes on.

Where ``look_ahead_frames`` are enough, the convolutions look one position to either side in time, as in the U-Net; else
all their taps lie in the past. What is left is for the recurrent layer at the bottom. Its forward half runs through,
its backward half begins anew for every block of positions from where the look-ahead ends (the latency-controlled BLSTM
of Zhang et al., "Highway Long Short-Term Memory RNNs for Distant Speech Recognition", ICASSP 2016). Where nothing is
left there is no backward half.

The level is a running one (nets/running_level.py).
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from weaksep.nets.running_level import MIN_LEVEL_FRAMES, Heard, RunningLog, heard_nothing
from weaksep.nets.separator import MaskSeparator, MaskSettings
from weaksep.nets.separators.unet import TIME_LEVELS, Enlarge, convolution
from weaksep.nets.settings import Dropout, Layers, Units
from weaksep.nets.streaming import ConvolutionStream, Line, MaskStream, Streaming


class Settings(MaskSettings):
    """As of the U-Net; ``look_ahead_frames`` at most (``Net.look_ahead_frames`` is what comes of it in whole
    positions); ``level_frames`` as of ``RunningLog``."""

    kind: Literal["streamunet"] = "streamunet"
    channels: Annotated[tuple[Units, ...], Field(min_length=TIME_LEVELS, max_length=16)] = (16, 32, 64, 96)
    layers: Layers = 1
    units: Units = 64
    dropout: Dropout = 0.0
    look_ahead_frames: int = Field(3, ge=2**TIME_LEVELS - 1, le=4096)
    level_frames: int = Field(512, ge=MIN_LEVEL_FRAMES, le=2**20)


class TemporalContext(nn.Module):
    """Recurrent layers over the frames of maps (B, C, T, F), all channels and bins of a frame together; it is added.

    Args:
        n_values: C times F.
        settings: of the net.
        look_ahead: positions.
    """

    def __init__(self, n_values: int, settings: Settings, look_ahead: int) -> None:
        super().__init__()
        # Long blocks cost little, short ones let all their positions look far: the last one of a block sees ``reach``.
        self.block = 1 + look_ahead // 3
        self.reach = look_ahead - self.block + 1
        dropout = settings.dropout if settings.layers > 1 else 0.0
        sizes = (settings.units, settings.units, settings.layers)
        self.into = nn.Linear(n_values, settings.units)
        self.forwards = nn.LSTM(*sizes, batch_first=True, dropout=dropout)
        self.backwards = nn.LSTM(*sizes, batch_first=True, dropout=dropout) if look_ahead else None
        self.dropout = nn.Dropout(settings.dropout)
        self.back = nn.Linear((2 if look_ahead else 1) * settings.units, n_values)


class ContextStream:
    """A stream on its way through a ``TemporalContext``."""

    def __init__(self, context: TemporalContext) -> None:
        self.context = context
        self.maps, self.vectors = Line(2), Line(1)
        self.state: tuple[torch.Tensor, torch.Tensor] | None = None

    def push(self, maps: torch.Tensor, last: bool) -> torch.Tensor:
        """Maps (B, C, T, F) -> maps with their context, as far as the look-ahead is there."""
        net, (items, channels, _, bins) = self.context, maps.shape
        self.maps.add(maps)
        self.vectors.add(net.into(maps.transpose(1, 2).flatten(start_dim=2)))
        length = len(self.maps)
        if not last:
            length = max(0, length - net.reach) // net.block * net.block
        if not length:
            return maps[:, :, :0]
        hidden = self._hidden(length)
        context = net.back(net.dropout(hidden)).view(items, length, channels, bins)
        return self.maps.take(length) + context.transpose(1, 2)

    def _hidden(self, length: int) -> torch.Tensor:
        """Of the next positions, (B, length, H)."""
        net, blocks = self.context, -(-length // self.context.block)
        waiting, there = self.vectors.held, min(len(self.vectors), blocks * net.block + net.reach)
        assert waiting is not None
        seen = waiting[:, :there]
        ahead, self.state = net.forwards(self.vectors.take(length), self.state)
        if net.backwards is None:
            return ahead
        seen = nn.functional.pad(seen, (0, 0, 0, blocks * net.block + net.reach - there))
        windows = seen.unfold(1, net.block + net.reach, net.block).transpose(2, 3)  # (B, blocks, window, units)
        behind, _ = net.backwards(windows.flatten(0, 1).flip(1))
        own = behind.flip(1)[:, : net.block].reshape(len(seen), blocks * net.block, -1)
        return torch.cat([ahead, own[:, :length]], dim=2)


class UNetStream:
    """A stream on its way from features to logits. Skip connections wait for what comes up from below."""

    def __init__(self, net: "Net") -> None:
        self.net = net
        self.down = [ConvolutionStream(layer, before) for layer, before in zip(net.down, net.taps_down, strict=True)]
        self.up = [ConvolutionStream(layer, before) for layer, before in zip(net.up, net.taps_up, strict=True)]
        self.skips = [Line(2) for _ in self.down[:-1]]
        self.context = ContextStream(net.context)
        self.missing = 0  # frames that came in and whose logits have not gone out

    def push(self, features: torch.Tensor, last: bool) -> torch.Tensor:
        """Features (B, T, F) -> logits (B, K, T', F)."""
        self.missing += features.shape[1]
        maps = features.unsqueeze(1).to(memory_format=torch.channels_last)  # (B, 1, T, F)
        for down, skip in zip(self.down, [*self.skips, Line(2)], strict=True):
            maps = down.push(maps, last)
            skip.add(maps)
        maps = self.context.push(maps, last)
        for enlarge, up, skip in zip(self.net.enlarge, self.up, reversed(self.skips), strict=True):
            assert isinstance(enlarge, Enlarge) and skip.held is not None
            length = min(len(skip), maps.shape[2] * enlarge.stride[0])
            larger = enlarge(maps, length, skip.held.shape[3])
            maps = up.push(skip.take(length) + larger, last)
        length = min(self.missing, maps.shape[2] * self.net.output.stride[0])
        self.missing -= length
        return self.net.output(maps, length, features.shape[2])


class NetStream(MaskStream):
    """A stream on its way through the net."""

    def __init__(self, net: "Net") -> None:
        self.net, self.trunk = net, UNetStream(net)
        self.heard: Heard | None = None

    def push(self, magnitude: torch.Tensor, last: bool) -> torch.Tensor:
        """See ``MaskStream``."""
        features, self.heard = self.net.frontend.push(magnitude, self.heard or heard_nothing(magnitude))
        return self.net.masks(self.trunk.push(features, last))


class Net(MaskSeparator, Streaming):
    """The net above, for any T and F."""

    frames_per_step = 2**TIME_LEVELS
    frontend: RunningLog

    def __init__(self, settings: Settings, n_classes: int, n_bins: int) -> None:
        super().__init__(settings, n_classes, n_bins)
        self.frontend = RunningLog(n_bins, settings.level_frames)
        widths = settings.channels
        strides = [(2 if level < TIME_LEVELS else 1, 2) for level in range(len(widths))]
        # Frames that are waited for without a context: the others of a position; one position a convolution at the
        # bottom, on either way; and what the last one, at every second frame, needs of the position behind.
        waits = 4 * 2 * (len(widths) - TIME_LEVELS) + 5
        sees_ahead = settings.look_ahead_frames >= waits
        waits = waits if sees_ahead else 3
        positions = (settings.look_ahead_frames - waits) // 4
        self.look_ahead_frames = waits + 4 * positions
        self.taps_down = [1 if sees_ahead or stride[0] == 2 else 2 for stride in strides]
        self.taps_up = [1 if sees_ahead else 2] * len(strides[1:])
        self.down = nn.ModuleList(map(convolution, (1, *widths[:-1]), widths, strides))
        n_values = widths[-1] * -(-n_bins // 2 ** len(widths))
        self.context = TemporalContext(n_values, settings, positions)
        steps = list(zip(widths[1:], widths[:-1], strides[1:], strict=True))[::-1]
        self.enlarge = nn.ModuleList(Enlarge(low, high, stride) for low, high, stride in steps)
        self.up = nn.ModuleList(convolution(high, high) for _, high, _ in steps)
        self.output = Enlarge(widths[0], self.n_masks, strides[0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the cheaper layout for a CPU

    def class_axes(self) -> dict[str, int]:
        """See ``MaskSeparator``. A transposed convolution has its outputs on the second axis."""
        return {"output.weight": 1, "output.bias": 0}

    def stream(self) -> NetStream:
        """See ``Streaming``."""
        return NetStream(self)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """See ``MaskSeparator``: a stream of a single piece."""
        return UNetStream(self).push(features, last=True)
