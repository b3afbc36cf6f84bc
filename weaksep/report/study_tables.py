"""Tables for those who look closer: how far chance reaches, what is not learnt but known by heart, what is missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weaksep.report.cells import COUNT, DB, DB2, SHARE, TEXT, Column, Table
from weaksep.report.system_tables import is_trained, level_heading
from weaksep.report.systems import short_name

Summary = dict[str, Any]

SEEDS_TEXT = """\
Trainings that differ in their seed alone (of the first weights, of the order of the clips and of what is drawn for
them): the mean SI-SDRi of each, their mean and their standard deviation. Differences between systems that are not
larger than this are chance."""
GAP_TEXT = """\
Gap: mean SI-SDRi on `{name}` minus that on `{main}`. Where `{name}` is made of the recordings that the systems were
trained on (`recordings: train` in mix.yaml), the gap is what they know by heart and cannot carry over to recordings
never heard. The two hold different mixtures, one of which may be the easier: the gap of the oracles is that and no
more."""
WORSE_TEXT = """\
Share of the pairs of mixture and class whose SI-SDRi is below 0 dB, so that the mixture itself would have been the
better guess: of all, and by {of}. Such targets were missed or mistaken for another class; each counts with a large
negative value, and so they decide much of a mean."""
FOUND_TEXT = """\
The same targets, and the output that holds most of each: its own, which then holds more of something else too; that of
another class active in the mixture, so that two classes were mistaken for each other; or that of an absent class."""
FOUND_IN = {"own": "in its own output", "active": "in another active class's", "absent": "in an absent class's"}


def seeds(summary: Summary) -> Table | None:
    """Systems that were trained with several seeds."""
    found = summary.get("seeds") or []
    if not found:
        return None
    rows = [
        [
            short_name(row["system"]),
            len(row["seeds"]),
            row["mean_db"],
            row["sd_db"],
            min(row["means_db"]),
            max(row["means_db"]),
            sum(row["medians_db"]) / len(row["medians_db"]),
        ]
        for row in found
    ]
    columns = [
        Column("system", TEXT),
        Column("seeds", COUNT),
        Column("mean SI-SDRi (dB)", DB2, "high"),
        Column("standard deviation", DB2),
        Column("lowest", DB2),
        Column("highest", DB2),
        Column("mean of the medians", DB2, "high"),
    ]
    return Table("seeds", "Several seeds", columns, rows, SEEDS_TEXT, frozenset(range(len(rows))))


def gap(summary: Summary, name: str) -> Table | None:
    """Systems on a further test set and on the main one; None when no trained one is on both."""
    main = {system["name"]: system for system in summary["systems"] if system["supervision"] != "unprocessed"}
    rows: list[list[Any]] = []
    rated: list[int] = []
    for system in summary["more_sets"][name]:
        other = main.get(system["name"])
        means = [one["si_sdri_db"]["mean"] for one in (system, other) if one is not None]
        if other is None or None in means:
            continue
        rated += [len(rows)] if is_trained(other) else []
        rows.append([short_name(system["name"]), *means, means[0] - means[1]])
    if not rated:
        return None
    columns = [Column("system", TEXT), Column(f"on {name} (dB)", DB, "high"),
               Column(f"on {summary['test_set']} (dB)", DB, "high"), Column("gap (dB)", DB, "low")]  # fmt: skip
    text = GAP_TEXT.format(name=name, main=summary["test_set"])
    return Table(f"{name}_gap", f"Gap between {name} and {summary['test_set']}", columns, rows, text, frozenset(rated))


def worse(
    systems: Sequence[dict[str, Any]], by: str, of: str, heading: Callable[[str], str] = str
) -> Table | None:
    """Targets that a system makes worse; None for a summary that does not count them."""
    counted = [system for system in systems if system.get("worse") and is_trained(system)]
    names = list(dict.fromkeys(name for system in counted for name in system["worse"][by]))
    rows = [
        [short_name(system["name"]), system["worse"]["all"], *(system["worse"][by].get(name) for name in names)]
        for system in counted
    ]
    if not rows:
        return None
    columns = [Column("system", TEXT), Column("all", SHARE, "low")]
    columns += [Column(heading(name), SHARE, "low") for name in names]
    title = f"Targets made worse, by {of}"
    return Table(f"worse_{by}", title, columns, rows, WORSE_TEXT.format(of=of), _all(rows))


def found_in(systems: Sequence[dict[str, Any]]) -> Table | None:
    """Where the targets are that a system makes worse; None for a summary that does not say."""
    counted = [system for system in systems if system.get("worse") and is_trained(system)]
    rows = []
    for system in counted:
        counts = system["worse"]["found_in"]
        total = sum(counts.values())
        rows.append([short_name(system["name"]), total, *(counts[key] / total if total else None for key in FOUND_IN)])
    columns = [Column("system", TEXT), Column("made worse", COUNT, "low")]
    columns += [Column(heading, SHARE) for heading in FOUND_IN.values()]
    title = "Targets made worse, and where they are"
    return Table("worse_found_in", title, columns, rows, FOUND_TEXT, _all(rows)) if rows else None


def worse_tables(systems: Sequence[dict[str, Any]]) -> list[Table | None]:
    """All tables of the targets that a system makes worse."""
    by_level = worse(systems, "by_input_si_sdr", "SI-SDR of the mixture", level_heading)
    return [worse(systems, "by_class", "class"), by_level, found_in(systems)]


def _all(rows: Sequence[object]) -> frozenset[int]:
    return frozenset(range(len(rows)))
