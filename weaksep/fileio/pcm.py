"""Raw samples, without a header: what ffmpeg, sox and sound cards hand on through pipes."""

from typing import Any

import numpy as np

# By ffmpeg's names: the numbers, and what full scale is in them.
PCM: dict[str, tuple[np.dtype[Any], float]] = {"s16le": (np.dtype("<i2"), 32768.0), "f32le": (np.dtype("<f4"), 1.0)}


def decode(content: bytes, form: str, channels: int) -> np.ndarray:
    """Interleaved samples as float32 (C, n).

    Args:
        content: whole samples of all channels.
        form: a key of ``PCM``.
        channels: C.
    """
    kind, full_scale = PCM[form]
    samples = np.frombuffer(content, dtype=kind).reshape(-1, channels).T
    return (samples / np.float32(full_scale)).astype(np.float32)


def encode(samples: np.ndarray, form: str) -> tuple[bytes, int]:
    """Samples (C, n) interleaved, and how many of them were beyond full scale and clipped; f32le clips none."""
    kind, full_scale = PCM[form]
    scaled, clipped = samples.T * full_scale, 0
    if kind.kind == "i":
        lowest, highest = -full_scale, full_scale - 1
        clipped = int((np.abs(samples) > 1.0).sum())
        scaled = np.rint(scaled).clip(lowest, highest)
    return scaled.astype(kind).tobytes(), clipped
