"""Separation of waveforms in memory: masks on the mixture's complex STFT, back with the mixture's phase."""

from __future__ import annotations

import torch

from weaksep.infer.model import Separator
from weaksep.signal.stft import Stft


def apply_masks(stft: Stft, spectrum: torch.Tensor, masks: torch.Tensor, n_samples: int) -> torch.Tensor:
    """Masked mixture back to audio.

    Args:
        stft: the transform that made ``spectrum``.
        spectrum: complex mixture (B, T, F).
        masks: (B, K, T, F).
        n_samples: length of the audio.

    Returns:
        sources (B, K, N).
    """
    # One clip at a time: its K spectra fit the cache, and the whole batch at once took three times as long.
    sources = masks.new_empty((*masks.shape[:2], n_samples))
    for clip, (mask, mixture) in enumerate(zip(masks, spectrum, strict=True)):
        sources[clip] = stft.inverse(mask * mixture, n_samples)
    return sources


@torch.inference_mode()
def separate_waveform(separator: Separator, audio: torch.Tensor) -> torch.Tensor:
    """Separate a batch of clips of one length.

    Args:
        separator: see ``load_separator``.
        audio: mixtures (B, N) at the separator's sample rate, on any device.

    Returns:
        one source a class, (B, K, N), on the separator's device; one more, the last, from a residual output.
    """
    spectrum = separator.stft.forward(audio.to(separator.device))
    return apply_masks(separator.stft, spectrum, separator.net(spectrum.abs()), audio.shape[-1])
