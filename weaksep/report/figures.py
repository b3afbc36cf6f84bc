"""Figures of a report: SI-SDRi by system and by number of active classes, and the course of every training.

Colours are Okabe and Ito's, which the colour-blind can tell apart; markers differ as well, for print in grey.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import atomic_path

logger = logging.getLogger(__name__)

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777")
MARKERS = "osD^vP*X"
FORMATS = ("png", "svg")


def _style(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def _systems_figure(systems: Sequence[dict[str, Any]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    names = [system["name"] for system in systems]
    for index, system in enumerate(systems):
        overall = system["si_sdri_db"]
        if overall["mean"] is None:
            continue
        low, high = overall["ci95"]
        errors = [[overall["mean"] - low], [high - overall["mean"]]]
        left.barh(index, overall["mean"], xerr=errors, color=_style(index)["color"], alpha=0.85, capsize=3)
        left.plot(overall["median"], index, "|", color="black", markersize=14)
        points = {int(count): figures["mean"] for count, figures in system["by_active_classes"].items()}
        right.plot(list(points), list(points.values()), label=system["name"], **_style(index))
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.set_xlabel("SI-SDRi, mean with 95 % interval, median | (dB)")
    right.set_xlabel("active classes in the mixture")
    right.set_ylabel("SI-SDRi, mean (dB)")
    right.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return figure


def _training_figure(histories: dict[str, list[dict[str, Any]]]) -> Any:
    from matplotlib.figure import Figure

    columns = min(3, len(histories))
    rows = -(-len(histories) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes, (name, history) in zip(grid, histories.items(), strict=False):
        epochs = [row["epoch"] for row in history]
        for index, split in enumerate(("train", "valid")):
            losses = [row[split]["loss"] for row in history]
            axes.plot(epochs, losses, label=split, markersize=3, **_style(index))
        axes.set_title(name, fontsize="medium")
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    grid[0].set_ylabel("loss")
    grid[0].legend(fontsize="small")
    for axes in grid[len(histories) :]:
        axes.set_axis_off()
    return figure


def write_figures(
    folder: Path, systems: Sequence[dict[str, Any]], histories: dict[str, list[dict[str, Any]]]
) -> list[Path]:
    """Write the figures as PNG and SVG; none without matplotlib, and the log says so.

    Args:
        folder: exp/report.
        systems: the summary's.
        histories: rows of history.jsonl of each training, by the name of its folder.

    Returns:
        the files.
    """
    try:
        import matplotlib
    except ImportError:
        logger.warning("no figures without matplotlib: pip install 'weaksep[report]'")
        return []
    # A fixed salt and no date: the same figures give the same files.
    matplotlib.rcParams["svg.hashsalt"] = "weaksep"
    figures = {"si_sdri": _systems_figure(systems)}
    if histories:
        figures["training"] = _training_figure(histories)
    written = []
    for name, figure in figures.items():
        for suffix in FORMATS:
            path = folder / f"{name}.{suffix}"
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
            written.append(path)
    return written
