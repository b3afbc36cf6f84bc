"""How SI-SDRi scatters in each class: box plots of the headline systems, a baseline or two, and an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weaksep.report.figures_style import System, baselines, headline, oracles, series_styles
from weaksep.report.systems import short_name

_MAX_SYSTEMS = 6
_OUTLIERS = 8  # drawn of each tail
# Beside the colours, for print in grey.
_HATCHES = ("", "////", "....", "xxxx", "----", "\\\\\\\\")


def box_systems(systems: Sequence[System]) -> list[System]:
    """At most six: the headline systems, baselines, and the oracle ratio mask (or the first oracle)."""
    oracle = [system for system in oracles(systems) if system["name"] == "oracle_irm"] or oracles(systems)
    lead = headline(systems)
    return [*lead, *baselines(systems)[: _MAX_SYSTEMS - len(lead) - len(oracle[:1])], *oracle[:1]]


def box(values: Sequence[float]) -> dict[str, Any]:
    """Statistics of one box for ``Axes.bxp``: quartiles, whiskers from the 5th to the 95th percentile, and of what lies
    beyond them at most eight on each side, evenly taken, the most extreme among them. Empty for no values."""
    import numpy as np

    if not values:
        return {}
    data = np.sort(np.asarray(values, dtype=np.float64))
    low, first, median, third, high = np.percentile(data, (5, 25, 50, 75, 95))
    outliers: list[float] = []
    for tail in (data[data < low], data[data > high][::-1]):
        chosen = np.unique(np.linspace(0, tail.size - 1, min(_OUTLIERS, tail.size)).round().astype(int))
        outliers += tail[chosen].tolist()
    return {"med": median, "q1": first, "q3": third, "whislo": low, "whishi": high, "fliers": outliers}


def classes_figure(systems: Sequence[System], scores: dict[str, Any]) -> Any | None:
    """A panel a class with a box a system; None when there is no system with scores.

    Args:
        systems: the summary's.
        scores: system name -> rows (``weaksep.report.aggregate.Score``).
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    shown = [system for system in box_systems(systems) if scores.get(system["name"])]
    gains: dict[str, dict[str, list[float]]] = {}
    for system in shown:
        for row in scores[system["name"]]:
            values = gains.setdefault(row.name, {}).setdefault(system["name"], [])
            if row.si_sdri_db is not None:
                values.append(row.si_sdri_db)
    if not any(values for by_system in gains.values() for values in by_system.values()):
        return None
    order = dict.fromkeys(name for system in systems for name in system.get("by_class", {}) if name in gains)
    names = [*order, *sorted(set(gains) - set(order))]
    columns = min(5, len(names))
    rows = -(-len(names) // columns)
    width = max(1.2, 0.36 * len(shown))
    figure = Figure(figsize=(max(5.0, width * columns + 1), 2.9 * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    styles = series_styles(shown, headline(shown))
    boxes = {name: [box(gains[name].get(system["name"], [])) for system in shown] for name in names}
    limits = _limits([b for row in boxes.values() for b, s in zip(row, shown, strict=True) if s not in oracles(shown)])
    for place, (axes, name) in enumerate(zip(grid, names, strict=False)):
        _panel(axes, boxes[name], styles, limits)
        count = max(len(values) for values in gains[name].values())
        axes.set_title(f"{name}\nn={count}", fontsize="small")
        axes.tick_params(labelsize="small")
        if place % columns == 0:
            axes.set_ylabel("SI-SDRi (dB)", fontsize="small")
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    handles = []
    for place, (system, style) in enumerate(zip(shown, styles, strict=True)):
        fill = {"facecolor": style["color"], "alpha": 0.6, "hatch": _HATCHES[place], "edgecolor": "black"}
        handles.append(Patch(label=short_name(system["name"]), **fill))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize="small")
    return figure


def _limits(boxes: Sequence[dict[str, Any]]) -> tuple[float, float] | None:
    """Range of what is drawn of these boxes; an oracle may leave it at the top, and the panel says how far."""
    ends = [value for b in boxes if b for value in (b["whislo"], b["whishi"], *b["fliers"])]
    if not ends:
        return None
    low, high = min(0.0, *ends), max(1.0, *ends)
    return low - 0.05 * (high - low), high + 0.1 * (high - low)


def _panel(
    axes: Any,
    boxes: Sequence[dict[str, Any]],
    styles: Sequence[dict[str, Any]],
    limits: tuple[float, float] | None,
) -> None:
    axes.axhline(0, color="#BBBBBB", linewidth=0.8)
    if limits is not None:
        axes.set_ylim(limits)
    for place, (one, style) in enumerate(zip(boxes, styles, strict=True)):
        if not one:
            continue
        outliers = {"marker": style["marker"], "markersize": 2.5, "markeredgecolor": style["color"]}
        middle = {"color": "black", "linewidth": 1.4}
        parts = axes.bxp(
            [one], positions=[place], widths=0.7, patch_artist=True, medianprops=middle, flierprops=outliers
        )
        parts["boxes"][0].set(facecolor=style["color"], alpha=0.6, hatch=_HATCHES[place])
        if limits is not None and one["whishi"] > limits[1]:
            # The value of the whisker's end, which is not to be seen.
            axes.annotate(
                f"\N{UPWARDS ARROW}{one['whishi']:.0f}",
                (place, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, -2),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize="x-small",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )
    if not any(boxes):
        axes.text(0.5, 0.5, "no pairs", transform=axes.transAxes, ha="center", color="#777777", fontsize="small")
    axes.set_xticks([])
    axes.set_xlim(-0.7, len(boxes) - 0.3)
    axes.grid(axis="y", alpha=0.3)
