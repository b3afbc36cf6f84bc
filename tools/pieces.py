"""What tools/paper_in_pieces.sh does with weaksep's files between two pieces: ``pieces.py FUNCTION ARGUMENT...``."""

from __future__ import annotations

import filecmp
import json
import shutil
import sys
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.steps import REFERENCES_HASH
from weaksep.fileio.ark import ArkReader
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.experiments import CHECKPOINT_NAME, HISTORY_NAME
from weaksep.fileio.shards import STAMP_NAME

# By this much of a standard deviation the statistics of the log magnitude may differ: processors round differently.
LAST_DIGITS = 1e-3
STATISTICS = ("cmvn.ark", REFERENCES_HASH)


def training(exp: Path, steps: int) -> str:
    """A row of the table: steps done, steps to do, steps a second and minutes to go; with the validations' time."""
    history, checkpoint = exp / HISTORY_NAME, exp / CHECKPOINT_NAME
    epochs = [json.loads(line) for line in history.read_text().splitlines()] if history.is_file() else []
    done, seconds = epochs[-1]["step"] if epochs else 0, sum(epoch["seconds"] for epoch in epochs)
    if (exp / STAMP_NAME).is_file():
        steps = done  # of a classifier perhaps fewer: it has patience
    elif checkpoint.is_file():
        state = load_checkpoint(checkpoint)["state"]
        done, seconds = done + state["batch"], seconds + state["seconds"]
    rate = done / seconds if seconds else 0.0
    to_go = f"{(steps - done) / rate / 60:.1f}" if rate else "?"
    return f"{exp.name}\t{done}\t{steps}\t{rate:.2f}\t{to_go}"


def progress(exp: str, steps: str, classifier_steps: str, *systems: str) -> None:
    """Print a row for each training of the systems."""
    print("training", "steps", "of", "steps_a_second", "minutes_to_go", sep="\t")
    for name in systems:
        if (classifier := Path(exp) / f"classifier_{name}").is_dir():
            print(training(classifier, int(classifier_steps)))
        print(training(Path(exp) / f"separator_{name}", int(steps)))


def keep_statistics(dump: str, kept: str) -> None:
    """Put the first piece's statistics, and its hash of the references, in the place of this machine's.

    Trainings know their data by the two. Another processor rounds their last digits in another way, and that alone must
    not begin the trainings anew.

    Raises:
        UserError: more than the last digits differ.
    """
    for file in (path for name in STATISTICS for path in Path(kept).glob(f"*/{name}")):
        made = Path(dump) / file.parent.name / file.name
        if filecmp.cmp(file, made, shallow=False):
            continue
        now, first = (_mean_and_std(folder) for folder in (made.parent, file.parent))
        if now.shape != first.shape or np.abs(now - first).max() > LAST_DIGITS * first[1].max():
            raise UserError(f"{made}: other recordings or settings than in the first piece; give its --db and --config")
        print(f"{made}: other last digits than in the first piece, on another processor; that one's stay", flush=True)
        with atomic_path(made) as temporary:
            shutil.copyfile(file, temporary)


def _mean_and_std(folder: Path) -> np.ndarray:
    from weaksep.feats.stats import mean_and_std

    return np.stack(mean_and_std(ArkReader().read(folder / "cmvn.ark", len("global "))))


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    try:
        progress(*arguments) if name == "progress" else keep_statistics(*arguments)
    except UserError as error:
        sys.exit(f"pieces.py: error: {error}")
