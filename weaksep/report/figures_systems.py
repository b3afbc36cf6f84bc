"""Figures of all systems: SI-SDRi of each, and SI-SDRi by a property of the mixture in small panels of a few lines."""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby, pairwise
from typing import Any

from weaksep.report.figures_style import (
    GREY,
    SUPERVISIONS,
    System,
    families,
    headline,
    limits_of,
    panels_of,
    series_styles,
    spread,
)
from weaksep.report.systems import short_name

_ROW_INCHES = 0.22
_BEHIND = {"color": "#AAAAAA", "marker": "", "linestyle": "-"}


def systems_figure(systems: Sequence[System]) -> Any | None:
    """Mean with its 95 % interval and median of every system, in groups of one supervision; None without a mean."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    groups = [list(members) for _, members in groupby(systems, key=lambda system: system["supervision"])]
    # Half a row is left between two groups.
    rows = [(system, n / 2) for n, members in enumerate(groups) for system in members]
    places = [place + skipped for place, (_, skipped) in enumerate(rows)]
    height = len(rows) + (len(groups) - 1) / 2
    drawn = [(place, s) for place, (s, _) in zip(places, rows, strict=True) if s["si_sdri_db"]["mean"] is not None]
    if not drawn:
        return None
    figure = Figure(figsize=(7.5, 1.5 + _ROW_INCHES * height), layout="constrained")
    axes = figure.subplots()
    beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": "small"}
    for place, system in drawn:
        overall, (colour, marker, _) = system["si_sdri_db"], SUPERVISIONS[system["supervision"]]
        if None not in overall["ci95"]:
            axes.plot(overall["ci95"], [place] * 2, color=colour, linewidth=2.5, alpha=0.45, solid_capstyle="butt")
        axes.plot(overall["mean"], place, marker, color=colour, markersize=6)
        axes.plot(overall["median"], place, "|", color="black", markersize=9, markeredgewidth=1.4)
        axes.annotate(f"{overall['mean']:.1f}", (1.01, place), **beside)
    for one, other in pairwise(places):
        if other - one > 1:
            axes.axhline(one + 0.75, color="#DDDDDD", linewidth=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(places, [short_name(system["name"]) for system, _ in rows])
    axes.set(ylim=(height - 0.3, -0.7), xlabel="SI-SDRi (dB); the mean stands at the right")
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="y", length=0)
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=2.5, alpha=0.8, label=words)
        for colour, marker, words in dict.fromkeys(SUPERVISIONS[system["supervision"]] for _, system in drawn)
    ]
    handles.append(Line2D([], [], color="black", marker="|", linestyle="", markersize=9, label="median"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, title="mean and its 95 % interval")
    return figure


def split_figure(systems: Sequence[System], key: str, bins: Sequence[str], xlabel: str) -> Any | None:
    """Mean SI-SDRi by ``key`` of the summary in panels of one family each; None when there is nothing to draw.

    Args:
        systems: the summary's.
        key: "by_active_classes" or "by_overlap".
        bins: names of its entries, from left to right.
        xlabel: what they are.
    """
    counts = {name: max((s[key].get(name, {}).get("n") or 0 for s in systems), default=0) for name in bins}
    counts = {name: count for name, count in counts.items() if count}
    panels, reference = families(systems), headline(systems)
    if not counts or not panels:
        return None
    figure, grid = panels_of(len(panels), 2, (5.6, 2.7), (0, 0.6), xlabel, "SI-SDRi, mean (dB)")
    for axes, (title, members) in zip(grid, panels, strict=True):
        # Oracles lie far above the rest: their panel has its own scale, all others share one.
        lead = axes is grid[0]
        others = [*reference, *(system for _, more in panels[1:] for system in more)]
        means = [mean for system in (members if lead else others) for mean in _means(system, key, counts).values()]
        limits = limits_of(means or [0.0], 0.06, 0.06)
        styled = list(zip(members, series_styles(members, headline(members)), strict=True))
        _panel(axes, [*((s, _BEHIND) for s in ([] if lead else reference)), *styled], key, counts, limits)
        axes.set_title(title, fontsize="medium", loc="left")
        axes.set_xticks(range(len(counts)), [f"{name}\nn={n}" for name, n in counts.items()])
    return figure


def _means(system: System, key: str, bins: Iterable[str]) -> dict[int, float]:
    """Place -> mean, of the bins that have one."""
    means = {place: system[key].get(name, {}).get("mean") for place, name in enumerate(bins)}
    return {place: mean for place, mean in means.items() if mean is not None}


def _panel(
    axes: Any,
    styled: Sequence[tuple[System, dict[str, Any]]],
    key: str,
    bins: Collection[str],
    limits: tuple[float, float],
) -> None:
    """Lines of one family with their names at the right; the headline systems in grey behind."""
    axes.axhline(0, color="#BBBBBB", linewidth=0.8)
    lines = [(list(_means(system, key, bins).items()), short_name(system["name"]), style) for system, style in styled]
    lines = [line for line in lines if line[0]]
    for points, _, style in lines:
        axes.plot(*zip(*points, strict=True), markersize=4.5, linewidth=1.3, **style)
    axes.set(ylim=limits, xlim=(-0.25, len(bins) - 0.75))
    # A label's height in dB: a panel is about 2 inches high, a small letter 0.13.
    places = spread([points[-1][1] for points, *_ in lines], 0.075 * (limits[1] - limits[0]))
    at_side: dict[str, Any] = {"xycoords": "data", "textcoords": ("axes fraction", "data"), "annotation_clip": False}
    for place, (points, name, style) in zip(places, lines, strict=True):
        leader = {"arrowstyle": "-", "color": style["color"], "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
        axes.annotate("", points[-1], xytext=(1.035, place), arrowprops=leader, **at_side)
        ink = "#777777" if style is _BEHIND else "black"
        axes.annotate(name, points[-1], xytext=(1.06, place), va="center", fontsize="small", color=ink, **at_side)
        mark = {**style, "linestyle": "", "markersize": 4.5, "clip_on": False}
        axes.plot(1.035, place, transform=axes.get_yaxis_transform(), **mark)
    axes.grid(alpha=0.25)
