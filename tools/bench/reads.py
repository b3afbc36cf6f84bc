"""Matrices read from archives in the order of a training, each epoch another: against kaldiio and kaldi_native_io, and
against os.preadv of the same bytes into arrays. All from the page cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import kaldi_native_io
import kaldiio
import numpy as np
from timing import Against, in_turns, quick, record

from weaksep.fileio.ark import ArkReader, parse_entry, write_ark
from weaksep.fileio.tables import read_table

ARKS, SHAPE = 4, (157, 129)
HEADER_BYTES = 15


def main() -> None:
    """4 archives with 2,000 matrices of 157 x 129."""
    per_ark, rounds = (10, 2) if quick() else (500, 20)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder, scp = Path(name), Path(name) / "feats.scp"
        matrix = rng.standard_normal(SHAPE).astype(np.float32)
        lines = []
        for ark in (folder / f"{index}.ark" for index in range(ARKS)):
            offsets = write_ark(ark, ((f"{ark.stem}-{index:04d}", matrix) for index in range(per_ark)))
            lines += [f"{utt} {ark}:{offset}\n" for utt, offset in offsets.items()]
        scp.write_text("".join(lines), encoding="utf-8")
        order = [line.split()[0] for line in lines]
        places = {utt: parse_entry(entry, folder) for utt, entry in read_table(scp).items()}
        reader, lazy, cached = ArkReader(), kaldiio.load_scp(str(scp)), kaldiio.load_scp(str(scp), max_cache_fd=ARKS)
        native = kaldi_native_io.RandomAccessFloatMatrixReader(f"scp:{scp}")
        descriptors = {folder / f"{index}.ark": os.open(folder / f"{index}.ark", os.O_RDONLY) for index in range(ARKS)}

        def limit() -> None:
            for utt in order:
                path, offset = places[utt]
                array = np.empty(SHAPE, dtype=np.float32)
                os.preadv(descriptors[path], [array.data], offset + HEADER_BYTES)

        seconds = in_turns(
            {
                "ours": lambda: [reader.read(*places[utt]) is None for utt in order],
                "kaldiio": lambda: [lazy[utt] is None for utt in order],
                "cached": lambda: [cached[utt] is None for utt in order],
                "native": lambda: [native[utt] is None for utt in order],
                "limit": limit,
            },
            rounds,
            between=lambda: rng.shuffle(order),
        )
    record(
        "reads",
        f"{len(order)} matrices of 157 x 129 at random from {ARKS} archives, one core",
        seconds["ours"],
        [
            Against("kaldiio.load_scp", seconds["kaldiio"], goal=1.5),
            Against("kaldiio.load_scp, files kept open", seconds["cached"]),
            Against("kaldi_native_io", seconds["native"]),
            Against("os.preadv", seconds["limit"], goal=0.9, limit=True),
        ],
    )


if __name__ == "__main__":
    main()
