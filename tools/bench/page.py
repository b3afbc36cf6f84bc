"""Records of benchmarks -> RESULTS.md and, beside it, RESULTS.json with every figure."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import atomic_path
from weaksep.report.environment import environment, environment_lines

HERE = Path(__file__).parent
# A row of the goals -> its title, in the order of the page.
TITLES = {
    "mixing": "Mixing, with references",
    "features": "Audio to Kaldi archives",
    "reads": "Reading features in training order",
    "remixed": "Remixed batches",
    "loop": "A whole epoch",
    "weak_step": "A weak step, and a remix step, against a strong one",
    "nets": "Nets: a training step and a forward pass",
    "si_sdr": "SI-SDR",
    "bss_eval": "SDR, SIR and SAR",
    "scoring": "Scoring a test set",
    "separate": "Separating",
    "streaming": "Separating while it sounds",
    "export": "Exported separators",
    "to_10_db": "From an empty folder to 10 dB",
    "startup": "Starting up, and finding nothing to do",
    "memory": "Peak memory",
    "gpu": "On a GPU",
}
INTRODUCTION = """\
# Benchmarks

Each row was measured in one run together with what it is held against, in turns (A B A B), on a machine that did
nothing else: below each table is the load before it. Medians, with quartiles in brackets. "Times as good" is the
other's median divided by ours: above 1, ours is faster (or smaller). A limit is what the machine does at best with the
same bytes or the same arithmetic, so that 1 is the most that can be reached. `tools/bench/run.sh` makes this page.
"""
PEERS = "asteroid fast_bss_eval kaldi_native_io kaldiio librosa mir_eval pytorch_lightning scaper torch torchmetrics"


def peer_versions() -> dict[str, str]:
    """Versions of the peers that are there, in ours or their own environments."""
    found: dict[str, str] = {}
    for venv in ("scaper", "asteroid"):
        python = HERE / f"venv-{venv}/bin/python"
        if not python.exists():
            continue
        listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            name, _, version = line.partition("==")
            if name.lower().replace("-", "_") in PEERS.split():
                found[f"{name} ({venv}'s environment)"] = version
    return found


def number(value: float) -> str:
    """With three digits, or as many as are before the point.

    >>> number(0.01234), number(1234.5), number(12.34)
    ('0.0123', '1,234', '12.3')
    """
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return digits if "e" not in digits else f"{value:.2g}"


def spread(values: list[float], unit: str) -> str:
    """Median and quartiles."""
    low, middle, high = (number(value) for value in values)
    return f"{middle} {unit}" if low == high else f"{middle} {unit} [{low}, {high}]"


def mark(met: bool | None) -> str:
    """Whether a goal was met."""
    return "–" if met is None else "yes" if met else "**no**"


def table(records: list[dict[str, Any]]) -> list[str]:
    """Lines of the table of one row."""
    lines = ["| what | ours | against | its own | times as good | goal | met |", "|---|---|---|---|---|---|---|"]
    notes = []
    several = len({one["row"] for one in records}) > 1
    for one in records:
        what = f"{one['row']}: {one['what']}" if several else one["what"]
        ours = f"| {what} | {spread(one['quartiles'], one['unit'])} |"
        if one["at_most"] is not None or not one["against"]:
            goal = "–" if one["at_most"] is None else f"at most {number(one['at_most'])} {one['unit']}"
            lines.append(f"{ours} – | – | – | {goal} | {mark(one['met'])} |")
        for other in one["against"]:
            name = f"{other['name']} (limit)" if other["limit"] else other["name"]
            goal = "–" if other["goal"] is None else f"at least {number(other['goal'])}"
            theirs = spread(other["quartiles"], one["unit"])
            lines.append(f"{ours} {name} | {theirs} | {number(other['ratio'])} | {goal} | {mark(other['met'])} |")
        if one["note"] and one["note"] not in notes:
            notes.append(one["note"])
    return [*lines, "", *(f"{note}\n" for note in notes)]


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    text = [INTRODUCTION]
    for row, title in TITLES.items():
        if row in found:
            measured = found[row]
            facts = {**environment_lines(measured["environment"]), "load before": measured["load"], **measured["peers"]}
            facts.pop("seed")
            text += [f"## {title}", "", *table(measured["records"])]
            text += [f"<sub>{'; '.join(f'{name} {value}' for name, value in facts.items())}</sub>", ""]
    return "\n".join(text)


def main() -> None:
    """Rows that were measured take the place of those that are there; the others stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--load", required=True)
    args = parser.parse_args()
    results = args.out.with_suffix(".json")
    found = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    here = {"environment": environment(None), "load": args.load, "peers": peer_versions()}
    new: dict[str, Any] = {}
    for line in args.records.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        new.setdefault(record["script"], {**here, "records": []})["records"].append(record)
    found |= new
    for path, content in ((results, json.dumps(found, indent=1) + "\n"), (args.out, page(found))):
        with atomic_path(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
