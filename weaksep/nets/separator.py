"""What all mask estimators share: magnitude (B, T, F) -> masks (B, K, T, F)."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from weaksep.nets.settings import NetSettings

# As in the statistics (feats/stats.py); a test holds the two equal.
LOG_FLOOR = 1e-5


class NormalisedLog(nn.Module):
    """Log magnitude, normalised per bin with statistics set once from the training set and kept in the checkpoint."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bins))
        self.register_buffer("std", torch.ones(n_bins))

    def set_statistics(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """Take over mean and standard deviation, (F,) each."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> normalised log magnitude (B, T, F)."""
        return (magnitude.clamp_min(LOG_FLOOR).log() - self.mean) / self.std


def hide_bands(features: torch.Tensor, n_bands: int) -> torch.Tensor:
    """Normalised features (B, T, F), zero in ``n_bands`` random bands of each clip."""
    n_bins = features.shape[2]
    centre, width = torch.rand(2, len(features), n_bands, 1, device=features.device) * n_bins
    bins = torch.arange(n_bins, device=features.device)
    hidden = ((bins - centre).abs() < width / 16).any(dim=1)
    return features.masked_fill(hidden.unsqueeze(1), 0.0)


class MaskSettings(NetSettings):
    """Masks.

    Args:
        mask: "sigmoid", the paper's: each class on its own; "softmax", ours: classes share each bin, so the sources
            sum to the mixture by construction.
        mask_floor: share of the mixture that is dealt out evenly, whatever the net thinks: every mask is at least
            mask_floor / K. A target that is missed altogether is then heard faintly in the mixture's proportions,
            instead of being replaced by whatever crumbs are left; the price is a leak, -40 dB for 0.05 and five
            classes.
        residual: a mask more, the last, for what belongs to no class; it has its share of mask_floor.
        hidden_bands: in training, the trunk sees nothing in so many bands, drawn for each clip, each of up to an eighth
            of the bins, and has to infer their masks from the others (SpecAugment: Park et al., Interspeech 2019). What
            it is worth has not been measured.
    """

    mask: Literal["sigmoid", "softmax"] = "softmax"
    mask_floor: float = Field(0.0, ge=0.0, lt=1.0)
    residual: bool = False
    hidden_bands: int = Field(0, ge=0, le=8)


class Separator(nn.Module, ABC):
    """What training and inference ask of a separator.

    Attributes:
        frames_per_step: a trunk that shortens time makes the same of a sound only where it begins at a multiple of so
            many frames; the pieces of a long recording do.
        temperature: what the logits of the masks are divided by: 1 in training, afterwards as train/calibrate.py has
            chosen.
    """

    frames_per_step = 1
    temperature = 1.0

    @abstractmethod
    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> masks (B, K, T, F), one more with ``residual``."""


class MaskSeparator(Separator):
    """Everything around a trunk: normalised log magnitude in front of it, masks behind it.

    A trunk gives ``logits``. Its last layer is called ``output``, and no other weights know of classes; where these do
    not lie on the first axis, ``class_axes`` says where. In evaluation mode logits of a clip must not depend on the
    clips beside it, nor on means over the whole clip, because a long recording is separated in pieces.

    ``frozen_share``: of a training's steps, in which only outputs are trained (train/finetune.py). ``bf16``: whether
    the trunk is trained in bfloat16 (autocast). Masks and losses, and all that a trained net does, are float32.
    """

    frozen_share = 0.0
    bf16 = False

    def __init__(self, settings: MaskSettings, n_classes: int, n_bins: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.n_masks = n_classes + settings.residual
        self.mask, self.mask_floor = settings.mask, settings.mask_floor
        self.hidden_bands = settings.hidden_bands
        self.frontend = NormalisedLog(n_bins)

    def class_axes(self) -> dict[str, int]:
        """Weights that belong to an output, by their names: on which axis the outputs lie, one after the other in the
        order of the masks. All others are the same for any classes, and can be taken over from net to net."""
        return {name: 0 for name, _ in self.named_parameters() if name.startswith("output.")}

    @abstractmethod
    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Normalised log magnitude (B, T, F) -> logits of the masks (B, K, T, F), one more with ``residual``."""

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """See ``Separator``."""
        features = self.frontend(magnitude)
        if self.training and self.hidden_bands:
            features = hide_bands(features, self.hidden_bands)
        if not (self.bf16 and self.training):  # entered though disabled, autocast would be part of an exported net
            return self.masks(self.logits(features))
        with torch.autocast(features.device.type, torch.bfloat16):
            logits = self.logits(features)
        return self.masks(logits.to(features.dtype))

    def masks(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits (B, K, T, F) -> masks of that shape."""
        if self.temperature != 1.0:
            logits = logits / self.temperature
        masks = logits.softmax(dim=1) if self.mask == "softmax" else logits.sigmoid()
        return masks.lerp(masks.new_full((), 1.0 / self.n_masks), self.mask_floor) if self.mask_floor else masks
