"""BSS eval of three sources in one mixture, against fast_bss_eval in double precision."""

from __future__ import annotations

import fast_bss_eval
import numpy as np
import torch
from timing import Against, in_turns, quick, record

from weaksep.metrics.bss_eval import correlations, ratios

SOURCES, SAMPLES = 3, 20000


def main() -> None:
    """32 mixtures of 2.5 s at 8 kHz, filters of 512 taps."""
    mixtures, rounds = (2, 2) if quick() else (32, 5)
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    references = random.standard_normal((mixtures, SOURCES, SAMPLES))
    estimates = references + 0.1 * references.sum(axis=1, keepdims=True)

    tensors = torch.from_numpy(references), torch.from_numpy(estimates)  # its numpy form fails on numpy 2

    def ours() -> None:
        ratios([correlations(r, e) for r, e in zip(references, estimates, strict=True)])

    def peer() -> None:
        for r, e in zip(*tensors, strict=True):
            fast_bss_eval.bss_eval_sources(r, e, filter_length=512, compute_permutation=False)

    seconds = in_turns({"ours": ours, "peer": peer}, rounds)
    what = f"{mixtures} mixtures of 3 sources, 2.5 s at 8 kHz, filters of 512 taps, one core"
    record("BSS eval", what, seconds["ours"], [Against("fast_bss_eval, float64", seconds["peer"], goal=5)])


if __name__ == "__main__":
    main()
