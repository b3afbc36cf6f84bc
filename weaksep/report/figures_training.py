"""The course of every training: loss by epoch, a small panel each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weaksep.report.figures_style import COLOURS, GREY
from weaksep.report.systems import short_name

History = Sequence[dict[str, Any]]
_FEW = 9  # up to so many panels are drawn larger


def training_figure(histories: dict[str, Any]) -> Any | None:
    """Training and validation loss of each training that has an epoch; None when none has."""
    from matplotlib.figure import Figure

    trainings = {name: history for name, history in histories.items() if history}
    if not trainings:
        return None
    few = len(trainings) <= _FEW
    columns = min(3 if few else 5, len(trainings))
    rows = -(-len(trainings) // columns)
    width, height = (3.3, 2.3) if few else (2.15, 1.55)
    figure = Figure(figsize=(width * columns + 0.4, height * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for place, (axes, (name, history)) in enumerate(zip(grid, trainings.items(), strict=False)):
        _panel(axes, history)
        axes.set_title(short_name(name), fontsize="small")
        axes.tick_params(labelsize="x-small")
        if place % columns == 0:
            axes.set_ylabel("loss", fontsize="small")
        if place >= len(trainings) - columns:
            axes.set_xlabel("epoch", fontsize="small")
    for axes in grid[len(trainings) :]:
        axes.set_axis_off()
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="small")
    return figure


def _panel(axes: Any, history: History) -> None:
    epochs = [row["epoch"] for row in history]
    sparse = max(1, len(epochs) // 8)
    losses: dict[str, list[float]] = {}
    for split, marker, line, colour in (("train", "o", "--", COLOURS[0]), ("valid", "s", "-", COLOURS[1])):
        losses[split] = [row[split]["loss"] for row in history]
        axes.plot(
            epochs, losses[split], line, marker=marker, color=colour, markersize=3, markevery=sparse, label=split
        )
    best = min(range(len(epochs)), key=lambda place: losses["valid"][place])
    axes.axvline(epochs[best], color=GREY, linewidth=0.9, linestyle=":", label="best epoch (valid)")
    axes.set_ylim(bottom=min(0.0, *losses["train"], *losses["valid"]))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
