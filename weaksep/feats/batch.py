"""What one training step sees of clips of which the same is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch.nn import functional

# Fields whose last axis but one is that of frames, if they have so many axes.
FRAMES_BEFORE_LAST = {
    "magnitude": 3, "labels": 3, "sources": 4, "background": 3, "submixtures": 5, "submixture_labels": 5
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """Clips of one kind of supervision. What the supervision does not allow is None.

    Clips shorter than the longest are padded with zeros at their end; every loss leaves the padding out. The fields'
    names are those by which a loss asks for them (weaksep/losses).

    Attributes:
        magnitude: (B, T, F) float32.
        frames: 1.0 where a clip has a frame, 0.0 in its padding, (B, T) float32; None when all clips have T frames.
        labels: (B, K) float32 of clips, or (B, T, K) of frames; None under strong supervision.
        sources: magnitudes of the references, (B, K, T, F) float32, under strong supervision.
        background: magnitude of the background, (B, T, F) float32, under strong supervision of a residual output.
        submixtures: of remixes of clips with weak labels: the targets of both submixtures of P ways to divide a remix
            in two, (B, P, 2, T, F) float32.
        submixture_labels: classes of the submixtures, (B, P, 2, K) or (B, P, 2, T, K) float32.
        split_weights: how much each way to divide a remix counts, (B, P) float32; they add up to one for each remix.
    """

    magnitude: torch.Tensor
    frames: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    sources: torch.Tensor | None = None
    background: torch.Tensor | None = None
    submixtures: torch.Tensor | None = None
    submixture_labels: torch.Tensor | None = None
    split_weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.magnitude)

    def to(self, device: torch.device) -> Batch:
        """The batch on a device; on its way to a GPU through pinned memory."""
        if device.type != "cuda":
            return self
        moved = {
            field.name: tensor.pin_memory().to(device, non_blocking=True)
            for field in fields(self)
            if (tensor := getattr(self, field.name)) is not None
        }
        return replace(self, **moved)

    def padded(self, n_frames: int) -> Batch:
        """The batch with clips of so many frames, which are no fewer than it has."""
        more = n_frames - self.magnitude.shape[1]
        if not more:
            return self
        frames = self.magnitude.new_ones(self.magnitude.shape[:2]) if self.frames is None else self.frames
        longer = {"frames": functional.pad(frames, (0, more))}
        for name, axes in FRAMES_BEFORE_LAST.items():
            tensor = getattr(self, name)
            if tensor is not None and tensor.dim() >= axes:
                longer[name] = functional.pad(tensor, (0, 0, 0, more))
        return replace(self, **longer)


def stack_frames(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    """Arrays (..., T_i, D) as one tensor (B, ..., T, D), float32, the shorter ones padded with zeros at their end."""
    longest = max(array.shape[-2] for array in arrays)
    stacked = np.zeros((len(arrays), *arrays[0].shape[:-2], longest, arrays[0].shape[-1]), dtype=np.float32)
    for row, array in zip(stacked, arrays, strict=True):
        row[..., : array.shape[-2], :] = array
    return torch.from_numpy(stacked)


def frame_mask(lengths: Sequence[int]) -> torch.Tensor | None:
    """1.0 where a clip of so many frames has one, (B, T); None when all are of one length."""
    frames = (torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)).float()
    return None if frames.all() else frames
