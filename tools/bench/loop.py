"""A whole epoch of training: the loop as it is, which reads from the disk, validates, logs and saves, against the same
steps on tensors in memory; and strong training against an Asteroid System.

With Asteroid both sides run in its environment: Lightning's Trainer without logger, checkpoints and progress bar, which
ours has to write, and a DataLoader that reads the same features through the same reader.
"""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import torch
from processes import has_peer, run_peer
from steps import BLSTM, REMIX, UNET, adam, clips_of, epoch, make_set, objective, step
from timing import Against, in_turns, quick, record

from weaksep.feats.batch import Batch
from weaksep.feats.dataset import TrainingSet
from weaksep.losses.settings import END
from weaksep.train.config import OptimConfig
from weaksep.train.loop import epoch_batches, load_batches
from weaksep.train.objectives import SeparatorObjective

WEAK: dict[str, Any] = {"mixture": {}, "classification": {"active_sources_only": True}}
# Supervision and what else may be known, net, losses, what they are.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "strong": ({"supervision": "strong"}, BLSTM, {"strong": {}}, "BLSTM 2 x 128"),
    "weak": ({"supervision": "frame"}, BLSTM, WEAK, "frame labels, frozen classifier, BLSTM 2 x 128"),
    "remix": ({"supervision": "clip", "remix": REMIX, "augment": {}}, UNET, {"remix": {}}, "clip labels, U-Net"),
}


def read_ahead(clips: TrainingSet, size: int) -> list[list[Batch]]:
    """The batches of an epoch, in memory."""
    return list(load_batches(clips, epoch_batches(len(clips), OptimConfig(batch_size=size), 0, 0), torch.device("cpu")))


def steps_alone(whole: SeparatorObjective, optimiser: torch.optim.Adam, batches: Any, held: Any) -> None:
    """What of an epoch is computation."""
    whole.train()
    for batch in batches:
        step(whole, optimiser, batch)
    whole.eval()
    with torch.no_grad():
        for batch in held:
            whole(batch, END)["loss"].item()


def main() -> None:
    """Batches of 16 clips of 2.5 s at 8 kHz, five classes, one thread."""
    n_train, n_valid, size, rounds = (16, 8, 8, 2) if quick() else (640, 64, 16, 4)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, numbers = Path(name), count()
        sets = [make_set(folder / "train", n_train, 1), make_set(folder / "valid", n_valid, 1)]
        for row, (known, net, losses, about) in CASES.items():
            train, valid = (clips_of(folders, **known) for folders in sets)
            whole = objective(net, **losses)
            limit = partial(steps_alone, whole, adam(whole), read_ahead(train, size), read_ahead(valid, size))

            def ours(whole: SeparatorObjective = whole, train: Any = train, valid: Any = valid) -> None:
                epoch(whole, train, valid, size, folder / f"exp{next(numbers)}")

            seconds = in_turns({"ours": ours, "limit": limit}, rounds)
            what = f"epoch of {n_train // size} steps of {size} clips of 2.5 s, {about}, one thread"
            against = [Against("the same steps on tensors in memory", seconds["limit"], goal=0.95, limit=True)]
            record(f"epoch, {row}", what, seconds["ours"], against)
        if has_peer("asteroid"):
            seconds = run_peer("asteroid", "asteroid_train.py", folder, size, rounds)
            what = f"epoch of {n_train // size} strong steps, BLSTM 2 x 128, in Asteroid's environment, one thread"
            peer = Against("Asteroid's System, Lightning's Trainer", seconds["asteroid"], goal=1)
            record("epoch, Asteroid", what, seconds["ours"], [peer])


if __name__ == "__main__":
    main()
