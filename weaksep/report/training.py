"""Facts of a training, from what it left in its experiment folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.tables import read_lines

logger = logging.getLogger(__name__)


def read_history(path: Path) -> list[dict[str, Any]]:
    """Rows of history.jsonl, one an epoch.

    Raises:
        UserError: file:line of a row that is not JSON.
    """
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise UserError(f"{path}:{number}: not JSON ({error.msg}); rerun the training") from None
    return rows


def histories(expdir: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of history.jsonl of every training in an experiment folder, by the name of the training's folder."""
    return {path.parent.name: read_history(path) for path in sorted(expdir.glob("*/history.jsonl"))}


def count_parameters(best: Path) -> int | None:
    """Parameters of the net in a best.pt (its buffers, such as feature statistics, not counted)."""
    if not best.is_file():
        return None
    from weaksep.fileio.checkpoint import load_checkpoint
    from weaksep.nets.build import build_classifier, build_separator

    saved = load_checkpoint(best)
    feats, net_config, n_classes = saved["feats"], saved["config"]["net"], len(saved["classes"])
    n_bins = feats["window_samples"] // 2 + 1
    net: Any
    if saved["task"] == "separator":
        net = build_separator(net_config, n_classes, n_bins)
    else:
        net = build_classifier(net_config, n_classes, n_bins, feats["sample_rate"])
    return sum(parameter.numel() for parameter in net.parameters())


def training_facts(experiment: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Name, supervision, epochs, steps, minutes, best epoch and parameters of a training.

    Args:
        experiment: its folder.
        config: its config.yaml.
    """
    history = []
    if (experiment / "history.jsonl").is_file():
        history = read_history(experiment / "history.jsonl")
    else:
        logger.warning("%s: no history.jsonl, so no epochs and minutes", experiment)
    losses = {row["epoch"]: row["valid"]["loss"] for row in history if "loss" in row.get("valid", {})}
    seconds = [row["seconds"] for row in history if "seconds" in row]
    return {
        "name": experiment.name,
        "supervision": config.get("supervision"),
        "classifier": config.get("classifier"),
        "joint": config.get("joint"),
        "epochs": history[-1].get("epoch") if history else None,
        "best_epoch": min(losses, key=lambda epoch: losses[epoch]) if losses else None,
        "steps": history[-1].get("step") if history else None,
        "batch_size": config.get("optim", {}).get("batch_size"),
        "minutes": round(sum(seconds) / 60, 2) if seconds else None,
        "parameters": count_parameters(experiment / "best.pt"),
    }
