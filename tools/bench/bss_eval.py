"""BSS eval of three sources in one mixture, against fast_bss_eval in double precision."""

from __future__ import annotations

import fast_bss_eval
import numpy as np
import torch
from timing import best_of, report

from weaksep.metrics.bss_eval import correlations, ratios

MIXTURES, SOURCES, SAMPLES = 32, 3, 20000


def main() -> None:
    """32 mixtures of 2.5 s at 8 kHz, filters of 512 taps."""
    random = np.random.default_rng(0)
    references = random.standard_normal((MIXTURES, SOURCES, SAMPLES))
    estimates = references + 0.1 * references.sum(axis=1, keepdims=True)

    tensors = torch.from_numpy(references), torch.from_numpy(estimates)  # its numpy form fails on numpy 2

    def ours() -> None:
        ratios([correlations(r, e) for r, e in zip(references, estimates, strict=True)])

    def peer() -> None:
        for r, e in zip(*tensors, strict=True):
            fast_bss_eval.bss_eval_sources(r, e, filter_length=512, compute_permutation=False)

    best = best_of({"ours": ours, "peer": peer}, rounds=3)
    report("BSS eval of 32 mixtures", best["ours"], best["peer"], "5")


if __name__ == "__main__":
    main()
