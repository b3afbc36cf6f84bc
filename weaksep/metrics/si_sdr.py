"""Scale-invariant signal-to-distortion ratio (SI-SDR) in closed form.

Le Roux, Wisdom, Erdogan, Hershey, "SDR - half-baked or well done?", ICASSP 2019. With the target
s = (<r,e> / <r,r>) r, the part of the estimate e that lies along the reference r,

    SI-SDR = 10 log10( |s|^2 / |e - s|^2 ) = 10 log10( <r,e>^2 / (<r,r><e,e> - <r,e>^2) ),

so three inner products suffice and no residual signal is formed.

Conventions:
- Signals are taken as they are; ``zero_mean=True`` first removes each signal's mean, as the paper assumes.
  Audio has next to none, and masking can add one, which is then an error of the estimate and is counted as
  such. (The same default as fast_bss_eval and torchmetrics.)
- The result lies in [FLOOR_DB, CEILING_DB], so that means stay finite. FLOOR_DB is below what chance
  reaches (white noise has about -10 log10(N) dB, -48 dB for 64,000 samples): only an estimate that holds
  nothing of the target meets it. CEILING_DB says "equal up to a factor": rounding to 16 bits alone lies
  71 dB below a source of -30 dB RMS. An oracle mask reaches it wherever classes never sound at once, and with
  a higher ceiling such pairs would rule its mean.
- A silent estimate (all zero) has FLOOR_DB: it separates nothing, whatever 0/0 might be called.
- A silent reference has NaN: there is no target, so no ratio. The caller leaves such items out, and says so.
"""

import math

import numpy as np

from weaksep.errors import refuse

FLOOR_DB = -60.0
CEILING_DB = 60.0

# Products of float32 signals are summed in float32 over a block and in double from block to block, so
# precision does not fall with length.
BLOCK_SAMPLES = 65536
# Such products are exact to about 1e-7 of the energies. Up to this ratio that moves the result by less than
# 0.001 dB; above it, the small difference <r,r><e,e> - <r,e>^2 is formed from the residual instead.
PRODUCTS_TRUSTED_DB = 25.0


def inner(a: np.ndarray, b: np.ndarray) -> float:
    """Inner product of two signals (N,) of one dtype, without a temporary signal."""
    if a.size <= BLOCK_SAMPLES:
        return float(np.dot(a, b))
    starts = range(0, a.size, BLOCK_SAMPLES)
    return math.fsum([np.dot(a[s : s + BLOCK_SAMPLES], b[s : s + BLOCK_SAMPLES]) for s in starts])


def _residual_ratio(reference: np.ndarray, estimate: np.ndarray, reference_energy: float, scale: float) -> float:
    """|s|^2 / |e - s|^2 from the residual itself, in double; inf when nothing is left.

    ``scale`` is <r,e>/<r,r> to about 1e-6, which leaves an error 120 dB below the target: far beyond the ceiling.
    """
    left = 0.0
    for start in range(0, reference.size, BLOCK_SAMPLES):
        target = scale * reference[start : start + BLOCK_SAMPLES].astype(np.float64)
        residual = estimate[start : start + BLOCK_SAMPLES] - target
        left += float(np.dot(residual, residual))
    return scale * scale * reference_energy / left if left > 0 else math.inf


def _si_sdr_row(reference: np.ndarray, estimate: np.ndarray) -> float:
    """SI-SDR in dB of one pair of signals (N,)."""
    cross, energy = inner(reference, estimate), inner(reference, reference)
    target, product = cross * cross, energy * inner(estimate, estimate)
    if not math.isfinite(energy + cross + product):
        raise ValueError("signals hold NaN or infinite samples, or overflow when squared")
    if energy == 0 or target == 0:
        return math.nan if energy == 0 else FLOOR_DB
    if target > (product - target) * 10.0 ** (PRODUCTS_TRUSTED_DB / 10.0):
        ratio = _residual_ratio(reference, estimate, energy, cross / energy)
    else:
        ratio = target / (product - target)
    return min(max(10.0 * math.log10(ratio), FLOOR_DB), CEILING_DB) if ratio < math.inf else CEILING_DB


def si_sdr(reference: np.ndarray, estimate: np.ndarray, zero_mean: bool = False) -> np.ndarray:
    """SI-SDR of each signal.

    Args:
        reference: true sources (..., N); float32 is the fast path.
        estimate: separated sources (..., N).
        zero_mean: remove each signal's mean first.

    Returns:
        float64 (...), in dB, within [FLOOR_DB, CEILING_DB]; NaN where the reference is silent.

    Raises:
        ValueError: shapes differ, N is 0, or samples are not finite.

    >>> reference = np.array([1.0, 1.0, 1.0, 1.0])
    >>> noise = np.array([1.0, -1.0, 1.0, -1.0])
    >>> float(si_sdr(reference, 5.0 * (reference + 0.1 * noise)).round(6))
    20.0
    """
    signals = [np.asarray(reference), np.asarray(estimate)]
    shape = signals[0].shape
    refuse(
        {
            f"reference {shape} and estimate {signals[1].shape} differ in shape": shape != signals[1].shape,
            f"expected signals of shape (..., N) with N > 0, got {shape}": not shape or shape[-1] == 0,
        }
    )
    dtype = np.float32 if all(signal.dtype == np.float32 for signal in signals) else np.float64
    rows = [signal.reshape(-1, shape[-1]).astype(dtype, copy=False) for signal in signals]
    if zero_mean:
        rows = [r - r.mean(axis=1, keepdims=True, dtype=np.float64).astype(dtype) for r in rows]
    return np.array([_si_sdr_row(r, e) for r, e in zip(*rows, strict=True)]).reshape(shape[:-1])


def si_sdr_improvement(
    reference: np.ndarray, estimate: np.ndarray, mixture: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SI-SDR of the estimate, of the unprocessed mixture, and their difference.

    Args:
        reference: (..., N).
        estimate: (..., N).
        mixture: (N,), the one mixture of all the references.

    Returns:
        (si_sdr_db, mixture_si_sdr_db, improvement_db), each float64 (...).

    Raises:
        ValueError: see ``si_sdr``.
    """
    if np.shape(mixture) != np.shape(reference)[-1:]:
        raise ValueError(f"expected a mixture of shape {np.shape(reference)[-1:]}, got {np.shape(mixture)}")
    separated = si_sdr(reference, estimate)
    unprocessed = si_sdr(reference, np.broadcast_to(mixture, np.shape(reference)))
    return separated, unprocessed, separated - unprocessed
