"""What a training says of each epoch: a line in the log, and curves for TensorBoard."""

import logging
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)


class Board:
    """The curves of a run in ``<exp>/tensorboard``, and its lines.

    Args:
        exp: experiment folder.
        name: of the run, for the log.
        next_step: what an earlier process has written from there on is void: it was not in its checkpoint.
        writes: whether this process writes anything.
    """

    def __init__(self, exp: Path, name: str, next_step: int, writes: bool) -> None:
        self.name = name
        self._writer = SummaryWriter(str(exp / "tensorboard"), purge_step=next_step) if writes else None

    def close(self) -> None:
        """Write what has not been written."""
        if self._writer is not None:
            self._writer.close()

    def log_epoch(self, row: dict[str, Any], best_epoch: int, max_epochs: int) -> None:
        """Take in a finished epoch; all of it is on the disk afterwards."""
        shown = " ".join(f"{part} {value:.4f}" for part, value in row["valid"].items())
        logger.info(
            "%s: epoch %d/%d (%.0f s) train loss %.4f | valid %s%s",
            self.name,
            row["epoch"],
            max_epochs,
            row["seconds"],
            row["train"]["loss"],
            shown,
            " *" if best_epoch == row["epoch"] else "",
        )
        if self._writer is None:
            return
        for split in ("train", "valid"):
            for part, value in row[split].items():
                self._writer.add_scalar(f"{part}/{split}", value, row["step"])
        self._writer.add_scalar("learning_rate", row["learning_rate"], row["step"])
        self._writer.flush()
