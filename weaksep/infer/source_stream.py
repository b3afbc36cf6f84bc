"""A sound on its way through a separator whose net need not hear it to the end.

The samples that come out are those of the same net on the whole sound, later by a bounded number, and what is kept in
memory does not grow.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from weaksep.errors import UserError
from weaksep.infer.model import Separator, Watch, unwatched
from weaksep.nets.streaming import Line, Streaming

# Frames that the net hears at once, about: more would take memory without being any faster.
MAX_FRAMES = 256


def streaming_net(separator: Separator, place: str | Path = "this model") -> Streaming:
    """The net of a separator that can take a stream.

    Raises:
        UserError: it cannot.
    """
    if isinstance(separator.net, Streaming):
        return separator.net
    raise UserError(
        f"{place}: its net hears a sound to the end before it separates it; for streams train one with "
        "`net: {kind: streamunet}`, such as remix_stream_1s or remix_stream_100ms (egs/mini_urban/conf/stream)"
    )


def latency_samples(separator: Separator) -> int:
    """Samples that come in after one before that one comes out: the window, and the frames that are waited for.

    Raises:
        UserError: see ``streaming_net``.
    """
    stft = separator.stft
    return stft.window_samples - 1 + streaming_net(separator).look_ahead_frames * stft.hop_samples


class SourceStream:
    """A stream of C channels on its way through a separator, whose net hears their mean.

    Args:
        separator: with a net that can take streams.
        channels: C.
        watch: shown masks (1, K, T, F) and magnitude (1, T, F) of the frames that come out.

    Raises:
        UserError: see ``streaming_net``.
    """

    def __init__(self, separator: Separator, channels: int, watch: Watch = unwatched) -> None:
        self.separator, self.watch = separator, watch
        self.masks = streaming_net(separator).stream()
        window, hop = separator.stft.window_samples, separator.stft.hop_samples
        # Frames before one that the windows of its samples reach into: for analysis its left half, for synthesis all
        # that overlap. A transform of both says the same of the frames between as one of the whole.
        self.lead, self.overlap = -(-(window // 2) // hop), -(-window // hop) - 1
        self.samples = torch.zeros(channels, self.lead * hop)  # from ``lead`` frames before the next frame's centre on
        self.heard, self.analysed, self.done, self.written = 0, 0, 0, 0  # samples in; frames; frames; samples out
        self.spectra, self.sounds = Line(1), Line(1)  # (C, T, F) of frames, (C, N) of samples that have not come out
        self.masked: torch.Tensor | None = None  # (K, C, T, F) of the last ``overlap`` frames that have come out

    @torch.inference_mode()
    def push(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """The next samples, float32 (C, n), in; sources (K + 1, C, n'), the residual last, that are known by now out.

        ``last`` ends the stream: then as many samples have come out as went in.
        """
        size, pieces = MAX_FRAMES * self.separator.stft.hop_samples, [self._nothing()]
        for start in range(0, block.shape[1], size):
            pieces.append(
                self._heard(torch.tensor(block[:, start : start + size]))
            )  # a copy: the block is the caller's
        if last and self.heard:
            self.samples = functional.pad(self.samples, (0, self.separator.stft.window_samples // 2))
            frames = 1 + self.heard // self.separator.stft.hop_samples - self.analysed
            pieces.append(self._sources(self._analyse(frames), True))
        return np.concatenate(pieces, axis=2)

    def _nothing(self) -> np.ndarray:
        return np.zeros((len(self.separator.classes) + 1, len(self.samples), 0), dtype=np.float32)

    def _heard(self, added: torch.Tensor) -> np.ndarray:
        """Samples (C, n) in, sources (K + 1, C, n') out, by as many steps of the net as there can be."""
        stft = self.separator.stft
        self.heard += added.shape[1]
        self.sounds.add(added)
        self.samples = torch.cat([self.samples, added], dim=1)
        frames = max(0, (self.heard - stft.window_samples // 2) // stft.hop_samples + 1) - self.analysed
        frames -= frames % self.separator.net.frames_per_step
        return self._sources(self._analyse(frames), False) if frames > 0 else self._nothing()

    def _analyse(self, frames: int) -> torch.Tensor:
        """The spectrum (C, frames, F) of the next frames."""
        stft = self.separator.stft
        end = (self.lead + frames - 1) * stft.hop_samples + stft.window_samples // 2
        spectrum = stft.forward(self.samples[:, :end].to(self.separator.device))
        self.samples = self.samples[:, frames * stft.hop_samples :].clone()
        self.analysed += frames
        return spectrum[:, self.lead : self.lead + frames]

    def _sources(self, spectrum: torch.Tensor, last: bool) -> np.ndarray:
        """A spectrum (C, T, F) in, the sources (K + 1, C, n) that it completes out."""
        stft, classes = self.separator.stft, len(self.separator.classes)
        self.spectra.add(spectrum)
        masks = self.masks.push(spectrum.mean(dim=0, keepdim=True).abs(), last)
        mixture = self.spectra.take(masks.shape[2])
        masks = masks[:, :classes]
        self.watch(masks, mixture.mean(dim=0, keepdim=True).abs())
        masked = masks[0].unsqueeze(1) * mixture  # (K, C, T, F)
        if self.masked is not None:
            masked = torch.cat([self.masked, masked], dim=2)
        self.masked = masked[:, :, -self.overlap :].clone()
        self.done += mixture.shape[1]
        start = (self.done - masked.shape[2]) * stft.hop_samples  # the centre of the first frame
        end = self.heard if last else max(0, self.done * stft.hop_samples - stft.window_samples // 2)
        if end <= self.written:
            return self._nothing()
        sources = stft.inverse(masked.flatten(0, 1), end - start)[:, self.written - start :]
        sources = sources.unflatten(0, (classes, -1)).cpu()
        sound = self.sounds.take(end - self.written)
        self.written = end
        return torch.cat([sources, (sound - sources.sum(dim=0)).unsqueeze(0)]).numpy()


def streamed_sources(
    separator: Separator, blocks: Iterator[np.ndarray], watch: Watch = unwatched
) -> Iterator[np.ndarray]:
    """Sources (K + 1, C, n) of a stream (C, n) at the net's rate, the residual last, together as long as the stream.

    Args:
        separator, watch: see ``SourceStream``.
        blocks: the stream.
    """
    stream = None
    for block in blocks:
        stream = stream or SourceStream(separator, len(block), watch)
        if (piece := stream.push(block)).shape[2]:
            yield piece
    if stream is not None:
        yield stream.push(np.zeros((len(stream.samples), 0), dtype=np.float32), last=True)
