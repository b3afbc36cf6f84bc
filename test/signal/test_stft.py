"""STFT: round trip, scale, frame positions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from weaksep.signal.stft import Stft
from weaksep.signal.units import frame_centres, n_frames


@pytest.mark.parametrize(
    ("window", "hop", "samples"), [(512, 128, 64000), (256, 128, 20000), (256, 64, 777), (256, 96, 3000)]
)
def test_round_trip(window: int, hop: int, samples: int) -> None:
    audio = torch.randn(3, samples, generator=torch.Generator().manual_seed(0))
    stft = Stft(window, hop)
    spectrum = stft.forward(audio)
    assert spectrum.shape == (3, n_frames(samples, hop), window // 2 + 1)
    assert (stft.inverse(spectrum, samples) - audio).abs().max() < 1e-5


def test_inverse_is_torchs() -> None:
    spectrum = torch.randn(2, 25, 129, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    stft = Stft(256, 64)
    window = torch.hann_window(256).sqrt()
    theirs = torch.istft(spectrum.transpose(1, 2), 256, 64, window=window, center=True, length=1500)
    ours = stft.inverse(spectrum, 1500) / window.square().sum().sqrt()
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()


def test_magnitude_is_the_spectrums() -> None:
    stft, audio = Stft(256, 128), torch.randn(2, 3000, generator=torch.Generator().manual_seed(3))
    audio[:, 1000:2000] = 0
    audio[:, 2000:] *= 1e-6
    magnitude = stft.magnitude(audio)
    assert magnitude.is_contiguous()
    torch.testing.assert_close(magnitude, stft.forward(audio).abs(), rtol=1e-5, atol=0)


def test_white_noise_of_rms_r_has_mean_squared_magnitude_r_squared() -> None:
    audio = 0.1 * torch.randn(1, 400_000, generator=torch.Generator().manual_seed(1))
    for window in (256, 512):
        inner = Stft(window, window // 4).forward(audio)[:, 4:-4, 1:-1]
        assert inner.abs().square().mean().item() == pytest.approx(0.01, rel=0.02)


def test_frame_t_is_centred_on_sample_t_times_hop() -> None:
    stft = Stft(256, 64)
    audio = torch.zeros(1, 2048)
    audio[0, 640] = 1.0
    energy = stft.forward(audio).abs().sum(dim=2)[0]
    loudest = int(energy.argmax())
    assert frame_centres(len(energy), 64)[loudest] == 640


def test_masks_that_sum_to_one_give_sources_that_sum_to_the_mixture() -> None:
    stft = Stft(256, 128)
    audio = torch.randn(2, 3000, generator=torch.Generator().manual_seed(2))
    spectrum = stft.forward(audio)
    masks = torch.rand(2, 4, *spectrum.shape[1:]).softmax(dim=1)
    sources = torch.stack([stft.inverse(masks[:, k] * spectrum, 3000) for k in range(4)])
    np.testing.assert_allclose(sources.sum(dim=0).numpy(), audio.numpy(), atol=1e-5)
