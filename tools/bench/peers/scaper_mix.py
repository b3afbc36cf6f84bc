"""Scaper's side of mixing.py: FOREGROUND OUT COUNT SEED. Prints the seconds that its loop took, imports left out."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import scaper


def main(foreground: str, out: str, count: str, seed: str) -> None:
    """Mixtures of 4 s with as many events as mixing.py asks of ours, each event saved by itself too, and their JAMS."""
    warnings.simplefilter("ignore")  # events shorter than asked for: that is most of them
    rng, folder = np.random.default_rng(int(seed)), Path(out)
    folder.mkdir(parents=True)
    started = time.perf_counter()
    for index in range(int(count)):
        mixer = scaper.Scaper(4.0, foreground, foreground, random_state=int(rng.integers(2**31)))
        mixer.sr, mixer.ref_db = 16000, -30
        events = 0
        while not events:  # a Poisson number that is not 0
            events = rng.poisson(5)
        for _ in range(events):
            mixer.add_event(
                label=("choose", []),
                source_file=("choose", []),
                source_time=("const", 0),
                event_time=("uniform", 0, 4),
                event_duration=("const", 4),  # or as long as the file is
                snr=("uniform", 0, 5),
                pitch_shift=None,
                time_stretch=None,
            )
        path = folder / f"{index:06d}"
        mixer.generate(f"{path}.wav", f"{path}.jams", allow_repeated_source=False, save_isolated_events=True)
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
