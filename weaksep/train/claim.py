"""An experiment folder belongs to one run: the same settings, data and classifier from its first step to its last."""

import logging
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.experiments import (
    CHECKPOINTS,
    DESCRIPTION_NAME,
    EARLIER_NAME,
    HISTORY_NAME,
    JOINT_CLASSIFIER,
    RUN_FILES,
)
from weaksep.fileio.network import read_network
from weaksep.fileio.shards import Shards

logger = logging.getLogger(__name__)


def claim_experiment(exp: Path, notes: Shards, joint: bool) -> None:
    """Make the folder this run's: go on with what it holds, or put that into ``earlier/<number>``.

    Args:
        exp: the experiment folder.
        notes: of the training's step; they say whether it was begun with the same settings, data and classifier.
        joint: whether a classifier is trained jointly.
    """
    if not notes.goes_on():
        _put_aside(exp)
        notes.mark()
    history = exp / HISTORY_NAME
    if not history.exists() or not history.stat().st_size:  # stopped within its first epoch, which leaves no network
        return
    try:
        if not any((exp / name).exists() for name in CHECKPOINTS):
            raise UserError(f"{exp}: its checkpoints are gone")
        for network in [exp, exp / JOINT_CLASSIFIER] if joint else [exp]:
            read_network(network)
    except UserError as error:
        logger.warning("%s", error)
        _put_aside(exp)


def _put_aside(exp: Path) -> None:
    names = dict.fromkeys(pattern.split("/")[0] for pattern in RUN_FILES)
    found = [name for name in names if (exp / name).exists()]
    if not {DESCRIPTION_NAME, *CHECKPOINTS} & set(found):
        return
    taken = [int(path.name) for path in (exp / EARLIER_NAME).glob("*") if path.name.isdigit()]
    place = exp / EARLIER_NAME / str(max(taken, default=0) + 1)
    place.mkdir(parents=True)
    for name in found:
        (exp / name).rename(place / name)
    logger.warning("%s: begins again; the earlier run is kept in %s", exp, place)
