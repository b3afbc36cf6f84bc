"""The tables of the page that have a row for each system, each out of the summary alone."""

from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any

from weaksep.report.aggregate import LEVEL_BINS
from weaksep.report.recordings import resampled
from weaksep.report.systems import LEGENDS, short_name
from weaksep.report.table import (
    COUNT,
    ERRORS,
    FIGURE,
    FIGURE2,
    FIGURE3,
    INTERVAL,
    SPREAD,
    TEXT,
    Field,
    Kind,
    P,
    Table,
    field,
    table_of,
)
from weaksep.report.texts import LABELS, STEPS, TEXTS

Summary = dict[str, Any]
Systems = Sequence[dict[str, Any]]

MAX_FIRST = 8  # trained systems: up to here the first table has them all
_BSS = ("sdr", "sir", "sar")
FOUND_IN = {"own": "in its own output", "active": "in another active class's", "absent": "in an absent class's"}
SYSTEM = field("system", TEXT, lambda row: short_name(row["name"]) + (" (no-op)" if row.get("no_op") else ""))


def is_trained(system: Mapping[str, Any]) -> bool:
    """Whether it is neither the mixture itself nor an oracle."""
    return system["supervision"] not in ("unprocessed", "oracle")


def competes(system: Mapping[str, Any]) -> bool:
    """Whether its figures may be the best of their column: those of a no-op are the mixture's."""
    return is_trained(system) and not system.get("no_op")


def has_references(systems: Systems) -> bool:
    """Whether SI-SDRi could be measured at all."""
    return any(system["si_sdri_db"]["n"] for system in systems)


def headline_systems(systems: Systems) -> Systems:
    """Those that one looks at first; all of them where they fit into one table, or no trained one is marked."""
    marked = [system for system in systems if system["headline"]]
    few = sum(map(is_trained, systems)) <= MAX_FIRST
    return systems if few or not any(map(is_trained, marked)) else marked


def legend(systems: Systems, known: Systems = ()) -> list[str]:
    """What the words of the column "trained from" mean, as far as they occur here and not in a table before."""
    texts = [] if known else [LABELS]
    here, before = ({k: word for s in rows for k, word in s["variants"].items()} for rows in (systems, known))
    texts += [text.format(here[kind]) for kind, text in LEGENDS.items() if kind in here and kind not in before]
    budgets, earlier = ({system["steps"] for system in rows} - {None} for rows in (systems, known))
    return [" ".join(texts), STEPS if len(budgets) > 1 and len(earlier) < 2 else ""]


def separation(systems: Systems, key: str, title: str, *paragraphs: str) -> Table:
    """The main figures."""
    fields = [
        SYSTEM,
        field("trained from", TEXT, "trained_from"),
        field("steps", COUNT, "steps"),
        field("mean SI-SDRi (dB)", FIGURE, ("si_sdri_db", "mean"), "high"),
        field("95 % interval", INTERVAL, ("si_sdri_db", "ci95")),
        field("median", FIGURE, ("si_sdri_db", "median"), "high"),
        field("pairs", COUNT, ("si_sdri_db", "n")),
    ]
    return table_of(key, title, systems, fields, competes, "\n\n".join(filter(None, paragraphs)))


def parts(summary: Summary) -> Table:
    """Every system against the one that its recipe compares it with."""
    about = {system["name"]: system["about"] for system in summary["systems"]}
    fields = [
        field("system", TEXT, lambda row: short_name(row["system"])),
        field("what it is", TEXT, lambda row: about.get(row["system"])),
        field("compared with", TEXT, lambda row: short_name(row["with"])),
        field("difference (dB)", FIGURE, "difference_db"),
        field("95 % interval", INTERVAL, "ci95"),
        field("p", P, "p"),
        field("pairs", COUNT, "n"),
    ]
    text = TEXTS["parts"].format(resampled(summary))
    return table_of("parts", "What each part is worth", summary["comparisons"], fields, text=text)


def seeds(summary: Summary) -> Table:
    """Systems that were trained with several seeds; a tag that says no more than the seed is left out."""

    fields = [
        field(
            "system",
            TEXT,
            lambda row: (
                short_name(row["system"])
                .removesuffix(f"+seed{row['seeds'][0]}")
                .removesuffix(f"-seed{row['seeds'][0]}")
            ),
        ),
        field("seeds", COUNT, lambda row: len(row["seeds"])),
        field("mean SI-SDRi (dB)", FIGURE2, "mean_db", "high"),
        field("standard deviation", FIGURE2, "sd_db"),
        field("lowest", FIGURE2, lambda row: min(row["means_db"])),
        field("highest", FIGURE2, lambda row: max(row["means_db"])),
        field("mean of the medians", FIGURE2, lambda row: sum(row["medians_db"]) / len(row["medians_db"]), "high"),
    ]
    no_ops = {system["name"] for system in summary["systems"] if system.get("no_op")}
    return table_of("seeds", "Several seeds", summary.get("seeds", []), fields, lambda row: row["system"] not in no_ops)


def _spread(systems: Systems, heading: str, *path: str, best: str = "high", kind: Kind = SPREAD) -> Field:
    """The parts of a figure, by its keys in the summary; the heading says the number of values."""

    def figures(system: dict[str, Any]) -> dict[str, Any]:
        return reduce(lambda found, key: found.get(key, {}), path, system)

    n = max((figures(system).get("n", 0) for system in systems), default=0)
    return field(f"{heading} (n={n})", kind, lambda row: [figures(row).get(part) for part in kind.parts], best)


def split(systems: Systems, by: str, key: str, title: str, headings: Mapping[str, str]) -> Table:
    """SI-SDRi by a property (columns); ``headings``: its values in words, where they need any."""
    names = dict.fromkeys(name for system in systems for name in system[by])
    fields = [SYSTEM, *(_spread(systems, headings.get(name, name), by, name) for name in names)]
    return table_of(key, title, systems, fields, competes)


