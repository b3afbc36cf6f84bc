"""mir_eval's side of si_sdr.py: FILE with references and estimates. Prints the seconds of all pairs, and the results.

mir_eval has no SI-SDR. What bss_eval_sources calls has it: the SDR of filters of one tap, with one reference.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from mir_eval.separation import _bss_decomp_mtifilt, _bss_source_crit


def main(file: str) -> None:
    """Of arrays (2, pairs, N)."""
    references, estimates = np.load(file)
    started = time.perf_counter()
    decibels = [
        _bss_source_crit(*_bss_decomp_mtifilt(reference[None], estimate, 0, 1))[0]
        for reference, estimate in zip(references, estimates, strict=True)
    ]
    print(json.dumps({"seconds": time.perf_counter() - started, "decibels": [float(value) for value in decibels]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
