"""The report's figures as PNG and SVG; see figures_systems, figures_classes and figures_examples too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import atomic_path
from weaksep.report.aggregate import OVERLAP_BINS, Score
from weaksep.report.examples import KINDS
from weaksep.report.figures_style import COLOURS, GREY, panels_of
from weaksep.report.systems import short_name
from weaksep.report.tables import has_references

NAMES = ("si_sdri", "active_classes", "overlap", "classes", "training", *(f"example_{kind}" for kind in KINDS))
FORMATS = ("png", "svg")
_DPI = 150
# A fixed salt (and no date, below): the same figures give the same files. White paper in every theme.
_SETTINGS: dict[Any, Any] = {
    **{"svg.hashsalt": "weaksep", "savefig.facecolor": "white", "hatch.linewidth": 0.5},
    **dict.fromkeys(("axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"), "small"),
    **{"legend.fontsize": "small", "figure.titlesize": "small"},
}
_FEW = 9  # trainings: up to so many panels are drawn larger

Histories = Mapping[str, Sequence[dict[str, Any]]]


def training_figure(histories: Histories) -> Any | None:
    """The course of every training that has an epoch, a panel each: training and validation loss; None when none has.

    Args:
        histories: rows of history.jsonl of each training, by the name of its folder.
    """
    trainings = {name: history for name, history in histories.items() if history}
    if not trainings:
        return None
    columns, size = (3, (3.3, 2.3)) if len(trainings) <= _FEW else (5, (2.15, 1.55))
    figure, grid = panels_of(len(trainings), columns, size, (0.4, 0.6), "epoch", "loss")
    for axes, (name, history) in zip(grid, trainings.items(), strict=True):
        epochs = [row["epoch"] for row in history]
        losses = {split: [row[split]["loss"] for row in history] for split in ("train", "valid")}
        few = {"markersize": 3, "markevery": max(1, len(epochs) // 8)}
        axes.plot(epochs, losses["train"], "--", marker="o", color=COLOURS[0], label="train", **few)
        axes.plot(epochs, losses["valid"], "-", marker="s", color=COLOURS[1], label="valid", **few)
        best = epochs[losses["valid"].index(min(losses["valid"]))]
        axes.axvline(best, color=GREY, linewidth=0.9, linestyle=":", label="best epoch (valid)")
        axes.set(title=short_name(name), ylim=(min(0.0, *losses["train"], *losses["valid"]), None))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize="x-small")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _draw(
    summary: dict[str, Any],
    scores: Mapping[str, Sequence[Score]],
    histories: Histories,
    expdir: Path,
    datadir: Path,
) -> dict[str, Any]:
    """Name -> figure, or None where there is nothing to draw."""
    from weaksep.report.figures_classes import classes_figure
    from weaksep.report.figures_examples import example_figures
    from weaksep.report.figures_systems import split_figure, systems_figure

    systems, figures = summary["systems"], {"training": training_figure(histories)}
    if not has_references(systems):
        return figures
    counts = sorted({name for system in systems for name in system["by_active_classes"]}, key=int)
    bins, share = list(OVERLAP_BINS), "share of the class's time in which another class sounds too"
    return figures | {
        "si_sdri": systems_figure(systems),
        "active_classes": split_figure(systems, "by_active_classes", counts, "active classes in the mixture"),
        "overlap": split_figure(systems, "by_overlap", bins, share),
        "classes": classes_figure(systems, scores),
        **example_figures(scores, expdir, datadir / summary["test_set"]),
    }


def write_figures(
    folder: Path,
    summary: dict[str, Any],
    scores: Mapping[str, Sequence[Score]],
    histories: Histories,
    expdir: Path,
    datadir: Path,
) -> list[Path]:
    """Write the figures; those of an earlier report that are none any more go.

    Args:
        folder: where to; made when needed.
        summary: see ``collect``.
        scores: system name -> rows of its table, in the order of the summary.
        histories: rows of history.jsonl of each training, by the name of its folder.
        expdir: experiments, for separated audio.
        datadir: folder of the sets, for mixtures and references.

    Returns:
        the files.
    """
    import matplotlib

    written = []
    with matplotlib.rc_context(_SETTINGS):
        figures = _draw(summary, scores, histories, expdir, datadir)
        for path in (folder / f"{name}.{suffix}" for name in NAMES for suffix in FORMATS):
            figure = figures.get(path.stem)
            if figure is None:
                continue
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=_DPI, metadata={"Date": None} if path.suffix == ".svg" else None)
            figure.set_layout_engine("none")  # the second file is laid out as the first: it takes most of the time
            written.append(path)
    return written