def single(systems: Systems) -> Table:
    """What a system does where it should do nothing."""
    fields = [
        SYSTEM,
        _spread(systems, "SI-SDR (dB)", "single_class_si_sdr_db"),
        _spread(systems, "leak (dB)", "absent_leak_db", best="low"),
    ]
    title = "Mixtures of one class, and leak into absent classes (mean / median)"
    return table_of("single", title, systems, fields, competes)


def backgrounds(summary: Summary) -> Table:
    """Every test set with its level of backgrounds, where one of them has any."""
    sets = {summary["test_set"]: summary["systems"], **summary["more_sets"]}
    levels = {name: summary["data"].get(name, {}).get("background_db") for name in sets}
    found = sets if any(levels.values()) else {}
    rows = [{**system, "set": name, "level": levels[name]} for name, own in found.items() for system in own]
    fields = [
        field("set", TEXT, "set"),
        field("background (dB)", INTERVAL, lambda row: row["level"] or [None, None]),
        SYSTEM,
        field("mean SI-SDRi (dB)", FIGURE, ("si_sdri_db", "mean")),
        field("of the residual", FIGURE, ("residual_si_sdri_db", "mean")),
        field("leak (dB)", FIGURE, ("absent_leak_db", "mean")),
        field("false activity", FIGURE3, "false_activity"),
    ]
    return table_of("backgrounds", "By level of the background", rows, fields)


def bss_eval(systems: Systems) -> Table:
    """SDR, SIR and SAR of the systems for which stage 6 has measured them."""
    measured = [system for system in systems if any(system[f"{name}_db"]["n"] for name in _BSS)]
    fields = [SYSTEM, *(_spread(measured, f"{name.upper()} (dB)", f"{name}_db") for name in _BSS)]
    return table_of("bss_eval", "BSS eval (mean / median)", measured, fields, competes)


def levels(systems: Systems) -> Table:
    """How well the level of each class is met, of the systems for which stage 6 has measured it."""
    found, bins = [system for system in systems if system.get("level_error_db")], {"all": "all", **LEVEL_BINS}
    fields = [_spread(found, words, "level_error_db", name, best="low", kind=ERRORS) for name, words in bins.items()]
    measured = [system for system in found if system["level_error_db"]["all"]["n"]]
    title = "Level of each class (median absolute error / mean error, dB)"
    return table_of("levels", title, measured, [SYSTEM, *fields], competes)


def confidence(systems: Systems) -> Table:
    """How well nets know how good their outputs are."""
    measured = [system for system in systems if system.get("confidence", {}).get("rank_correlation") is not None]
    fields = [
        SYSTEM,
        field("rank correlation", FIGURE2, ("confidence", "rank_correlation"), "high"),
        field("SI-SDR of all (dB)", FIGURE, ("confidence", "all_db")),
        field("without the least confident tenth", FIGURE, ("confidence", "without_least_confident_db")),
        field("without the worst tenth", FIGURE, ("confidence", "without_worst_db")),
        field("pairs", COUNT, ("confidence", "n")),
    ]
    return table_of("confidence", "Confidence", measured, fields, competes)


def _made_worse(systems: Systems) -> Systems:
    """Trained systems of which the summary counts the targets that they make worse."""
    return [system for system in systems if system.get("worse") and is_trained(system)]


def worse(systems: Systems, by: str, of: str, headings: Mapping[str, str]) -> Table:
    """Targets that a system makes worse, by a property."""
    counted = _made_worse(systems)
    names = dict.fromkeys(name for system in counted for name in system["worse"][by])
    fields = [SYSTEM, field("all", FIGURE3, ("worse", "all"), "low")]
    fields += [field(headings.get(name, name), FIGURE3, ("worse", by, name), "low") for name in names]
    return table_of(f"worse_{by}", f"Targets made worse, by {of}", counted, fields, competes)


def found_in(systems: Systems) -> Table:
    """Where the targets are that a system makes worse."""

    def share(key: str, system: dict[str, Any]) -> float | None:
        counts = system["worse"]["found_in"]
        return counts[key] / sum(counts.values()) if any(counts.values()) else None

    fields = [SYSTEM, field("made worse", COUNT, lambda system: sum(system["worse"]["found_in"].values()), "low")]
    fields += [field(heading, FIGURE3, partial(share, key)) for key, heading in FOUND_IN.items()]
    title = "Targets made worse, and where they are"
    return table_of("worse_found_in", title, _made_worse(systems), fields, competes)


def gap(summary: Summary, name: str) -> Table:
    """Systems on a further test set and on the main one; without rows when no trained one is on both."""
    main = {system["name"]: system for system in summary["systems"] if system["supervision"] != "unprocessed"}
    further = {s["name"]: s["si_sdri_db"]["mean"] for s in summary["more_sets"][name] if s["name"] in main}
    both = [{**main[one], "here": mean} for one, mean in further.items() if mean is not None]
    rows = [system for system in both if system["si_sdri_db"]["mean"] is not None]
    names = {"name": name, "main": summary["test_set"]}
    fields = [
        SYSTEM,
        field(f"on {name} (dB)", FIGURE, "here", "high"),
        field(f"on {summary['test_set']} (dB)", FIGURE, ("si_sdri_db", "mean"), "high"),
        field("gap (dB)", FIGURE, lambda system: system["here"] - system["si_sdri_db"]["mean"], "low"),
    ]
    title, shown = "Gap between {name} and {main}".format(**names), rows if any(map(is_trained, rows)) else []
    return table_of(f"{name}_gap", title, shown, fields, competes, TEXTS["gap"].format(**names))
