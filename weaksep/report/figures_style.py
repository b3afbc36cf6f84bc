"""What the figures share: colours, markers, the order and families of systems, and labels that do not collide.

Colours are Okabe and Ito's ("Color Universal Design", 2008), which the colour-blind can tell apart; markers and lines
differ as well, for print in grey.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

System = dict[str, Any]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osDvP^"
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
GREY = "#777777"
# One look for each kind of supervision, in every figure: (colour, marker, words of the legend).
SUPERVISIONS: dict[str, tuple[str, str, str]] = {
    "unprocessed": ("#000000", "x", "not separated"),
    "clip": ("#D55E00", "s", "clip labels"),
    "frame": ("#0072B2", "o", "frame labels"),
    "mixed": ("#CC79A7", "v", "frame and clip labels"),
    "semi": ("#E69F00", "P", "weak labels and some sources"),
    "strong": ("#009E73", "D", "isolated sources"),
    "oracle": (GREY, "^", "oracle masks"),
}
TRAINED = ("strong", "frame", "clip")
MAX_LINES = 6  # of a panel: as many as there are colours


def panels_of(
    n: int, columns: int, size: tuple[float, float], more: tuple[float, float], xlabel: str, ylabel: str, **options: Any
) -> tuple[Any, Any]:
    """A figure with a grid of ``n`` panels, labelled at its left and lower edges, and the axes (n,).

    Args:
        n: number of panels.
        columns: of the grid, at most.
        size: width and height of a panel, inches.
        more: width and height of what is around them.
        xlabel, ylabel: of the panels at the edges.
        options: of ``Figure.subplots``.
    """
    from matplotlib.figure import Figure

    columns = min(columns, n)
    rows = -(-n // columns)
    figure = Figure(figsize=(size[0] * columns + more[0], size[1] * rows + more[1]), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **options).flatten()
    for axes in grid[n:]:
        axes.set_axis_off()
    for axes in grid[:n:columns]:
        axes.set_ylabel(ylabel)
    for axes in grid[max(0, n - columns) : n]:
        axes.set_xlabel(xlabel)
    return figure, grid[:n]


def limits_of(values: Sequence[float], below: float, above: float) -> tuple[float, float]:
    """Limits of an axis of SI-SDRi: the values, 0 and 1 dB, and margins as shares of their range."""
    low, high = min(0.0, *values), max(1.0, *values)
    return low - below * (high - low), high + above * (high - low)


def series_styles(members: Sequence[System], lead: Sequence[System]) -> list[dict[str, Any]]:
    """Colour, marker and line of each system of a panel: the headline systems look the same in every figure, the
    others take in turn the colours that are left; theirs last, where there is a headline system or an oracle."""
    names = {system["name"] for system in lead}
    taken = {SUPERVISIONS[system["supervision"]][0] for system in members if system["name"] in names}
    reserved = {SUPERVISIONS[name][0] for name in TRAINED} if taken or oracles(members) else set()
    free = [place for place, colour in enumerate(COLOURS) if colour not in taken]
    turn = cycle(sorted(free, key=lambda place: COLOURS[place] in reserved))
    places = [COLOURS.index(SUPERVISIONS[s["supervision"]][0]) if s["name"] in names else next(turn) for s in members]
    return [{"color": COLOURS[place], "marker": MARKERS[place], "linestyle": LINES[place]} for place in places]


def headline(systems: Sequence[System]) -> list[System]:
    """The systems that the comparison is about: strong, frame and clip, of each the first (``system_order``), which is
    the one of that very name if there is one."""
    first = {system["supervision"]: system for system in reversed(systems)}
    return [first[supervision] for supervision in TRAINED if supervision in first]


def oracles(systems: Sequence[System]) -> list[System]:
    """The oracle masks."""
    return [system for system in systems if system["supervision"] == "oracle"]


def baselines(systems: Sequence[System]) -> list[System]:
    """Trained systems that are marked for the headline without being the main one of their labels."""
    names = {system["name"] for system in (*headline(systems), *oracles(systems))}
    marked = [system for system in systems if system.get("headline") and system["name"] not in names]
    return [system for system in marked if system["supervision"] in TRAINED]


def families(systems: Sequence[System]) -> list[tuple[str, list[System]]]:
    """Every system once, in panels of at most ``MAX_LINES``: headline and oracles, frame, clip, and all others."""
    first = [*headline(systems), *oracles(systems)]
    names = {system["name"] for system in first}
    groups: dict[str, list[System]] = {"headline systems and oracles": first}
    groups |= {title: [] for title in ("frame labels", "clip labels", "other supervision")}
    for system in systems:
        if system["name"] not in names and system["supervision"] != "unprocessed":
            title = f"{system['supervision']} labels"
            groups[title if title in groups else "other supervision"].append(system)
    panels = []
    for title, members in groups.items():
        parts = -(-len(members) // MAX_LINES)
        for part in range(parts):
            # As even as can be: 8 are 4 and 4, not 6 and 2.
            cut = members[part * len(members) // parts : (part + 1) * len(members) // parts]
            panels.append((title if parts == 1 else f"{title} ({part + 1} of {parts})", cut))
    return panels


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places for labels near their wanted ones, in the same order, at least ``gap`` apart.

    Labels that would touch form a block, which is centred on the mean of what its members want.

    >>> spread([0.0, 0.0, 5.0], 1.0)
    [-0.5, 0.5, 5.0]
    """
    blocks: list[tuple[float, list[int]]] = []  # (centre, members)
    for index in sorted(range(len(wanted)), key=lambda index: (wanted[index], index)):
        centre, members = wanted[index], [index]
        while blocks and blocks[-1][0] + gap * (len(blocks[-1][1]) + len(members)) / 2 > centre + 1e-12:
            members = blocks.pop()[1] + members
            centre = sum(wanted[member] for member in members) / len(members)
        blocks.append((centre, members))
    places = {k: centre + gap * (i - (len(ks) - 1) / 2) for centre, ks in blocks for i, k in enumerate(ks)}
    return [places[index] for index in range(len(wanted))]
