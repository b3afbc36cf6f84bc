"""Supervised NMF: a dictionary of spectra for each class, fixed; a mixture is explained as a sum of all of them.

Smaragdis, Raj, Shashanka, "Supervised and Semi-Supervised Separation of Sounds from Single-Channel Mixtures", ICA 2007.
With magnitude X (T, F) close to A W, activations A >= 0 and dictionaries W stacked over the classes, the mask of class
k is its share A_k W_k / A W. Distance: generalised Kullback-Leibler; the factorisation itself is scikit-learn's.
"""

import warnings
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from weaksep.errors import UserError
from weaksep.nets.separator import Separator
from weaksep.nets.settings import NetSettings, Units

ITERATIONS = 100  # of the activations of a mixture
LEARNING_ITERATIONS = 200  # of a dictionary
EPSILON = 1e-10


def _factorise(magnitude: np.ndarray, iterations: int, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Activations (T, R) and spectra (R, F) of a magnitude (T, F).

    Raises:
        UserError: scikit-learn is not installed.
    """
    try:
        from sklearn.decomposition import non_negative_factorization
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits  # scikit-learn needs it too
    except ImportError:
        raise UserError("NMF needs scikit-learn: pip install 'weaksep[nmf]'") from None
    # BLAS sums in another order with more threads: those of a worker process are one, those of this one may be more.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of iterations is a choice
        activations, spectra, _ = non_negative_factorization(
            magnitude, solver="mu", beta_loss="kullback-leibler", max_iter=iterations, **options
        )
    return activations, spectra


def learn_spectra(magnitude: np.ndarray, n_spectra: int, seed: int) -> np.ndarray:
    """Spectra of one class, float32 (n_spectra, F), each with a sum of 1.

    Args:
        magnitude: frames of the class alone, (T, F), T >= 1.
        n_spectra: size of the dictionary.
        seed: of the first guess.
    """
    floored = np.maximum(magnitude, EPSILON).astype(np.float32)
    options = {"n_components": n_spectra, "init": "random", "random_state": seed, "tol": 1e-4}
    _, spectra = _factorise(floored, LEARNING_ITERATIONS, **options)
    return (spectra / spectra.sum(axis=1, keepdims=True).clip(EPSILON)).astype(np.float32)


class Settings(NetSettings):
    """``units`` spectra a class; ``mask_floor`` as in ``MaskSettings``."""

    kind: Literal["nmf"] = "nmf"
    units: Units = 20
    mask_floor: float = Field(0.0, ge=0.0, lt=1.0)


class Net(Separator):
    """Masks from fixed dictionaries. Without a gradient: it is learnt in one go, see train/dictionary.py."""

    def __init__(self, settings: Settings, n_classes: int, n_bins: int) -> None:
        super().__init__()
        self.mask_floor = settings.mask_floor
        spectra = torch.full((n_classes, settings.units, n_bins), 1.0 / n_bins)
        self.spectra = nn.Parameter(spectra, requires_grad=False)

    @torch.no_grad()
    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Magnitude (B, T, F) -> masks (B, K, T, F), on the CPU whatever the device."""
        flat = magnitude.flatten(0, 1).clamp_min(EPSILON).cpu()
        # Every frame with a sum of one and for the same number of iterations: its masks do not depend on its loudness,
        # nor on the frames beside it.
        frames_of_one = (flat / flat.sum(dim=1, keepdim=True)).numpy()
        spectra = self.spectra.flatten(0, 1).cpu().numpy()
        options = {"H": spectra, "n_components": len(spectra), "update_H": False, "tol": 0}
        activations, _ = _factorise(frames_of_one, ITERATIONS, **options)
        by_class = torch.from_numpy(activations.astype(np.float32)).view(*magnitude.shape[:2], *self.spectra.shape[:2])
        sources = torch.einsum("btkr,krf->bktf", by_class, self.spectra.cpu()).clamp_min(EPSILON)
        masks = (sources / sources.sum(dim=1, keepdim=True)).to(magnitude.device)
        return (1.0 - self.mask_floor) * masks + self.mask_floor / len(self.spectra)
