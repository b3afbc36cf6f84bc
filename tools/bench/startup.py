"""How long commands take that have nothing to do: ``weaksep --help``, a stage and a whole recipe that are up to date.

The recipe is a copy of mini_urban with all its sounds and mixtures, whose trainings made one epoch: what a run checks
when it is given again does not depend on how long they took.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from processes import output_of, weaksep
from timing import in_turns, quick, record

from weaksep.fileio.yamlfile import write_yaml

CONFIGS = ("data", "mix", "feats", "classifier_frame", "classifier_clip", "strong", "frame", "clip")
TINY: dict[str, dict[str, Any]] = {
    "data": {"recordings_per_class": {"train": 4, "valid": 2, "test": 2}},
    "mix": {"sets": {"train": 32, "valid": 8, "test": 8}},
}


def make_recipe(folder: Path, changes: dict[str, dict[str, Any]]) -> None:
    """Copy mini_urban, with a configuration conf/brief that makes one epoch of every training."""
    weaksep("recipe", "mini_urban", folder)
    for name in CONFIGS:
        epochs = {} if name in ("data", "mix", "feats") else {"optim": {"max_epochs": 1, "warmup_steps": 1}}
        write_yaml(folder / f"conf/brief/{name}.yaml", {"base": f"../{name}.yaml"} | epochs | changes.get(name, {}))


def main() -> None:
    """20 rounds of the commands, 10 of the recipe."""
    tiny = quick()
    # The recipe finds weaksep where Python is.
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as name:
        recipe = Path(name) / "recipe"
        make_recipe(recipe, TINY if tiny else {})
        run = [recipe / "run.sh", "--config", "conf/brief"]
        output_of(run)
        feats = ["--config", recipe / "conf/brief/feats.yaml", "--systems", "strong frame clip"]
        feats += ["--system-configs", recipe / "conf/brief"]
        feats += ["--datadir", recipe / "data", "--dumpdir", recipe / "dump"]
        short = {
            "help": partial(weaksep, "--help"),
            "stage": partial(weaksep, "feats", *feats),
            "stage by run.sh": partial(output_of, [*run, "--stage", 2, "--stop-stage", 2]),
        }
        seconds = in_turns(short, 2 if tiny else 20)
        seconds |= in_turns({"recipe": partial(output_of, run)}, 2 if tiny else 10)
    record("start-up", "weaksep --help", seconds["help"], at_most=0.2)
    record("start-up", "weaksep feats that has nothing to do", seconds["stage"], at_most=0.3)
    record("start-up", "run.sh of mini_urban, stage 2 with nothing to do", seconds["stage by run.sh"])
    record("start-up", "run.sh of mini_urban, all stages with nothing to do", seconds["recipe"], at_most=3)


if __name__ == "__main__":
    main()
