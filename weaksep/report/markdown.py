"""summary.json -> RESULTS.md. All that is printed comes out of the summary, so the page can be made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weaksep.metrics.leak import LEAK_FLOOR_DB
from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB
from weaksep.report.tables import MISSING, duration, interval, number, table

Summary = dict[str, Any]

HEADLINE_TEXT = f"""\
SI-SDRi is the scale-invariant signal-to-distortion ratio of a separated class minus that of the unprocessed
mixture, in dB; higher is better. It is taken over every (mixture, active class) pair of mixtures with two
or more active classes. The 95 % interval is of the mean, by a bootstrap that resamples whole mixtures.
"clip", "frame" and "strong" say what the system was trained from: classes that occur in the clip, times at
which they occur, or isolated sources. The oracle rows know the sources and show how far masks can go: ideal
binary (ibm), ideal ratio (irm) and phase-sensitive (psm). SI-SDR is held between {FLOOR_DB:g} and {CEILING_DB:g} dB; an
oracle reaches the upper end where classes never sound at once."""

SINGLE_TEXT = f"""\
With one active class the mixture is the reference already, so there is nothing to improve: the figure is
SI-SDR itself and says how much a system spoils what needed no separating; at {CEILING_DB:g} dB, nothing. Leak is the
energy of the output of a class that is absent, relative to the mixture; lower is better. Its floor, silence at
16 bits, is {LEAK_FLOOR_DB:g} dB."""

CLASSIFIER_TEXT = """\
Classifiers on the test mixtures. F pools the counts of all classes (micro) at a probability of 0.5, over
frames or over clips; mAP is the mean over classes of the average precision of clips."""

TIME_TEXT = """\
The latest run of each stage that had something to do. Trainings run side by side; a stage that went on after an
interruption shows the seconds of its last part only, and the whole of each training is in the table above."""


def headline_table(summary: Summary) -> str:
    """The table that one looks at first: a row a system."""
    rows = []
    for system in summary["systems"]:
        figures = system["si_sdri_db"]
        rows.append([
            system["name"],
            system["supervision"],
            number(figures["mean"]),
            interval(figures["ci95"]),
            number(figures["median"]),
            figures["n"],
        ])  # fmt: skip
    return table(["system", "trained from", "SI-SDRi mean (dB)", "95 % interval", "median", "pairs"], rows)


def _split_table(summary: Summary, key: str, heading: Callable[[str], str] = str) -> str:
    """Mean SI-SDRi of every system (rows) by a property (columns), whose names say the number of pairs."""
    columns: dict[str, int] = {}
    for system in summary["systems"]:
        for name, figures in system[key].items():
            columns[name] = max(columns.get(name, 0), figures["n"])
    header = ["system", *(f"{heading(name)} (n={n})" for name, n in columns.items())]
    rows = [
        [system["name"], *(number(system[key].get(name, {}).get("mean")) for name in columns)]
        for system in summary["systems"]
    ]
    return table(header, rows)


def _overlap_heading(name: str) -> str:
    if name == "0":
        return "none"
    low, high = (round(100 * float(bound)) for bound in name.split("-"))
    return f"{low} to {high} %"


def _single_table(summary: Summary) -> str:
    rows = []
    for system in summary["systems"]:
        single, leak = system["single_class_si_sdr_db"], system["absent_leak_db"]
        rows.append([
            system["name"],
            number(single["mean"]),
            number(single["median"]),
            single["n"],
            number(leak["mean"]),
            number(leak["median"]),
            leak["n"],
        ])  # fmt: skip
    header = ["system", "SI-SDR mean (dB)", "median", "mixtures", "leak mean (dB)", "median", "outputs"]
    return table(header, rows)


def _classifier_table(summary: Summary) -> str:
    rows = [
        [c["name"], number(c["frame_f1"], 3), number(c["clip_f1"], 3), number(c["map"], 3)]
        for c in summary["classifiers"]
    ]
    return table(["classifier", "frame F", "clip F", "mAP"], rows)


def _data_table(summary: Summary) -> str:
    rows = [
        [
            name,
            facts["mixtures"],
            number(facts["hours"], 2),
            number(facts["mean_active_classes"], 2),
            facts["two_or_more"],
        ]
        for name, facts in summary["data"].items()
    ]
    return table(["set", "mixtures", "hours", "active classes, mean", "with two or more"], rows)


def _training_table(summary: Summary) -> str:
    def whole(value: int | None) -> str:
        return MISSING if value is None else f"{value:,}"

    rows = [
        [
            facts["name"],
            facts["supervision"] or MISSING,
            whole(facts["parameters"]),
            whole(facts["epochs"]),
            whole(facts["best_epoch"]),
            whole(facts["steps"]),
            whole(facts["batch_size"]),
            number(facts["minutes"]),
        ]
        for facts in summary["training"]
    ]
    header = ["training", "labels", "parameters", "epochs", "best epoch", "steps", "batch", "minutes"]
    return table(header, rows)


def _stage_table(summary: Summary) -> str:
    rows = [[f"{row['stage']} {row['name']}", duration(row["seconds"])] for row in summary["stage_times"]]
    total = sum(row["seconds"] for row in summary["stage_times"])
    return table(["stage", "time"], [*rows, ["all", duration(total)]])


def _environment_lines(environment: dict[str, Any]) -> list[str]:
    machine, seed = environment["machine"], environment["seed"]
    parts = [f"{machine['cpu'] or 'unknown CPU'}, {machine['cores']} core(s)"]
    if machine["memory_gb"] is not None:
        parts.append(f"{machine['memory_gb']:g} GB of memory")
    parts.append(f"GPU {machine['gpu']}" if machine["gpu"] else "no GPU")
    if isinstance(seed, dict):
        seed = ", ".join(f"{name} {value}" for name, value in seed.items())
    return [
        f"- date: {environment['date']}",
        f"- commit: {environment['commit'] or 'unknown'}",
        f"- versions: weaksep {environment['weaksep']}, Python {environment['python']}, "
        f"PyTorch {environment['torch'] or 'unknown'}, numpy {environment['numpy'] or 'unknown'}",
        f"- machine: {', '.join(parts)}, {machine['system']}",
        f"- seed: {'unknown' if seed is None else seed}",
    ]


def _sections(summary: Summary) -> list[tuple[str, Sequence[str]]]:
    """(heading, paragraphs); a section without rows is left out."""
    sections: list[tuple[str, Sequence[str]]] = [
        ("Separation", [headline_table(summary), HEADLINE_TEXT]),
        ("SI-SDRi by number of active classes (mean, dB)", [_split_table(summary, "by_active_classes")]),
        ("SI-SDRi by class (mean, dB)", [_split_table(summary, "by_class")]),
        (
            "SI-SDRi by overlap (mean, dB)",
            [
                _split_table(summary, "by_overlap", _overlap_heading),
                "Overlap: share of the class's active frames in which another class is active too.",
            ],
        ),
        ("Mixtures of one class, and leak into absent classes", [_single_table(summary), SINGLE_TEXT]),
    ]
    if summary["classifiers"]:
        sections.append(("Classifiers", [_classifier_table(summary), CLASSIFIER_TEXT]))
    if summary["training"]:
        sections.append(("Training", [_training_table(summary)]))
    if summary["data"]:
        sections.append(("Data", [_data_table(summary)]))
    if summary["stage_times"]:
        sections.append(("Time", [_stage_table(summary), TIME_TEXT]))
    sections.append(("Environment", ["\n".join(_environment_lines(summary["environment"]))]))
    return sections


def render(summary: Summary) -> str:
    """The text of RESULTS.md.

    Args:
        summary: see ``collect``.
    """
    blocks = [f"# Results of {summary['recipe']}", *summary["notes"]]
    for heading, paragraphs in _sections(summary):
        blocks += [f"## {heading}", *paragraphs]
    return "\n\n".join(blocks) + "\n"
