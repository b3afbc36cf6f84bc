"""What the figures share: colours, markers, the order and families of systems, and labels that do not collide.

Colours are Okabe and Ito's ("Color Universal Design", 2008), which the colour-blind can tell apart; markers and lines
differ as well, for print in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
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
OTHER = (GREY, "*", "other")
TRAINED = ("strong", "frame", "clip")
MAX_LINES = 6  # of a panel: as many as there are colours


def series_styles(members: Sequence[System], lead: Sequence[System]) -> list[dict[str, Any]]:
    """Colour, marker and line of each system of a panel: the headline systems look the same in every figure, the
    others take in turn the colours that are left; theirs last, where there is a headline system or an oracle."""
    names = {system["name"] for system in lead}
    taken = {look_of(system)[0] for system in members if system["name"] in names}
    free = [place for place, colour in enumerate(COLOURS) if colour not in taken]
    if taken or oracles(members):
        free.sort(key=lambda place: COLOURS[place] in {SUPERVISIONS[name][0] for name in TRAINED})
    styles, count = [], 0
    for system in members:
        if system["name"] in names:
            place = COLOURS.index(look_of(system)[0])
        else:
            place = free[count % len(free)]
            count += 1
        styles.append({"color": COLOURS[place], "marker": MARKERS[place], "linestyle": LINES[place]})
    return styles


def look_of(system: System) -> tuple[str, str, str]:
    """(colour, marker, words) of a system's supervision."""
    return SUPERVISIONS.get(system["supervision"], OTHER)


def headline(systems: Sequence[System]) -> list[System]:
    """The systems that the comparison is about: strong, frame and clip, each the one of that very name or else the
    first that was trained so."""
    chosen = []
    for supervision in TRAINED:
        trained = [system for system in systems if system["supervision"] == supervision]
        exact = [system for system in trained if system["name"] == f"separator_{supervision}"]
        chosen += (exact or trained)[:1]
    return chosen


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
    rest = [s for s in systems if s["name"] not in names and s["supervision"] != "unprocessed"]
    groups = [("headline systems and oracles", first)]
    for title, kinds in (("frame labels", ["frame"]), ("clip labels", ["clip"])):
        groups.append((title, [system for system in rest if system["supervision"] in kinds]))
    groups.append(("other supervision", [s for s in rest if s["supervision"] not in ("frame", "clip")]))
    panels = []
    for title, members in groups:
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
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    blocks: list[tuple[float, list[int]]] = []  # (centre, members)
    for index in order:
        centre, members = wanted[index], [index]
        while blocks and blocks[-1][0] + gap * (len(blocks[-1][1]) + len(members)) / 2 > centre + 1e-12:
            members = blocks.pop()[1] + members
            centre = sum(wanted[member] for member in members) / len(members)
        blocks.append((centre, members))
    places = [0.0] * len(wanted)
    for centre, members in blocks:
        for rank, member in enumerate(members):
            places[member] = centre + gap * (rank - (len(members) - 1) / 2)
    return places
