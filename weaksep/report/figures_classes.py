"""How SI-SDRi scatters in each class: box plots of the headline systems, a baseline or two, and an oracle."""

from collections.abc import Mapping, Sequence
from typing import Any

from weaksep.report.figures_style import (
    System,
    baselines,
    headline,
    limits_of,
    oracles,
    panels_of,
    series_styles,
)
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


def classes_figure(systems: Sequence[System], scores: Mapping[str, Any]) -> Any | None:
    """A panel a class with a box a system; None when there is no system with scores.

    Args:
        systems: the summary's.
        scores: system name -> rows (``weaksep.report.aggregate.Score``).
    """
    from matplotlib.patches import Patch

    drawn = [system for system in box_systems(systems) if scores.get(system["name"])]
    rows = {system["name"]: scores[system["name"]] for system in drawn}
    names = list(dict.fromkeys(name for system in drawn for name in system["by_class"]))
    gains = {
        name: [[r.si_sdri_db for r in found if r.name == name and r.si_sdri_db is not None] for found in rows.values()]
        for name in names
    }
    if not any(values for by_system in gains.values() for values in by_system):
        return None
    width = max(1.2, 0.36 * len(drawn))
    more = (max(1.0, 5.0 - width * min(5, len(names))), 0.7)
    figure, grid = panels_of(len(names), 5, (width, 2.9), more, "", "SI-SDRi (dB)", sharey=True)
    styles = series_styles(drawn, headline(drawn))
    boxes = {name: [box(values) for values in by_system] for name, by_system in gains.items()}
    # An oracle may leave the panels at the top, and they say how far.
    shown = [b for row in boxes.values() for b, system in zip(row, drawn, strict=True) if system not in oracles(drawn)]
    ends = [value for b in shown if b for value in (b["whislo"], b["whishi"], *b["fliers"])]
    limits = limits_of(ends, 0.05, 0.1) if ends else None
    for axes, name in zip(grid, names, strict=True):
        _panel(axes, boxes[name], styles, limits)
        axes.set_title(f"{name}\nn={max(map(len, gains[name]))}")
    handles = [
        Patch(label=short_name(s["name"]), facecolor=style["color"], alpha=0.6, hatch=hatch, edgecolor="black")
        for s, style, hatch in zip(drawn, styles, _HATCHES, strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _panel(
    axes: Any,
    boxes: Sequence[dict[str, Any]],
    styles: Sequence[dict[str, Any]],
    limits: tuple[float, float] | None,
) -> None:
    axes.axhline(0, color="#BBBBBB", linewidth=0.8)
    if limits is not None:
        axes.set_ylim(limits)
    inside = {"xytext": (0, -2), "textcoords": "offset points", "ha": "center", "va": "top", "fontsize": "x-small"}
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for place, (one, style) in enumerate(zip(boxes, styles, strict=True)):
        if not one:
            continue
        outliers = {"marker": style["marker"], "markersize": 2.5, "markeredgecolor": style["color"]}
        looks = {"medianprops": {"color": "black", "linewidth": 1.4}, "flierprops": outliers}
        parts = axes.bxp([one], positions=[place], widths=0.7, patch_artist=True, **looks)
        parts["boxes"][0].set(facecolor=style["color"], alpha=0.6, hatch=_HATCHES[place])
        if limits is not None and one["whishi"] > limits[1]:
            # The value of the whisker's end, which is not to be seen.
            text = f"\N{UPWARDS ARROW}{one['whishi']:.0f}"
            axes.annotate(text, (place, 1), xycoords=("data", "axes fraction"), bbox=paper, **inside)
    if not any(boxes):
        axes.text(0.5, 0.5, "no pairs", transform=axes.transAxes, ha="center", color="#777777", fontsize="small")
    axes.set(xticks=[], xlim=(-0.7, len(boxes) - 0.3))
    axes.grid(axis="y", alpha=0.3)
