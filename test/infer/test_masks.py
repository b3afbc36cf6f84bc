"""Oracle masks: bounds, sums, hand-made cells, and that they separate."""

from __future__ import annotations

import pytest
import torch

from weaksep.infer.masks import (
    ORACLES,
    ideal_binary_mask,
    ideal_ratio_mask,
    phase_sensitive_mask,
)

SHAPE = (2, 3, 7, 5)


@pytest.fixture
def spectra():
    """Sources (B, K, T, F), the last class silent, one cell silent in all; and their mixture."""
    generator = torch.Generator().manual_seed(0)
    sources = torch.complex(torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator))
    sources[:, 2] = 0
    sources[:, :, 3, 4] = 0
    return sources, sources.sum(dim=1)


@pytest.mark.parametrize("name", ORACLES)
def test_masks_lie_between_zero_and_one(spectra, name):
    masks = ORACLES[name](*spectra)
    assert masks.shape == SHAPE
    assert masks.dtype == torch.float32
    assert masks.min() >= 0 and masks.max() <= 1
    assert masks[:, 2].max() == 0, "an absent class must stay silent"
    assert masks[:, :, 3, 4].max() == 0


@pytest.mark.parametrize("mask", [ideal_binary_mask, ideal_ratio_mask])
def test_masks_sum_to_one_where_anything_sounds(spectra, mask):
    total = mask(*spectra).sum(dim=1)
    sounds = spectra[0].abs().sum(dim=1) > 0
    torch.testing.assert_close(total[sounds], torch.ones_like(total[sounds]))
    assert (total[~sounds] == 0).all()


def cell(*sources: complex):
    column = torch.tensor(sources, dtype=torch.complex64).view(1, -1, 1, 1)
    return column, column.sum(dim=1)


def test_one_cell_by_hand():
    assert ideal_binary_mask(*cell(3, 4j)).flatten().tolist() == [0, 1]
    assert ideal_binary_mask(*cell(1, 1)).flatten().tolist() == [1, 0]
    assert ideal_ratio_mask(*cell(3, 1j)).flatten().tolist() == [0.75, 0.25]
    # X = 1 + 1j: Re(S / X) = 0.5 for each of two sources at right angles.
    assert phase_sensitive_mask(*cell(1, 1j)).flatten().tolist() == pytest.approx([0.5, 0.5])
    # Opposite phase: S / X = 1.5 and -0.5, clipped.
    assert phase_sensitive_mask(*cell(3, -1)).flatten().tolist() == [1, 0]


def test_sources_that_cancel_leave_no_mixture_to_mask():
    assert phase_sensitive_mask(*cell(1, -1)).flatten().tolist() == [0, 0]
    assert ideal_ratio_mask(*cell(1, -1)).flatten().tolist() == [0.5, 0.5]


def test_tiny_magnitudes_do_not_divide_by_zero():
    for mask in ORACLES.values():
        masks = mask(*cell(1e-30, 1e-30j))
        assert torch.isfinite(masks).all() and masks.max() <= 1
