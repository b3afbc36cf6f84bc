"""Both sides of loop.py's last row: FOLDER BATCH_SIZE ROUNDS. Prints the seconds of each epoch, ours and Asteroid's."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from itertools import count
from pathlib import Path

import numpy as np
import torch
from asteroid.engine.system import System
from pytorch_lightning import Trainer
from torch.utils.data import DataLoader, Dataset

sys.path.append(str(Path(__file__).resolve().parents[1]))

from steps import BLSTM, adam, clips_of, epoch, objective
from timing import in_turns

from weaksep.feats.dataset import TrainingSet
from weaksep.losses.strong import strong_loss


class Clips(Dataset):
    """The clips of a training set: magnitude (T, F) and those of its sources, (K, T, F)."""

    def __init__(self, clips: TrainingSet) -> None:
        self.utts, self.features, self.classes = clips.utts["strong"], clips.features, clips.classes

    def __len__(self) -> int:
        return len(self.utts)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        utt = self.utts[index]
        return self.features.read(utt), self.features.references(utt, self.classes)


class Strong(System):
    """A System whose loss asks for the mixture too."""

    def common_step(self, batch: list[torch.Tensor], batch_nb: int, train: bool = True) -> torch.Tensor:
        """See ``System``."""
        magnitude, sources = batch
        return 100 * strong_loss(magnitude, self(magnitude), sources)

    def on_validation_epoch_end(self) -> None:
        """Without a logger there is nobody to tell."""


def main(name: str, batch_size: str, rounds: str) -> None:
    """One thread."""
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    folder, size, numbers = Path(name), int(batch_size), count()
    train, valid = (clips_of((folder / one / "data", folder / one / "dump"), "strong") for one in ("train", "valid"))
    whole, own = objective(BLSTM, strong={}), objective(BLSTM, strong={})
    loaders = [DataLoader(Clips(clips), size, shuffle=clips is train, num_workers=0) for clips in (train, valid)]
    system = Strong(own.net, adam(own), None, *loaders)

    def asteroid() -> None:
        off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        Trainer(max_epochs=1, accelerator="cpu", devices=1, num_sanity_val_steps=0, gradient_clip_val=5.0, **off).fit(
            system
        )

    def ours() -> None:
        epoch(whole, train, valid, size, folder / f"peer{next(numbers)}")

    print(json.dumps(in_turns({"ours": ours, "asteroid": asteroid}, int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
