"""What separates nothing, for comparison: outputs made of the mixture alone, when they are asked for, and never files.

equal_shares: every output is the mixture divided by the number of outputs. random_masks: masks that are the softmax
over the outputs of noise, drawn for every bin by itself.
"""

import numpy as np
import torch

from weaksep.fileio.experiments import EQUAL_SHARES
from weaksep.seeding import generator
from weaksep.signal.stft import Stft


def blind_outputs(name: str, utt: str, mixture: np.ndarray, n_outputs: int, stft: Stft) -> np.ndarray:
    """Outputs of a baseline.

    Args:
        name: a key of ``BASELINES``.
        utt: the clip's id, which the noise depends on.
        mixture: (N,), float32.
        n_outputs: classes, and the residual where systems have one.
        stft: in which random masks are applied.

    Returns:
        (n_outputs, N), float32; they sum to the mixture.
    """
    if name == EQUAL_SHARES:
        return np.repeat(mixture[None] / n_outputs, n_outputs, axis=0)
    spectrum = stft.forward(torch.from_numpy(mixture)[None])
    noise = generator(0, name, utt).standard_normal((n_outputs, *spectrum.shape[1:]), dtype=np.float32)
    return stft.inverse(torch.from_numpy(noise).softmax(dim=0) * spectrum, mixture.size).numpy()
