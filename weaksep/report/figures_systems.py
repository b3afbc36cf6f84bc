"""Figures of all systems: SI-SDRi of each, and SI-SDRi by a property of the mixture in small panels of a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from weaksep.report.figures_style import (
    GREY,
    OTHER,
    SUPERVISIONS,
    System,
    families,
    headline,
    look_of,
    series_styles,
    spread,
)
from weaksep.report.systems import short_name

_ROW_INCHES = 0.22


def systems_figure(systems: Sequence[System]) -> Any | None:
    """Mean with its 95 % interval and median of every system, in groups of one supervision; None without a mean."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows: list[tuple[float, System]] = []
    edges = []
    y = 0.0
    for _, members in groupby(systems, key=lambda system: system["supervision"]):
        if rows:
            edges.append(y - 0.25)
            y += 0.5
        for system in members:
            rows.append((y, system))
            y += 1
    drawn = [(place, system) for place, system in rows if system["si_sdri_db"]["mean"] is not None]
    if not drawn:
        return None
    figure = Figure(figsize=(7.5, 1.5 + _ROW_INCHES * y), layout="constrained")
    axes = figure.subplots()
    for place, system in drawn:
        overall = system["si_sdri_db"]
        colour, marker, _ = look_of(system)
        low, high = overall["ci95"]
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=colour, linewidth=2.5, alpha=0.45, solid_capstyle="butt")
        axes.plot(overall["mean"], place, marker, color=colour, markersize=6)
        axes.plot(overall["median"], place, "|", color="black", markersize=9, markeredgewidth=1.4)
        axes.annotate(
            f"{overall['mean']:.1f}", (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize="small"
        )
    for edge in edges:
        axes.axhline(edge, color="#DDDDDD", linewidth=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks([place for place, _ in rows], [short_name(system["name"]) for _, system in rows])
    axes.set_ylim(y - 0.3, -0.7)
    axes.set_xlabel("SI-SDRi (dB); the mean stands at the right")
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="y", length=0, labelsize="small")
    there = dict.fromkeys(system["supervision"] for _, system in drawn)
    handles = []
    for supervision in there:
        colour, marker, words = SUPERVISIONS.get(supervision, OTHER)
        handles.append(Line2D([], [], color=colour, marker=marker, linewidth=2.5, alpha=0.8, label=words))
    handles.append(Line2D([], [], color="black", marker="|", linestyle="", markersize=9, label="median"))
    title = "mean and its 95 % interval"
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize="small", title=title)
    return figure


def split_figure(systems: Sequence[System], key: str, bins: Sequence[str], xlabel: str) -> Any | None:
    """Mean SI-SDRi by ``key`` of the summary in panels of one family each; None when there is nothing to draw.

    Args:
        systems: the summary's.
        key: "by_active_classes" or "by_overlap".
        bins: names of its entries, from left to right.
        xlabel: what they are.
    """
    from matplotlib.figure import Figure

    counts = [max([s[key].get(name, {}).get("n") or 0 for s in systems], default=0) for name in bins]
    bins = [name for name, count in zip(bins, counts, strict=True) if count]
    counts = [count for count in counts if count]
    panels = families(systems)
    if not bins or not panels:
        return None
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(5.6 * columns, 2.7 * lines + 0.6), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).flatten()
    reference = headline(systems)
    # Oracles lie far above the rest: their panel has its own scale, all others share one.
    shared = _limits([*reference, *(system for _, members in panels[1:] for system in members)], key, bins)
    for index, (axes, (title, members)) in enumerate(zip(grid, panels, strict=False)):
        lead = index == 0
        limits = _limits(members, key, bins) if lead else shared
        _panel(axes, members, [] if lead else reference, key, bins, limits)
        axes.set_title(title, fontsize="medium", loc="left")
        axes.set_xticks(range(len(bins)), [f"{name}\nn={n}" for name, n in zip(bins, counts, strict=True)])
        axes.tick_params(labelsize="small")
        if index % columns == 0:
            axes.set_ylabel("SI-SDRi, mean (dB)", fontsize="small")
        if index >= len(panels) - columns:
            axes.set_xlabel(xlabel, fontsize="small")
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _values(system: System, key: str, bins: Sequence[str]) -> tuple[list[int], list[float]]:
    """(places, means) of the bins that have a mean."""
    means = [(place, system[key].get(name, {}).get("mean")) for place, name in enumerate(bins)]
    there = [(place, mean) for place, mean in means if mean is not None]
    return [place for place, _ in there], [mean for _, mean in there]


def _limits(systems: Sequence[System], key: str, bins: Sequence[str]) -> tuple[float, float]:
    values = [mean for system in systems for mean in _values(system, key, bins)[1]] or [0.0]
    low, high = min(0.0, *values), max(1.0, *values)
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def _panel(
    axes: Any,
    members: Sequence[System],
    reference: Sequence[System],
    key: str,
    bins: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """Lines of one family with their names at the right; the headline systems in grey behind."""
    axes.axhline(0, color="#BBBBBB", linewidth=0.8)
    labels: list[tuple[float, int, str, dict[str, Any]]] = []
    grey = {"color": "#AAAAAA", "marker": "", "linestyle": "-"}
    styled = [(system, grey) for system in reference]
    styled += zip(members, series_styles(members, headline(members)), strict=True)
    for system, style in styled:
        places, means = _values(system, key, bins)
        if not places:
            continue
        axes.plot(places, means, markersize=4.5, linewidth=1.3, **style)
        labels.append((means[-1], places[-1], short_name(system["name"]), style))
    axes.set_ylim(limits)
    axes.set_xlim(-0.25, len(bins) - 0.75)
    # A label's height in dB: a panel is about 2 inches high, a small letter 0.13.
    gap = 0.075 * (limits[1] - limits[0])
    for place, (value, last, name, style) in zip(spread([label[0] for label in labels], gap), labels, strict=True):
        at_side = {"xycoords": "data", "textcoords": ("axes fraction", "data"), "annotation_clip": False}
        leader = {"arrowstyle": "-", "color": style["color"], "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
        axes.annotate("", (last, value), xytext=(1.035, place), arrowprops=leader, **at_side)
        ink = "#777777" if style is grey else "black"
        axes.annotate(name, (last, value), xytext=(1.06, place), va="center", fontsize="small", color=ink, **at_side)
        mark = {**style, "linestyle": "", "markersize": 4.5, "clip_on": False}
        axes.plot(1.035, place, transform=axes.get_yaxis_transform(), **mark)
    axes.grid(alpha=0.25)
