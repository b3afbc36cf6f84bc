"""Facts of a training, from what it left in its experiment folder."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.jsontext import finite, load_object
from weaksep.fileio.tables import read_lines

logger = logging.getLogger(__name__)


def read_history(path: Path) -> list[dict[str, Any]]:
    """Rows of history.jsonl, one an epoch.

    Raises:
        UserError: listing every line that is not what training writes.
    """
    rows, problems = [], []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            row = load_object(line, f"{path}:{number}", "rerun the training")
        except UserError as error:
            problems.append(str(error))
            continue
        wrong = _wrong_keys(row)
        if wrong:
            problems.append(f"{path}:{number}: {', '.join(wrong)} missing or no number; rerun the training")
        rows.append(row)
    raise_problems(f"{path} is damaged", problems)
    return rows


def _wrong_keys(row: dict[str, Any]) -> list[str]:
    """Keys that the report reads and that are not as training writes them."""
    wrong = [key for key in ("epoch", "step", "seconds") if not finite(row.get(key), 0)]
    for split in ("train", "valid"):
        part = row.get(split)
        if not isinstance(part, dict) or not finite(part.get("loss")):
            wrong.append(f"{split}.loss")
    return wrong


def histories(expdir: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of history.jsonl of every training in an experiment folder, by the name of the training's folder."""
    return {path.parent.name: read_history(path) for path in sorted(expdir.glob("*/history.jsonl"))}


def trained_steps(experiment: Path) -> int | None:
    """Steps that a training made; None where nothing was trained."""
    path = experiment / "history.jsonl"
    history = read_history(path) if path.is_file() else []
    return int(history[-1]["step"]) if history else None


def net_facts(best: Path) -> dict[str, Any]:
    """Of the net in a best.pt: how many parameters (without buffers, such as feature statistics); the temperature of
    its masks, where it was chosen after the training."""
    if not best.is_file():
        return {"parameters": None, "temperature": None}
    import torch

    from weaksep.fileio.checkpoint import load_checkpoint
    from weaksep.nets.build import build_classifier, build_separator

    saved = load_checkpoint(best)
    try:
        feats, net_config, n_classes = saved["feats"], saved["config"]["net"], len(saved["classes"])
        n_bins = feats["window_samples"] // 2 + 1
        net: Any
        with torch.device("meta"):  # sizes alone, without their memory
            if saved["task"] == "separator":
                net = build_separator(net_config, n_classes, n_bins)
            else:
                net = build_classifier(net_config, n_classes, n_bins, feats["sample_rate"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{best}: not a weaksep checkpoint ({reason}); train again") from None
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return {"parameters": parameters, "temperature": saved.get("temperature")}


def _used_epoch(losses: dict[int, float], optim: Any) -> int | None:
    """The epoch whose weights are in best.pt."""
    if not losses:
        return None
    last = isinstance(optim, dict) and optim.get("keep") == "last"
    return max(losses) if last else min(losses, key=lambda epoch: losses[epoch])


def training_facts(experiment: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Name, supervision, epochs, steps, minutes, best epoch, parameters and mask temperature of a training.

    Args:
        experiment: its folder.
        config: its config.yaml.
    """
    history = []
    if (experiment / "history.jsonl").is_file():
        history = read_history(experiment / "history.jsonl")
    else:
        logger.warning("%s: no history.jsonl, so no epochs and minutes", experiment)
    losses = {row["epoch"]: row["valid"]["loss"] for row in history}
    seconds = [row["seconds"] for row in history]
    optim = config.get("optim")
    return {
        "name": experiment.name,
        "supervision": config.get("supervision"),
        "classifier": config.get("classifier"),
        "joint": config.get("joint"),
        "epochs": history[-1]["epoch"] if history else None,
        "best_epoch": _used_epoch(losses, optim),
        "steps": history[-1]["step"] if history else None,
        "batch_size": optim.get("batch_size") if isinstance(optim, dict) else None,
        "minutes": round(sum(seconds) / 60, 2) if seconds else None,
        **net_facts(experiment / "best.pt"),
    }
