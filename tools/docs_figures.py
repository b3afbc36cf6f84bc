"""The two figures of the site, as SVG: which folder of weaksep imports which, and what mini_urban has come to.

``python tools/docs_figures.py`` writes docs/img; test/docs/test_figures.py fails where they are out of date. The first
is drawn from the code's own imports and the floors of test/test_floors.py, the second from the results.json files that
are committed. Nothing in them depends on the machine.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/img"
INK, PALE, LINE = "#263238", "#eceff1", "#90a4ae"
COLOURS = {4: "#5e35b1", 3: "#00796b", 2: "#e65100", 1: "#1565c0", 0: "#455a64"}  # by the floor that imports
# From left to right, so that most lines are short.
ROWS = {
    4: ["bin"],
    3: ["upkeep", "report", "score", "infer", "train"],
    2: ["corpora", "mixtures", "recordings", "metrics", "feats", "nets", "losses"],
    1: ["jobs"],
    0: ["fileio", "signal"],
}
SYSTEMS = {  # of which results.json, label, colour
    "clip": ("", "clip labels (clip)", "#80cbc4"),
    "frame": ("", "frame labels (frame)", "#80cbc4"),
    "strong": ("", "isolated sources (strong)", "#b0bec5"),
    "remix": ("results/remix/", "clip labels, remixed (remix)", "#26a69a"),
    "strong_remix": ("results/remix/", "sources, remixed (strong_remix)", "#b0bec5"),
    "oracle_irm": ("", "ideal ratio mask (an oracle)", "#eceff1"),
}


def floors() -> ModuleType:
    """test/test_floors.py, which knows the floors and finds the imports."""
    spec = importlib.util.spec_from_file_location("floors_of_weaksep", ROOT / "test/test_floors.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def imports(rules: ModuleType) -> Counter[tuple[str, str]]:
    """How many modules of one folder import from another."""
    modules = rules.modules_of(ROOT / "weaksep")
    edges: Counter[tuple[str, str]] = Counter()
    for name, file in modules.items():
        folder = name.split(".")[1] if "." in name else ""
        others = {target.split(".")[1] for _, target in rules.imports_of(name, file, modules) if "." in target}
        edges.update((folder, other) for other in others - {folder} if folder)
    return edges


def text(x: float, y: float, words: str, **more: str) -> str:
    """A line of text; ``more`` are attributes, with _ for -."""
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<text x="{x:g}" y="{y:g}"{attributes}>{words}</text>'


def svg(width: int, height: int, title: str, parts: list[str]) -> str:
    """A whole picture on white, which dark pages leave white."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img"'
    style = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">'
    ground = f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>'
    return "\n".join([f"{head} {style}", f"<title>{title}</title>", ground, *parts, "</svg>"]) + "\n"


def architecture() -> str:
    """The folders on their floors, and a line for each import between two of them."""
    rules = floors()
    edges = imports(rules)
    drawn = {name: floor for floor, names in ROWS.items() for name in names}
    missing = {name: floor for name, floor in rules.FLOORS.items() if floor >= 0} != drawn
    assert not missing, "ROWS in tools/docs_figures.py has other folders than FLOORS in test/test_floors.py"
    width, step, high = 900, 104, 40
    place = {}
    for floor, names in ROWS.items():
        wide = (width - 90) / len(names)
        for column, name in enumerate(names):
            place[name] = (80 + wide * (column + 0.5), 36 + step * (4 - floor))
    parts = []
    for floor in ROWS:
        level = 36 + step * (4 - floor)
        parts.append(f'<rect x="70" y="{level - 30}" width="{width - 80}" height="60" rx="4" fill="{PALE}"/>')
        parts.append(text(12, level + 4, f"floor {floor}"))
    for (source, target), count in sorted(edges.items()):
        if target not in place:
            continue  # errors and seeding, which all may import
        (x, below), (to_x, above) = place[source], place[target]
        y, to_y = below + high / 2, above - high / 2
        bend = (to_y - y) / 2
        curve = f"M{x:.0f} {y:.0f} C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"
        stroke = f'stroke="{COLOURS[drawn[source]]}" stroke-width="{3 if count >= 5 else 1.2}" stroke-opacity="0.5"'
        parts.append(f'<path d="{curve}" fill="none" {stroke}/>')
    for name, (x, y) in place.items():
        colour = COLOURS[drawn[name]]
        box = f'x="{x - 50:.0f}" y="{y - high / 2:g}" width="100" height="{high}" rx="4"'
        parts.append(f'<rect {box} fill="#ffffff" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(text(round(x), y + 5, name, text_anchor="middle", font_weight="600"))
    note = "Below all of them: errors and seeding. A line is an import, a wider one that of five modules or more."
    parts.append(text(70, 36 + step * 4 + 52, note, font_size="12"))
    return svg(width, 36 + step * 4 + 66, "The folders of weaksep on their floors, and which imports which", parts)


def results() -> str:
    """Bars of mean SI-SDRi with their 95 % intervals."""
    rows = []
    for name, (place, label, colour) in SYSTEMS.items():
        page: dict[str, Any] = json.loads((ROOT / f"egs/mini_urban/{place}results.json").read_text(encoding="utf-8"))
        (system,) = (row for row in page["systems"] if row["name"] in (name, f"separator_{name}"))
        rows.append((label, colour, system["si_sdri_db"]))
    left, unit, high = 250, 17.0, 30
    height = 44 + high * len(rows) + 34
    parts = [
        text(
            12,
            24,
            "Mean SI-SDRi in dB and its 95 % interval: mini_urban, synthetic sounds, one training each",
            font_weight="600",
        )
    ]
    for mark in range(0, 31, 5):
        x = left + unit * mark
        parts.append(f'<path d="M{x:g} 40V{height - 30}" stroke="{PALE}"/>')
        parts.append(text(x, height - 14, str(mark), text_anchor="middle", font_size="11"))
    for index, (label, colour, score) in enumerate(rows):
        y = 44 + high * index
        low, top = (left + unit * end for end in score["ci95"])
        parts.append(text(left - 10, y + 18, label, text_anchor="end"))
        parts.append(f'<rect x="{left}" y="{y + 4}" width="{unit * score["mean"]:.1f}" height="20" fill="{colour}"/>')
        parts.append(f'<path d="M{low:.1f} {y + 14}H{top:.1f}" stroke="{INK}" stroke-width="1.5"/>')
        parts.append(text(round(top + 8), y + 18, f"{score['mean']:.1f}"))
    return svg(820, height, "Mean SI-SDRi of five systems of mini_urban and of the ideal ratio mask", parts)


FIGURES = {"architecture.svg": architecture, "mini_urban.svg": results}


def main() -> None:
    """Write both."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        (FOLDER / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
