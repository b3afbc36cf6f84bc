"""Tables with a row a system, out of the summary alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from weaksep.metrics.leak import LEAK_FLOOR_DB
from weaksep.metrics.si_sdr import CEILING_DB, FLOOR_DB
from weaksep.report.cells import COUNT, DB, INTERVAL, SPREAD, TEXT, Column, P, Table
from weaksep.report.systems import short_name

Summary = dict[str, Any]
Systems = Sequence[dict[str, Any]]

MEASURE_TEXT = f"""\
SI-SDRi is the scale-invariant signal-to-distortion ratio (SI-SDR) of a separated class minus that of the unprocessed
mixture, in dB; higher is better. It is taken over every pair of a mixture and a class active in it, in mixtures with
two or more active classes. A class that a system misses altogether counts with a large negative value, which pulls the
mean far down and hardly moves the median: so this page has means and medians. The 95 % interval is of the mean, by a
bootstrap that resamples whole mixtures. SI-SDR is held between {FLOOR_DB:g} and {CEILING_DB:g} dB."""

LABELS_TEXT = """\
Trained from: "clip" is the classes that occur somewhere in the clip, "frame" the times at which they are active,
"strong" the isolated sources. The oracles compute their masks from the true sources and show how far masks can go; they
reach the upper end of SI-SDR where classes never sound at once."""
# What there can be in the column "trained from" (regular expressions), and what to say when it occurs.
WORDS = {
    "%": """\
"+ 1 % strong" means that for this share of the training clips the isolated sources were known too, "+ 50 % frame" the
times.""",
    r"\(remixed\)": """\
"Remixed" is a baseline: trained like a strong system, on mixtures of pieces that were cut out where the frame labels
say that one class is alone.""",
    r"\(NMF\)": """\
"NMF" is a baseline: non-negative matrix factorisation with a dictionary of spectra for each class.""",
    r"\((?!remixed|NMF)": """\
A name in brackets, like "(lambda5)", is that of the mixtures it was trained on: a variant of the configuration's
mix.yaml.""",
}
STEPS_TEXT = """\
Steps are those of the training: a row with fewer had a smaller budget, and is to be compared with rows of about as
many."""

PARTS_TEXT = """\
Difference: mean SI-SDRi of the system minus that of the system it is compared with, over the pairs of mixture and class
that both have; positive means that the system of this row is better. Interval (95 %) and p (two-sided) are of a paired
bootstrap that resamples whole mixtures. They are not corrected for the number of rows: where nothing differs, one
row in twenty has a p below 0.05 all the same. Another seed of the training would change things too, which they do not
know of."""

SINGLE_TEXT = f"""\
With one active class the mixture is the reference already, so there is nothing to improve: the figure is SI-SDR itself
and says how much a system spoils what needed no separating; at {CEILING_DB:g} dB, nothing. Leak is the energy of the
output of a class that is absent, relative to the mixture; lower is better. Its floor, silence at 16 bits, is
{LEAK_FLOOR_DB:g} dB."""

BSS_TEXT = """\
BSS eval of the separated classes, in mixtures of two or more: SDR counts all that is wrong, SIR what is left of the
other classes, SAR what the separation has added. Unlike SI-SDR they forgive any short filter, so that they are higher.
They are values, not improvements."""


def headline_systems(summary: Summary) -> Systems:
    """Those that one looks at first; all of them where no trained system is marked as one."""
    marked = [system for system in summary["systems"] if system["headline"]]
    trained = [system for system in marked if is_trained(system)]
    return marked if trained else summary["systems"]


def is_trained(system: dict[str, Any]) -> bool:
    """Whether it is neither the mixture itself nor an oracle."""
    return system["supervision"] not in ("unprocessed", "oracle")


def _rated(systems: Systems) -> frozenset[int]:
    return frozenset(row for row, system in enumerate(systems) if is_trained(system))


def has_references(systems: Sequence[dict[str, Any]]) -> bool:
    """Whether SI-SDRi could be measured at all."""
    return any(system["si_sdri_db"]["n"] for system in systems)


def legend(systems: Systems, known: Systems = ()) -> list[str]:
    """What the words of the column "trained from" mean, as far as they occur here and not in a table before."""
    texts = [] if known else [LABELS_TEXT]
    for word, text in WORDS.items():
        here, before = (any(re.search(word, system["trained_from"]) for system in rows) for rows in (systems, known))
        texts += [text] if here and not before else []
    budgets, earlier = ({system["steps"] for system in rows} - {None} for rows in (systems, known))
    if len(budgets) > 1 and len(earlier) < 2:
        return [*([" ".join(texts)] if texts else []), STEPS_TEXT]
    return [" ".join(texts)] if texts else []


def separation(systems: Systems, key: str, title: str, text: str) -> Table:
    """The main figures, a row a system."""
    rows = []
    for system in systems:
        figures = system["si_sdri_db"]
        rows.append(
            [
                short_name(system["name"]),
                system["trained_from"],
                system["steps"],
                figures["mean"],
                figures["ci95"],
                figures["median"],
                figures["n"],
            ]
        )
    columns = [
        Column("system", TEXT),
        Column("trained from", TEXT),
        Column("steps", COUNT),
        Column("mean SI-SDRi (dB)", DB, "high"),
        Column("95 % interval", INTERVAL),
        Column("median", DB, "high"),
        Column("pairs", COUNT),
    ]
    return Table(key, title, columns, rows, text, _rated(systems))


def parts(summary: Summary) -> Table:
    """Every system against the one that its recipe compares it with."""
    about = {system["name"]: system["about"] for system in summary["systems"]}
    rows = [
        [
            short_name(row["system"]),
            about.get(row["system"], ""),
            short_name(row["with"]),
            row["difference_db"],
            row["ci95"],
            row["p"],
            row["n"],
        ]
        for row in summary["comparisons"]
    ]
    columns = [
        Column("system", TEXT),
        Column("what it is", TEXT),
        Column("compared with", TEXT),
        Column("difference (dB)", DB),
        Column("95 % interval", INTERVAL),
        Column("p", P),
        Column("pairs", COUNT),
    ]
    return Table("parts", "What each part is worth", columns, rows, PARTS_TEXT)


def _columns_with_n(systems: Systems, key: str, heading: Callable[[str], str] = str) -> dict[str, Column]:
    """Columns of a split, by the bin's name; their headings say the number of values."""
    counts: dict[str, int] = {}
    for system in systems:
        for name, figures in system[key].items():
            counts[name] = max(counts.get(name, 0), figures["n"])
    return {name: Column(f"{heading(name)} (n={n})", SPREAD, "high") for name, n in counts.items()}


