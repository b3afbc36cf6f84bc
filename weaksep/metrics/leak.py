"""Energy that a separator lets into the output of a class that is absent from the mixture.

An absent class has no reference signal to compare with; the right output is silence. The leak is the output's
energy relative to the mixture's, in dB: 0 dB is the whole mixture, and lower is better. The level of a class that does
sound is measured in the same way (score/clip.py).
"""

import numpy as np

from weaksep.metrics.si_sdr import inner

# Perfect silence would be -inf and spoil every mean. A class output below this is lost in the rounding of
# 16-bit files (-71 dB for a mixture of -30 dB RMS).
LEAK_FLOOR_DB = -80.0
# A class is taken to sound where its output holds this share of the mixture's energy or more.
LEAST_SHARE = 0.1


def leak_db(mixture: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Energy of each estimate relative to the mixture.

    Args:
        mixture: (N,).
        estimate: outputs, as those of absent classes (..., N).

    Returns:
        float64 (...) in dB, at least LEAK_FLOOR_DB; NaN where the mixture is silent.

    Raises:
        ValueError: lengths differ, N is 0, or samples are not finite.

    >>> leak_db(np.ones(8), np.stack([0.1 * np.ones(8), np.zeros(8)])).round(6).tolist()
    [-20.0, -80.0]
    """
    mixture, estimate = np.asarray(mixture), np.asarray(estimate)
    if mixture.ndim != 1 or mixture.size == 0 or estimate.shape[-1:] != mixture.shape:
        raise ValueError(f"expected a mixture (N,) and estimates (..., N), got {mixture.shape} and {estimate.shape}")
    energy, *energies = (inner(row, row) for row in (mixture, *estimate.reshape(-1, mixture.size)))
    if not np.isfinite([energy, *energies]).all():
        raise ValueError("signals hold NaN or infinite samples, or overflow when squared")
    with np.errstate(divide="ignore"):
        decibels = 10.0 * np.log10(np.array(energies) / (energy or np.nan))
    return np.maximum(decibels, LEAK_FLOOR_DB).reshape(estimate.shape[:-1])
