"""All tables of a report as data, in the order of the page. They need the summary and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weaksep.report import run_tables, study_tables, system_tables
from weaksep.report.cells import Table
from weaksep.report.system_tables import (
    MEASURE_TEXT,
    has_references,
    legend,
    level_heading,
    overlap_heading,
    separation,
    split,
)

Summary = dict[str, Any]

ALL_TEXT = "Every system that was scored; the next table says what the variants are and what difference they make."
OVERLAP_TEXT = "Overlap: share of the class's active frames in which another class is active too."
LEVEL_TEXT = """\
By the SI-SDR of the unprocessed mixture: how strong the class is in its mixture before anything is done. The weaker it
is, the more there is to gain."""


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(texts)


def headline(summary: Summary) -> Table:
    """The table that one looks at first: SI-SDRi; of recordings without references, what labels say of the sources."""
    without = run_tables.agreement(summary)
    if not has_references(summary["systems"]) and without.rows:
        return without
    systems = system_tables.headline_systems(summary)
    return separation(systems, "separation", "Separation", _paragraphs(MEASURE_TEXT, *legend(systems)))


def _more_sets(summary: Summary) -> list[Table | None]:
    """What the systems do on each further test set, and by the number of classes in its mixtures."""
    tables: list[Table | None] = []
    for name, systems in summary["more_sets"].items():
        here, main = (summary["data"].get(key, {}).get("mean_active_classes") for key in (name, summary["test_set"]))
        text = f"The same on the mixtures of `{name}`"
        known = here is not None and main is not None
        text += f", with {here:.2f} active classes on average instead of {main:.2f}." if known else "."
        title = f"Separation on {name}"
        tables.append(study_tables.gap(summary, name))
        tables.append(separation(systems, name, title, _paragraphs(text, *legend(systems, known=summary["systems"]))))
        key, heading = f"{name}_by_active_classes", f"SI-SDRi on {name} by number of active classes (mean / median, dB)"
        tables.append(split(systems, "by_active_classes", key, heading, ""))
    return tables


def all_tables(summary: Summary) -> list[Table]:
    """Every table that has rows.

    Args:
        summary: see ``collect``.
    """
    without = run_tables.agreement(summary)
    if has_references(summary["systems"]) or not without.rows:
        tables = [*_improvements(summary), run_tables.classifiers(summary), run_tables.sources(summary), without]
    else:
        tables = [without, run_tables.sources(summary), run_tables.classifiers(summary)]
    tables += [*_more_sets(summary), run_tables.training(summary), run_tables.data(summary)]
    if summary["stage_times"]:
        tables.append(run_tables.time(summary))
    return [table for table in tables if table is not None and table.rows]


def _improvements(summary: Summary) -> list[Table | None]:
    """The tables that need references."""
    systems = summary["systems"]
    first, parts = headline(summary), system_tables.parts(summary)
    tables: list[Table | None] = [first]
    if len(first.rows) < len(systems):
        more = legend(systems, known=system_tables.headline_systems(summary))
        text = _paragraphs(*([ALL_TEXT] if parts.rows else []), *more)
        tables.append(separation(systems, "all_systems", "All systems", text))
    splits: tuple[tuple[str, str, str, Callable[[str], str]], ...] = (
        ("by_active_classes", "number of active classes", "", str),
        ("by_class", "class", "", str),
        ("by_overlap", "overlap", OVERLAP_TEXT, overlap_heading),
        ("by_input_si_sdr", "SI-SDR of the mixture", LEVEL_TEXT, level_heading),
    )
    tables += [parts, study_tables.seeds(summary)]
    tables += [split(systems, by, by, f"SI-SDRi by {of} (mean / median, dB)", text, heading)
               for by, of, text, heading in splits]  # fmt: skip
    tables += study_tables.worse_tables(systems)
    return [*tables, system_tables.single(systems), system_tables.bss_eval(systems)]
