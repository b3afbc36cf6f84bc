"""An experiment folder belongs to one run: the same settings, data and classifier from its first step to its last."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.checkpoint import load_checkpoint, load_latest
from weaksep.fileio.stamp import differences
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.train.config import LossConfig, OptimConfig
from weaksep.train.loop import is_over
from weaksep.train.state import CHECKPOINT_NAME, past_state

logger = logging.getLogger(__name__)

EARLIER_NAME = "earlier"
AFTERWARDS = ("calibrate",)  # settings of what is done when the training has ended: it need not begin again for them
# The checkpoints last: while they lie there, a process killed on its way through this list begins again with it.
RUN_FILES = (
    "scores",
    "best.pt",
    "classifier.pt",
    "history.jsonl",
    "tensorboard",
    "train.log",
    "config.yaml",
    "checkpoint.prev.pt",
    "checkpoint.pt",
)


def claim_experiment(exp: Path, config: dict[str, Any], resume: bool) -> None:
    """Make the folder this run's: go on with what it holds, or put that into ``earlier/<number>``; write config.yaml.

    Args:
        exp: the experiment folder.
        config: resolved settings and hashes of the inputs.
        resume: go on with a run of the same configuration.

    Raises:
        UserError: none of the checkpoints can be read.
    """
    if any((exp / name).exists() for name in ("checkpoint.pt", "checkpoint.prev.pt", "best.pt")):
        reason = _why_begin_again(exp, config) if resume else "--force, or --resume false"
        if reason:
            place = _put_aside(exp)
            logger.warning("%s: begins again (%s); the earlier run is kept in %s", exp, reason, place)
    write_yaml(exp / "config.yaml", config)


def _why_begin_again(exp: Path, config: dict[str, Any]) -> str:
    """Why the run that is there cannot be gone on with; empty when it can."""
    path = exp / "config.yaml"
    before, now = dict(read_yaml(path) if path.exists() else {}), dict(config)
    for key in AFTERWARDS:
        before.pop(key, None)
        now.pop(key, None)
    changed = list(differences(before, now))
    if changed:
        return "; ".join(changed[:3])
    saved = load_latest(exp / CHECKPOINT_NAME)
    if saved is None:
        if config.get("net", {}).get("kind") == "nmf":
            return ""  # it has none: it is learnt in one go
        # A best.pt and no history: killed before the first checkpoint. With a history it is a network to keep.
        return "its checkpoints are gone" if (exp / "history.jsonl").exists() and not _ended(exp, config) else ""
    if saved.get("state", {}).get("best_epoch", -1) >= 1 and not _best_is_whole(exp):
        return "best.pt is missing or damaged"
    return ""


def _ended(exp: Path, config: dict[str, Any]) -> bool:
    """Whether the training came to its end, by its history: it needs no checkpoints any more."""
    state = past_state(exp)
    optim, loss = OptimConfig(**config["optim"]), LossConfig(**config.get("loss", {}))
    return state is not None and is_over(state, optim, loss) and _best_is_whole(exp)


def _best_is_whole(exp: Path) -> bool:
    """Whether the best network is there, and the classifier that was trained along with it."""
    try:
        config = load_checkpoint(exp / "best.pt")["config"]
        if config.get("joint") and "classifier_training" in config:
            load_checkpoint(exp / "classifier.pt")
    except (UserError, KeyError, AttributeError):
        return False
    return True


def _put_aside(exp: Path) -> Path:
    taken = [int(path.name) for path in (exp / EARLIER_NAME).glob("*") if path.name.isdigit()]
    place = exp / EARLIER_NAME / str(max(taken, default=0) + 1)
    place.mkdir(parents=True)
    for name in RUN_FILES:
        if (exp / name).exists():
            (exp / name).rename(place / name)
    return place
