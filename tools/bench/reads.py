"""Random reads of matrices from an archive, against os.preadv of the same bytes into arrays."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from timing import best_of, report

from weaksep.fileio.ark import ArkReader, write_ark

MATRICES, SHAPE = 1000, (157, 129)


def main() -> None:
    """1,000 matrices of 157 x 129, in random order, from the page cache."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "feats.ark"
        matrix = rng.standard_normal(SHAPE).astype(np.float32)
        offsets = list(write_ark(path, ((f"{index:04d}", matrix) for index in range(MATRICES))).values())
        order = [offsets[index] for index in rng.permutation(MATRICES)]
        reader = ArkReader()
        descriptor = os.open(path, os.O_RDONLY)

        def ours() -> None:
            for offset in order:
                reader.read(path, offset)

        def peer() -> None:
            for offset in order:
                array = np.empty(SHAPE, dtype=np.float32)
                os.preadv(descriptor, [array.data], offset + 15)

        best = best_of({"ours": ours, "peer": peer}, rounds=10)
        os.close(descriptor)
    report(f"{MATRICES} random reads", best["ours"], best["peer"], "0.8")


if __name__ == "__main__":
    main()
