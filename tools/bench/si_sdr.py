"""SI-SDR of pairs of a source and its estimate: against fast_bss_eval, torchmetrics and mir_eval, and against the three
dot products that it needs.

The same few signals again and again: where a clip is scored, its files have just been read and are in the cache.
mir_eval runs in an environment of its own and takes its own time, once over.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

import fast_bss_eval
import numpy as np
import torch
from processes import run_peer
from timing import Against, Seconds, in_turns, quick, record
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from weaksep.metrics.si_sdr import si_sdr

CLIPS, SOURCES, SAMPLES = 2, 3, 64000


def main() -> None:
    """Two clips of 4 s at 16 kHz with three sources each, float32, 20 times over, one thread."""
    times, rounds = (1, 2) if quick() else (20, 30)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    references = rng.standard_normal((CLIPS, SOURCES, SAMPLES), dtype=np.float32)
    estimates = references + 0.3 * rng.standard_normal(references.shape, dtype=np.float32)
    pairs = times * list(zip(references, estimates, strict=True))
    tensors = [(torch.from_numpy(reference), torch.from_numpy(estimate)) for reference, estimate in pairs]
    rows = [row for reference, estimate in pairs for row in zip(reference, estimate, strict=True)]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "pairs.npy"
        np.save(file, [references.reshape(-1, SAMPLES), estimates.reshape(-1, SAMPLES)])

        def ours() -> list[np.ndarray]:
            return [si_sdr(reference, estimate) for reference, estimate in pairs]

        def bss() -> object:
            # A dimension more, so that it looks for no permutation.
            options = {"clamp_db": 60, "zero_mean": False}
            return [fast_bss_eval.si_sdr(r[:, None], e[:, None], **options) for r, e in pairs]

        def mir() -> Seconds:
            found = run_peer("asteroid", "mir_eval_si_sdr.py", file)
            np.testing.assert_allclose(found["decibels"], np.ravel(si_sdr(references, estimates)), atol=0.01)
            return Seconds(times * found["seconds"])

        seconds = in_turns(
            {
                "ours": ours,
                "fast_bss_eval": bss,
                "torchmetrics": lambda: [scale_invariant_signal_distortion_ratio(e, r) for r, e in tensors],
                "mir_eval's SDR with filters of one tap": mir,
                "three dot products": lambda: [(np.dot(r, e), np.dot(r, r), np.dot(e, e)) for r, e in rows],
            },
            rounds,
        )
    own, limit = seconds.pop("ours"), seconds.pop("three dot products")
    best = min(seconds, key=lambda peer: median(seconds[peer]))
    peers = [Against(peer, values, goal=5 if peer == best else None) for peer, values in seconds.items()]
    what = f"{len(rows)} pairs of signals of 4 s at 16 kHz, one core; the goal is against the best peer"
    record("SI-SDR", what, own, [*peers, Against("three dot products", limit, goal=0.8, limit=True)])


if __name__ == "__main__":
    main()