def _spread(figures: dict[str, Any] | None) -> list[float | None]:
    return [figures["mean"], figures["median"]] if figures else [None, None]


def split(systems: Systems, by: str, key: str, title: str, text: str, heading: Callable[[str], str] = str) -> Table:
    """SI-SDRi of every system (rows) by a property (columns)."""
    columns = _columns_with_n(systems, by, heading)
    rows = [
        [short_name(system["name"]), *(_spread(system[by].get(name)) for name in columns)] for system in systems
    ]
    return Table(key, title, [Column("system", TEXT), *columns.values()], rows, text, _rated(systems))


def overlap_heading(name: str) -> str:
    """A bin of overlap shares in words.

    >>> overlap_heading("0"), overlap_heading("0.2-0.4")
    ('none', '20 to 40 %')
    """
    if name == "0":
        return "none"
    low, high = (round(100 * float(bound)) for bound in name.split("-"))
    return f"{low} to {high} %"


def level_heading(name: str) -> str:
    """A bin of levels in words.

    >>> level_heading("<-10"), level_heading("-10--5"), level_heading("-5-0"), level_heading(">=5")
    ('below -10 dB', '-10 to -5 dB', '-5 to 0 dB', '5 dB and more')
    """
    if name[0] == "<":
        return f"below {name[1:]} dB"
    if name[:2] == ">=":
        return f"{name[2:]} dB and more"
    low, _, high = name[1:].partition("-")
    return f"{name[0]}{low} to {high} dB"


def _figures(systems: Systems, columns: Sequence[tuple[str, str, str]], key: str, title: str, text: str) -> Table:
    """Mean and median of several figures. ``columns``: (key in the summary, heading, best)."""
    header = [Column("system", TEXT)]
    for name, heading, best in columns:
        n = max((system[name]["n"] for system in systems), default=0)
        header.append(Column(f"{heading} (n={n})", SPREAD, best))
    rows = [
        [short_name(system["name"]), *(_spread(system[name]) for name, _, _ in columns)] for system in systems
    ]
    return Table(key, title, header, rows, text, _rated(systems))


def single(systems: Systems) -> Table:
    """What a system does where it should do nothing."""
    columns = [("single_class_si_sdr_db", "SI-SDR (dB)", "high"), ("absent_leak_db", "leak (dB)", "low")]
    title = "Mixtures of one class, and leak into absent classes (mean / median)"
    return _figures(systems, columns, "single", title, SINGLE_TEXT)


def bss_eval(systems: Systems) -> Table | None:
    """SDR, SIR and SAR; None when stage 6 measured none."""
    columns = [(f"{name}_db", f"{name.upper()} (dB)", "high") for name in ("sdr", "sir", "sar")]
    measured = [system for system in systems if any(system[name]["n"] for name, _, _ in columns)]
    return _figures(measured, columns, "bss_eval", "BSS eval (mean / median)", BSS_TEXT) if measured else None
