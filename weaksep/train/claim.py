"""An experiment folder belongs to one run: the same settings, data and classifier from its first step to its last."""

from __future__ import annotations

import logging
from pathlib import Path

from weaksep.fileio.network import DESCRIPTION_NAME, JOINT_CLASSIFIER, WEIGHTS_NAME, is_network
from weaksep.fileio.shards import Shards
from weaksep.train.state import CHECKPOINT_NAME, HISTORY_NAME

logger = logging.getLogger(__name__)

EARLIER_NAME = "earlier"
# What a training writes. The checkpoints last: while they lie there, a process killed on its way through this list
# begins again with it.
RUN_FILES = (
    "scores",
    DESCRIPTION_NAME,
    WEIGHTS_NAME,
    JOINT_CLASSIFIER,
    HISTORY_NAME,
    "tensorboard",
    "train.log",
    "config.yaml",
    "checkpoint.prev.pt",
    CHECKPOINT_NAME,
)


def claim_experiment(exp: Path, notes: Shards, joint: bool) -> None:
    """Make the folder this run's: go on with what it holds, or put that into ``earlier/<number>``.

    Args:
        exp: the experiment folder.
        notes: of the training's step; they say whether it was begun with the same settings, data and classifier.
        joint: whether a classifier is trained along.
    """
    if not notes.goes_on():
        _put_aside(exp)
        notes.mark()
    networks = [exp, exp / JOINT_CLASSIFIER] if joint else [exp]
    if (exp / HISTORY_NAME).exists() and not all(map(is_network, networks)):
        logger.warning("%s: the network of the best epoch is missing", exp)
        _put_aside(exp)


def _put_aside(exp: Path) -> None:
    found = [name for name in RUN_FILES if (exp / name).exists()]
    if not any(name in found for name in (DESCRIPTION_NAME, "checkpoint.prev.pt", CHECKPOINT_NAME)):
        return
    taken = [int(path.name) for path in (exp / EARLIER_NAME).glob("*") if path.name.isdigit()]
    place = exp / EARLIER_NAME / str(max(taken, default=0) + 1)
    place.mkdir(parents=True)
    for name in found:
        (exp / name).rename(place / name)
    logger.warning("%s: begins again; the earlier run is kept in %s", exp, place)
