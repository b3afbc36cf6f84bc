"""Supervised NMF on spectra that do not overlap, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from weaksep.nets.build import build_separator
from weaksep.nets.separators.nmf import Net, learn_spectra

pytest.importorskip("sklearn")
BINS = 12


def spectra(k: int) -> np.ndarray:
    """Two spectra of class k, in bins of its own."""
    found = np.zeros((2, BINS), dtype=np.float32)
    found[0, 4 * k : 4 * k + 2] = 0.5
    found[1, 4 * k + 2 : 4 * k + 4] = 0.5
    return found


def test_a_dictionary_spans_what_it_was_learnt_from() -> None:
    rng = np.random.default_rng(0)
    # One spectrum at a time in many frames: then there is one answer only.
    frames = (rng.uniform(0.1, 1, (300, 2)) * np.array([(1, 0), (0, 1), (1, 1)] * 100)) @ spectra(1)
    learnt = learn_spectra(frames, 2, seed=0)
    assert learnt.shape == (2, BINS) and learnt.dtype == np.float32
    np.testing.assert_allclose(learnt.sum(axis=1), 1, rtol=1e-5)
    order = np.argsort(learnt[:, 4] < learnt[:, 6])
    np.testing.assert_allclose(learnt[order], spectra(1), atol=0.02)


def separator(mask_floor: float = 0.0) -> Net:
    net = build_separator({"kind": "nmf", "units": 2, "mask_floor": mask_floor}, 3, BINS)
    assert isinstance(net, Net)
    net.load_state_dict({"spectra": torch.from_numpy(np.stack([spectra(k) for k in range(3)]))})
    return net


def test_masks_of_classes_in_bins_of_their_own() -> None:
    rng = np.random.default_rng(1)
    parts = np.stack([rng.uniform(0.5, 1, (2, 7, 2)) @ spectra(k) for k in range(3)], axis=1)
    parts[:, 2] = 0
    mixture = torch.from_numpy(parts.sum(axis=1)).float()
    masks = separator()(mixture)
    assert masks.shape == (2, 3, 7, BINS)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 7, BINS))
    np.testing.assert_allclose((masks * mixture[:, None]).numpy(), parts, atol=1e-3)


def test_masks_depend_on_no_other_clip_and_on_no_level() -> None:
    rng = np.random.default_rng(2)
    loud, faint = (torch.from_numpy(rng.uniform(0, 1, (1, 9, BINS))).float() for _ in range(2))
    net = separator()
    alone, together = net(1e-4 * faint), net(torch.cat([loud, 1e-4 * faint]))[1:]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net(faint), alone, rtol=1e-4, atol=1e-5)


def test_the_floor_of_the_masks_and_a_silent_mixture() -> None:
    masks = separator(mask_floor=0.3)(torch.zeros(1, 4, BINS))
    assert torch.isfinite(masks).all() and masks.min() >= 0.1
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(1, 4, BINS))


def test_a_dictionary_does_not_depend_on_the_threads_of_blas() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    frames = np.random.default_rng(0).random((2000, 257)).astype(np.float32) ** 3
    learnt = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            learnt.append(learn_spectra(frames, 20, seed=1))
    np.testing.assert_array_equal(*learnt)
