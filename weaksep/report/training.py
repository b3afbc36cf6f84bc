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
    parts = {f"{split}.loss": row.get(split) for split in ("train", "valid")}
    return wrong + [k for k, part in parts.items() if not (isinstance(part, dict) and finite(part.get("loss")))]


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
        feats = saved["feats"]
        shape = (saved["config"]["net"], len(saved["classes"]), feats["window_samples"] // 2 + 1)
        with torch.device("meta"):  # sizes alone, without their memory
            separates = saved["task"] == "separator"
            net: Any = build_separator(*shape) if separates else build_classifier(*shape, feats["sample_rate"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{best}: not a weaksep checkpoint ({reason}); train again") from None
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return {"parameters": parameters, "temperature": saved.get("temperature")}


def training_facts(experiment: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Name, supervision, epochs, steps, minutes, best epoch, parameters and mask temperature of a training.

    The best epoch is the one whose weights are in best.pt.

    Args:
        experiment: its folder.
        config: its config.yaml.
    """
    path = experiment / "history.jsonl"
    if not path.is_file():
        logger.warning("%s: no history.jsonl, so no epochs and minutes", experiment)
    history = read_history(path) if path.is_file() else []
    last = history[-1] if history else {}
    optim = config["optim"] if isinstance(config.get("optim"), dict) else {}
    best = last if optim.get("keep") == "last" else min(history, key=lambda row: row["valid"]["loss"], default=last)
    return {
        "name": experiment.name,
        **{key: config.get(key) for key in ("supervision", "classifier", "joint")},
        "epochs": last.get("epoch"),
        "best_epoch": best.get("epoch"),
        "steps": last.get("step"),
        "batch_size": optim.get("batch_size"),
        "minutes": round(sum(row["seconds"] for row in history) / 60, 2) if history else None,
        **net_facts(experiment / "best.pt"),
    }
