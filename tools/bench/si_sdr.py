"""SI-SDR of a mixture's sources, estimates and the mixture itself, against fast_bss_eval and torchmetrics."""

from __future__ import annotations

import fast_bss_eval
import numpy as np
import torch
from timing import best_of, report
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from weaksep.metrics.si_sdr import si_sdr


def main() -> None:
    """Two to five sources of 4 s at 16 kHz: SI-SDR of the estimates and of the mixture."""
    rng = np.random.default_rng(0)
    for n_sources in (2, 3, 5):
        reference = rng.standard_normal((n_sources, 64000)).astype(np.float32)
        estimate = (reference + 0.3 * rng.standard_normal(reference.shape)).astype(np.float32)
        mixture = np.broadcast_to(reference.sum(axis=0), reference.shape).copy()
        tensors = [torch.from_numpy(array) for array in (reference, estimate, mixture)]

        def ours(arrays: tuple = (reference, estimate, mixture)) -> object:
            return si_sdr(arrays[0], arrays[1]), si_sdr(arrays[0], arrays[2])

        def bss(arrays: tuple = (reference, estimate, mixture)) -> object:
            options = {"clamp_db": 60, "zero_mean": False}
            return [fast_bss_eval.si_sdr(arrays[0][:, None], a[:, None], **options) for a in arrays[1:]]

        def metrics(arrays: tuple = tuple(tensors)) -> object:
            return [scale_invariant_signal_distortion_ratio(a, arrays[0]) for a in arrays[1:]]

        best = best_of({"ours": ours, "bss": bss, "metrics": metrics}, rounds=50)
        report(f"SI-SDR, {n_sources} sources", best["ours"], min(best["bss"], best["metrics"]), "5")


if __name__ == "__main__":
    main()
