"""Time to 10 dB mean SI-SDRi from clip labels: the small recipe with its fastest system, everything from an empty
folder to the page. One round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processes import weaksep
from timing import quick, record

WANTED_DB = 10.0


def main() -> None:
    """On two cores; the one training takes both."""
    options = ["--config", "conf/remix", "--systems", "remix_fast", "--train-threads", "2"]
    if quick():
        options = ["--config", "conf/short", "--systems", "remix_fast", "--separator-args", "optim.max_epochs=1"]
    # The recipe chooses its own number of threads, and finds weaksep where this Python has it.
    environment = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    with tempfile.TemporaryDirectory() as name:
        recipe, started = Path(name) / "mini_urban", time.perf_counter()
        weaksep("recipe", "mini_urban", recipe)
        done = subprocess.run(
            [recipe / "run.sh", *options], env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}")
        results = json.loads((recipe / "results.json").read_text())
    (reached,) = (own["si_sdri_db"]["mean"] for own in results["systems"] if own["name"] == "separator_remix_fast")
    note = f"{reached:.1f} dB{'' if reached >= WANTED_DB else ': NOT REACHED'}"
    what = f"run.sh {' '.join(options)} in a fresh copy of mini_urban, {os.cpu_count()} cores"
    record(f"time to {WANTED_DB:g} dB from clip labels", what, [seconds], at_most=60, note=note)


if __name__ == "__main__":
    main()
