"""Separation of waveforms: the STFT path is transparent, masks act, batches do not matter."""

from __future__ import annotations

import pytest
import torch

from weaksep.infer.model import Separator, apply_masks, separate_waveform
from weaksep.signal.stft import Stft


class Fixed(torch.nn.Module):
    """Masks that are what they are: ones, a half, zeros."""

    def forward(self, magnitude):
        weights = torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)
        return weights.expand(magnitude.shape[0], 3, *magnitude.shape[1:])


@pytest.mark.parametrize("n_samples", [1000, 1024, 4001])
def test_mask_of_ones_gives_the_mixture_back(n_samples):
    separator = Separator(Fixed(), ("a", "b", "c"), 8000, Stft(128, 32), torch.device("cpu"))
    audio = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(0))
    sources = separate_waveform(separator, audio)
    assert sources.shape == (2, 3, n_samples)
    torch.testing.assert_close(sources[:, 0], audio, atol=1e-5, rtol=0)
    torch.testing.assert_close(sources[:, 1], 0.5 * audio, atol=1e-5, rtol=0)
    assert sources[:, 2].abs().max() == 0


def test_masks_that_sum_to_one_give_sources_that_sum_to_the_mixture():
    stft, generator = Stft(128, 64), torch.Generator().manual_seed(1)
    audio = torch.randn(2, 2000, generator=generator)
    spectrum = stft.forward(audio)
    masks = torch.rand(2, 4, *spectrum.shape[1:], generator=generator).softmax(dim=1)
    sources = apply_masks(stft, spectrum, masks, 2000)
    torch.testing.assert_close(sources.sum(dim=1), audio, atol=1e-5, rtol=0)
    one = apply_masks(stft, spectrum[1:], masks[1:], 2000)
    torch.testing.assert_close(one[0], sources[1], atol=1e-6, rtol=0)
