"""All tables of a report as data, in the order of the page. They need the summary and nothing else."""

from __future__ import annotations

from typing import Any

from weaksep.report import run_tables, tables
from weaksep.report.aggregate import INPUT_BINS, OVERLAP_BINS
from weaksep.report.table import Table
from weaksep.report.tables import has_references, headline_systems, legend, separation
from weaksep.report.texts import MEASURE, TEXTS

Summary = dict[str, Any]

# Key in the summary, what it is by, and the bins in words.
SPLITS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("by_active_classes", "number of active classes", {}),
    ("by_class", "class", {}),
    ("by_overlap", "overlap", OVERLAP_BINS),
    ("by_input_si_sdr", "SI-SDR of the mixture", INPUT_BINS),
)


def headline(summary: Summary) -> Table:
    """The table that one looks at first: SI-SDRi; of recordings without references, what labels say of the sources."""
    without = run_tables.agreement(summary)
    if without.rows and not has_references(summary["systems"]):
        return without
    systems = headline_systems(summary["systems"])
    return separation(systems, "separation", "Separation", MEASURE, *legend(systems))


def all_tables(summary: Summary) -> list[Table]:
    """Every table that has rows.

    Args:
        summary: see ``collect``.
    """
    first, sources, classifiers = headline(summary), run_tables.sources(summary), run_tables.classifiers(summary)
    if first.key == "agreement":
        found = [first, sources, classifiers]
    else:
        found = [first, *_improvements(summary), classifiers, sources, run_tables.agreement(summary)]
    for name in summary["more_sets"]:
        found += _of_a_further_set(summary, name)
    found += [run_tables.training(summary), run_tables.data(summary), run_tables.time(summary)]
    return [table for table in found if table.rows]


def _improvements(summary: Summary) -> list[Table]:
    """The tables after the first that need references."""
    systems, parts, found = summary["systems"], tables.parts(summary), []
    first = headline_systems(systems)
    if len(first) < len(systems):
        text = TEXTS["all_systems"] if parts.rows else ""
        found.append(separation(systems, "all_systems", "All systems", text, *legend(systems, known=first)))
    found += [parts, tables.seeds(summary)]
    for by, of, words in SPLITS:
        found.append(tables.split(systems, by, by, f"SI-SDRi by {of} (mean / median, dB)", words))
    found += [tables.worse(systems, *SPLITS[1]), tables.worse(systems, *SPLITS[3])]
    return [*found, tables.found_in(systems), tables.single(systems), tables.bss_eval(systems)]


def _of_a_further_set(summary: Summary, name: str) -> list[Table]:
    """What the systems do on a further test set, and by the number of classes in its mixtures."""
    systems = summary["more_sets"][name]
    here, main = (summary["data"].get(key, {}).get("mean_active_classes") for key in (name, summary["test_set"]))
    text = f"The same on the mixtures of `{name}`"
    if here is not None and main is not None:
        text += f", with {here:.2f} active classes on average instead of {main:.2f}"
    title = f"SI-SDRi on {name} by number of active classes (mean / median, dB)"
    return [
        tables.gap(summary, name),
        separation(systems, name, f"Separation on {name}", f"{text}.", *legend(systems, known=summary["systems"])),
        tables.split(systems, "by_active_classes", f"{name}_by_active_classes", title, {}),
    ]
