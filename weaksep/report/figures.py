"""The report's figures as PNG and SVG: see figures_systems, figures_classes, figures_training and figures_examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import atomic_path
from weaksep.report.aggregate import OVERLAP_BINS, Score
from weaksep.report.tables import has_references

NEED_REFERENCES = ("si_sdri", "active_classes", "overlap", "classes", "example_good", "example_median", "example_worst")
FORMATS = ("png", "svg")
_DPI = 150
# A fixed salt (and no date, below): the same figures give the same files. White paper in every theme.
_SETTINGS: dict[Any, Any] = {"svg.hashsalt": "weaksep", "savefig.facecolor": "white", "hatch.linewidth": 0.5}


def _draw(
    summary: dict[str, Any],
    scores: Mapping[str, Sequence[Score]],
    histories: Mapping[str, Sequence[dict[str, Any]]],
    expdir: Path | None,
    datadir: Path | None,
) -> dict[str, Any]:
    """Name -> figure, or None where there is nothing to draw."""
    from weaksep.report.figures_classes import classes_figure
    from weaksep.report.figures_examples import example_figures
    from weaksep.report.figures_systems import split_figure, systems_figure
    from weaksep.report.figures_training import training_figure

    systems = summary["systems"]
    counts = sorted({name for system in systems for name in system["by_active_classes"]}, key=int)
    if not has_references(systems):
        return {**dict.fromkeys(NEED_REFERENCES), "training": training_figure(dict(histories))}
    figures = {
        "si_sdri": systems_figure(systems),
        "active_classes": split_figure(systems, "by_active_classes", counts, "active classes in the mixture"),
        "overlap": split_figure(
            systems, "by_overlap", list(OVERLAP_BINS), "share of the class's time in which another class sounds too"
        ),
        "classes": classes_figure(systems, dict(scores)),
        "training": training_figure(dict(histories)),
    }
    if expdir is not None and datadir is not None:
        figures |= example_figures(scores, expdir, datadir / summary["test_set"])
    return figures


def write_figures(
    folder: Path,
    summary: dict[str, Any],
    scores: Mapping[str, Sequence[Score]],
    histories: Mapping[str, Sequence[dict[str, Any]]],
    expdir: Path | None = None,
    datadir: Path | None = None,
) -> list[Path]:
    """Write the figures.

    Args:
        folder: where to; made when needed.
        summary: see ``collect``.
        scores: system name -> rows of its table, in the order of the summary.
        histories: rows of history.jsonl of each training, by the name of its folder.
        expdir: experiments; with ``datadir``, figures of single mixtures are made as well.
        datadir: folder of the sets.

    Returns:
        the files.
    """
    import matplotlib

    written = []
    with matplotlib.rc_context(_SETTINGS):
        for name, figure in _draw(summary, scores, histories, expdir, datadir).items():
            for suffix in FORMATS:
                path = folder / f"{name}.{suffix}"
                if figure is None:
                    path.unlink(missing_ok=True)  # an earlier report's
                    continue
                with atomic_path(path) as temporary:
                    figure.savefig(temporary, dpi=_DPI, metadata={"Date": None} if suffix == "svg" else None)
                figure.set_layout_engine("none")  # the second file is laid out as the first: it takes most of the time
                written.append(path)
    return written
