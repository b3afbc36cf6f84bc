"""Every number of a RESULTS.md against the results.json beside it, by a reading of the page that knows no renderer."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from weaksep.report.content import render

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("egs/*/RESULTS.md"), *ROOT.glob("egs/*/results/*/RESULTS.md")])
Rows = list[dict[str, str]]
LABELS = {
    "by_overlap": ["none", "0 to 20 %", "20 to 40 %", "40 to 60 %", "60 to 80 %", "80 to 100 %"],
    "by_input_si_sdr": ["below -10 dB", "-10 to -5 dB", "-5 to 0 dB", "0 to 5 dB", "5 dB and more"],
}
SPLITS = {
    "SI-SDRi by number of active classes": "by_active_classes",
    "SI-SDRi by class": "by_class",
    "SI-SDRi by overlap": "by_overlap",
    "SI-SDRi by SI-SDR of the mixture": "by_input_si_sdr",
}
FIGURES = {
    **{"frame F": "frame_f1", "clip F": "clip_f1", "mAP": "map"},
    **{"event F": "event_f1", "PSDS 1": "psds1", "PSDS 2": "psds2"},
}
TRAINING = {
    **{"parameters": "parameters", "epochs": "epochs", "best epoch": "best_epoch", "steps": "steps"},
    **{"batch": "batch_size"},
}


def tables_of(page: str) -> dict[str, Rows]:
    """Heading -> rows of the table below it, each as {column: cell}."""
    tables: dict[str, Rows] = {}
    for section in page.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("|")]
        cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        if cells:
            header, rule, *rows = cells
            assert len(set(header)) == len(header) and all(re.fullmatch(":?-+:?", cell) for cell in rule)
            tables[title] = [dict(zip(header, row, strict=True)) for row in rows]
    return tables


def check_number(text: str, value: float | None, places: int) -> None:
    """A printed number against the one that it was rounded from."""
    if value is None:
        assert text == "–", text
        return
    assert re.fullmatch(r"-?\d{1,3}(,\d{3})*(\.\d+)?", text), text
    assert len(text.partition(".")[2]) == places, f"{text}: expected {places} places"
    assert abs(float(text.replace(",", "")) - value) <= 0.5 * 10**-places + 1e-9, f"{text} is printed for {value}"


def check_list(text: str, word: str, values: list[float | None], places: int = 1) -> None:
    """ "1.0 to 2.0" or "1.0 / 2.0"; a dash when there is nothing."""
    if values == [None, None]:
        assert text == "–", text
        return
    parts = text.split(f" {word} ")
    assert len(parts) == 2, text
    for part, value in zip(parts, values, strict=True):
        check_number(part, value, places)


def short(name: str) -> str:
    return name[len("separator_") :] if name.startswith("separator_") else name


BASELINES = {"equal_shares": "mixture / outputs", "random_masks": "random masks"}


def check_names(rows: Rows, column: str, found: list[dict[str, Any]]) -> None:
    names = [BASELINES.get(one["name"], short(one["name"])) + " (no-op)" * bool(one.get("no_op")) for one in found]
    assert [row[column] for row in rows] == names


def check_separation(rows: Rows, systems: list[dict[str, Any]]) -> None:
    check_names(rows, "system", systems)
    for row, system in zip(rows, systems, strict=True):
        figures = system["si_sdri_db"]
        assert row["trained from"] == system["trained_from"]
        check_number(row["steps"], system["steps"], 0)
        check_number(row["mean SI-SDRi (dB)"], figures["mean"], 1)
        check_list(row["95 % interval"], "to", figures["ci95"])
        check_number(row["median"], figures["median"], 1)
        check_number(row["pairs"], figures["n"], 0)
        assert len(row) == 7


def check_split(rows: Rows, systems: list[dict[str, Any]], key: str) -> None:
    check_names(rows, "system", systems)
    names = list(systems[0][key])
    for row, system in zip(rows, systems, strict=True):
        columns = list(row)[1:]
        assert len(columns) == len(names)
        for column, name, label in zip(columns, names, LABELS.get(key, names), strict=True):
            figures = system[key][name]
            assert column == f"{label} (n={figures['n']})"
            check_list(row[column], "/", [figures["mean"], figures["median"]])


def check_figures(rows: Rows, systems: list[dict[str, Any]], keys: list[str]) -> None:
    check_names(rows, "system", systems)
    for row, system in zip(rows, systems, strict=True):
        assert len(row) == len(keys) + 1
        for column, key in zip(list(row)[1:], keys, strict=True):
            counted = re.search(r"\(n=(\d+)\)$", column)
            assert counted is not None and int(counted[1]) == max(other[key]["n"] for other in systems)
            check_list(row[column], "/", [system[key]["mean"], system[key]["median"]])


def check_confidence(rows: Rows, systems: list[dict[str, Any]]) -> None:
    measured = [system for system in systems if system.get("confidence", {}).get("rank_correlation") is not None]
    columns = {
        "rank correlation": ("rank_correlation", 2),
        "SI-SDR of all (dB)": ("all_db", 1),
        "without the least confident tenth": ("without_least_confident_db", 1),
        "without the worst tenth": ("without_worst_db", 1),
        "pairs": ("n", 0),
    }
    check_names(rows, "system", measured)
    for row, system in zip(rows, measured, strict=True):
        assert list(row) == ["system", *columns]
        for column, (key, places) in columns.items():
            check_number(row[column], system["confidence"][key], places)


def check_backgrounds(rows: Rows, summary: dict[str, Any]) -> None:
    sets = {summary["test_set"]: summary["systems"], **summary["more_sets"]}
    wanted = [(name, system) for name, systems in sets.items() for system in systems]
    check_names(rows, "system", [system for _, system in wanted])
    columns = ["mean SI-SDRi (dB)", "of the residual", "leak (dB)", "false activity"]
    for row, (name, system) in zip(rows, wanted, strict=True):
        assert list(row) == ["set", "background (dB)", "system", *columns] and row["set"] == name
        check_list(row["background (dB)"], "to", summary["data"].get(name, {}).get("background_db") or [None, None])
        figures = [system.get(key, {}).get("mean") for key in ("si_sdri_db", "residual_si_sdri_db", "absent_leak_db")]
        for column, value, places in zip(columns, [*figures, system["false_activity"]], (1, 1, 1, 3), strict=True):
            check_number(row[column], value, places)


def check_levels(rows: Rows, systems: list[dict[str, Any]]) -> None:
    labels = ["all", "below -15 dB", "-15 to -10 dB", "-10 to -5 dB", "-5 to 0 dB", "0 dB and more"]
    check_names(rows, "system", systems)
    for row, system in zip(rows, systems, strict=True):
        for column, label, figures in zip(list(row)[1:], labels, system["level_error_db"].values(), strict=True):
            assert column == f"{label} (n={figures['n']})"
            check_list(row[column], "/", [figures["median_absolute"], figures["mean"]])


def check_classified(rows: Rows, found: list[dict[str, Any]], column: str) -> None:
    check_names(rows, column, found)
    for row, scores in zip(rows, found, strict=True):
        if column == "system":
            assert row["classifier"] == scores["classifier"]
        for heading, key in FIGURES.items():
            if heading in row:
                check_number(row[heading], scores[key], 3)
            else:
                assert scores.get(key) is None
        assert set(row) <= {column, "classifier", *FIGURES}


def check_parts(rows: Rows, summary: dict[str, Any]) -> None:
    about = {system["name"]: system["about"] for system in summary["systems"]}
    for row, compared in zip(rows, summary["comparisons"], strict=True):
        assert (row["system"], row["compared with"]) == (short(compared["system"]), short(compared["with"]))
        assert row["what it is"] == (about[compared["system"]] or "–")
        check_number(row["difference (dB)"], compared["difference_db"], 1)
        check_list(row["95 % interval"], "to", compared["ci95"])
        if compared["p"] is not None and compared["p"] < 0.001:
            assert row["p"] == "< 0.001"
        else:
            check_number(row["p"], compared["p"], 3)
        check_number(row["pairs"], compared["n"], 0)
        assert len(row) == 7


def check_seeds(rows: Rows, found: list[dict[str, Any]]) -> None:
    assert [row["system"] for row in rows] == [short(one["system"]) for one in found]
    for row, figures in zip(rows, found, strict=True):
        means, medians = figures["means_db"], figures["medians_db"]
        check_number(row["seeds"], len(figures["seeds"]), 0)
        check_number(row["mean SI-SDRi (dB)"], figures["mean_db"], 2)
        check_number(row["standard deviation"], figures["sd_db"], 2)
        check_number(row["lowest"], min(means), 2)
        check_number(row["highest"], max(means), 2)
        check_number(row["mean of the medians"], sum(medians) / len(medians), 2)
        assert len(row) == 7


def check_gap(rows: Rows, here: list[dict[str, Any]], main: list[dict[str, Any]], names: tuple[str, str]) -> None:
    means = {one["name"]: one["si_sdri_db"]["mean"] for one in main if one["supervision"] != "unprocessed"}
    both = [system for system in here if system["name"] in means]
    check_names(rows, "system", both)
    for row, system in zip(rows, both, strict=True):
        there, mean = means[system["name"]], system["si_sdri_db"]["mean"]
        check_number(row[f"on {names[0]} (dB)"], mean, 1)
        check_number(row[f"on {names[1]} (dB)"], there, 1)
        check_number(row["gap (dB)"], mean - there, 1)
        assert len(row) == 4


def check_worse(rows: Rows, systems: list[dict[str, Any]], key: str) -> None:
    rated = [system for system in systems if is_trained(system)]
    check_names(rows, "system", rated)
    for row, system in zip(rows, rated, strict=True):
        shares = system["worse"][key]
        check_number(row["all"], system["worse"]["all"], 3)
        for column, label, share in zip(list(row)[2:], LABELS.get(key, list(shares)), shares.values(), strict=True):
            assert column == label
            check_number(row[column], share, 3)


def check_found(rows: Rows, systems: list[dict[str, Any]]) -> None:
    rated = [system for system in systems if is_trained(system)]
    check_names(rows, "system", rated)
    for row, system in zip(rows, rated, strict=True):
        counts = system["worse"]["found_in"]
        total = sum(counts.values())
        check_number(row["made worse"], total, 0)
        headings = ("in its own output", "in another active class's", "in an absent class's")
        for heading, key in zip(headings, ("own", "active", "absent"), strict=True):
            check_number(row[heading], counts[key] / total if total else None, 3)
        assert len(row) == 5


AGREEMENT = {
    "own class": "own_class",
    "other class": "other_class",
    "first choice": "first_choice",
    "in absent classes": "inactive_classes",
    "outside events": "inactive_frames",
    "residual": "residual",
    "unexplained": "unexplained",
}


def check_agreement(rows: Rows, sources: list[dict[str, Any]]) -> None:
    check_names(rows, "system", sources)
    shown = [heading for heading, key in AGREEMENT.items() if any(one[key] is not None for one in sources)]
    compared = ["gain", "95 % interval", "recordings"] if any(one["name"] in BASELINES for one in sources) else []
    for row, one in zip(rows, sources, strict=True):
        assert list(row) == ["system", *shown, *compared]
        if compared:
            check_number(row["gain"], one["gain"]["mean"], 3)
            check_list(row["95 % interval"], "to", one["gain"]["ci95"], 3)
            check_number(row["recordings"], one["gain"]["recordings"] or None, 0)  # of nothing to compare with
        for heading in shown:
            value = one[AGREEMENT[heading]]
            check_number(row[heading], value and min(value, 1.0), 3)


def is_trained(system: dict[str, Any]) -> bool:
    return system["supervision"] not in ("unprocessed", "oracle")


def check_training(rows: Rows, training: list[dict[str, Any]]) -> None:
    check_names(rows, "training", training)
    for row, facts in zip(rows, training, strict=True):
        assert row["labels"] == facts["trained_from"]
        assert row["classifier"].removesuffix(" (joint)") == (facts["classifier"] or "–")
        assert row["classifier"].endswith(" (joint)") == bool(facts["classifier"] and facts["joint"])
        for heading, key in TRAINING.items():
            check_number(row[heading], facts[key], 0)
        check_number(row["minutes"], facts["minutes"], 1)
        if "temperature" in row:
            check_number(row["temperature"], facts["temperature"], 1)
        assert len(row) == len(TRAINING) + 4 + ("temperature" in row)
    calibrated = any(facts.get("temperature") for facts in training)
    assert all(("temperature" in row) == calibrated for row in rows)


def check_data(rows: Rows, data: dict[str, Any]) -> None:
    for row, (name, facts) in zip(rows, data.items(), strict=True):
        assert row["set"] == name and len(row) == 5
        check_number(row["mixtures"], facts["mixtures"], 0)
        check_number(row["hours"], facts["hours"], 2)
        check_number(row["active classes, mean"], facts["mean_active_classes"], 2)
        check_number(row["with two or more"], facts["two_or_more"], 0)


def check_times(rows: Rows, times: list[dict[str, Any]]) -> None:
    wanted = [(f"{one['stage']} {one['name']}", one["seconds"]) for one in times]
    wanted.append(("all", sum(seconds for _, seconds in wanted)))
    units = {"h": 3600, "min": 60, "s": 1}
    for row, (name, seconds) in zip(rows, wanted, strict=True):
        words = row["time"].split()
        printed = sum(float(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
        coarse = {"h": 60, "min": 1}.get(words[1], 0.1)  # what the last unit leaves out
        assert row["stage"] == name and -coarse / 2 - 1e-9 <= seconds - printed < coarse, row


def check_legend(page: str, tables: dict[str, Rows], systems: list[dict[str, Any]]) -> None:
    """All that the page explains of the column "trained from" stands in it, and all kinds of what stands there are
    explained."""
    told = {row["trained from"] for rows in tables.values() for row in rows if "trained from" in row}
    explained = set(re.findall(r'"(\([^"]+\)|\+ [^"]+)"', " ".join(page.split())))
    for words in explained:
        assert any(words in text for text in told), f"{words} is explained, and no system has it"
    kinds: dict[str, set[str]] = {}
    for system in systems:
        if system["trained_from"] in told:
            for kind, words in system["variants"].items():
                assert words in system["trained_from"]
                kinds.setdefault(kind, set()).update((f"({words})", f"+ {words}"))
    for kind, forms in kinds.items():
        assert forms & explained, f"{kind} is not explained"
    brackets = {match for text in told for match in re.findall(r"\(.+?\)|\+ \d+ % \w+", text)}
    assert brackets <= set().union(*kinds.values()), "what is this?"


def check_page(page: str, summary: dict[str, Any]) -> None:
    """Every table of a page. AssertionError says what differs from the JSON, also a table that is not known here."""
    systems = summary["systems"]
    some = any(s["headline"] and is_trained(s) for s in systems) and sum(map(is_trained, systems)) > 8
    tables = tables_of(page)
    for title, rows in tables.items():
        name = title.partition(" (mean / median")[0]
        on = re.fullmatch(r"(?:Separation|SI-SDRi) on (\w+)(| by number of active classes)", name)
        gap = re.fullmatch(r"Gap between (\w+) and (\w+)", name)
        worse = re.fullmatch(r"Targets made worse, by (.+)", name)
        if gap:
            check_gap(rows, summary["more_sets"][gap[1]], systems, (gap[1], gap[2]))
        elif worse:
            check_worse(rows, systems, SPLITS[f"SI-SDRi by {worse[1]}"])
        elif name == "Targets made worse, and where they are":
            check_found(rows, systems)
        elif name == "Several seeds":
            check_seeds(rows, summary["seeds"])
        elif on and on[2]:
            check_split(rows, summary["more_sets"][on[1]], "by_active_classes")
        elif on:
            check_separation(rows, summary["more_sets"][on[1]])
        elif name in ("Separation", "All systems"):
            first = name == "Separation" and some
            check_separation(rows, [s for s in systems if s["headline"] or not first])
        elif name == "What each part is worth":
            check_parts(rows, summary)
        elif name in SPLITS:
            check_split(rows, systems, SPLITS[name])
        elif name == "Mixtures of one class, and leak into absent classes":
            check_figures(rows, systems, ["single_class_si_sdr_db", "absent_leak_db"])
        elif name == "Level of each class (median absolute error / mean error, dB)":
            check_levels(rows, systems)
        elif name == "Confidence":
            check_confidence(rows, systems)
        elif name == "By level of the background":
            check_backgrounds(rows, summary)
        elif name == "BSS eval":
            keys = ["sdr_db", "sir_db", "sar_db"]
            check_figures(rows, [s for s in systems if any(s[key]["n"] for key in keys)], keys)
        elif name == "Classifiers on the mixtures":
            check_classified(rows, summary["classifiers"], "classifier")
        elif name == "Separated sources, by the evaluation classifier":
            check_classified(rows, summary["sources"], "system")
        elif name == "Separated sources against their labels, without references":
            check_agreement(rows, [one for one in summary["sources"] if any(one.get(k) for k in AGREEMENT.values())])
        elif name == "Training":
            check_training(rows, summary["training"])
        elif name == "Data":
            check_data(rows, summary["data"])
        else:
            assert name == "Time", f"{title}: a table of which the test knows nothing"
            check_times(rows, summary["stage_times"])
    optional = {"What each part is worth": "comparisons", "Training": "training", "Data": "data", "Time": "stage_times"}
    for title, key in optional.items():
        assert (title in tables) == bool(summary[key]), title
    check_legend(page, tables, systems + [system for more in summary["more_sets"].values() for system in more])
    environment = summary["environment"]
    for key in ("date", "commit", "weaksep", "python", "torch", "numpy"):
        assert str(environment[key] or "unknown") in page.rpartition("## Environment")[2]


def test_all_tables_of_a_large_page(made_summary: dict[str, Any]) -> None:
    page = render(made_summary)
    assert len(tables_of(page)) == 25
    check_page(page, made_summary)


def test_a_changed_digit_is_seen(made_summary: dict[str, Any]) -> None:
    page = render(made_summary)
    draw = random.Random(0)
    table = [match for match in re.finditer(r"^\|.*$", page, re.MULTILINE) if not match[0].startswith("| :-")]
    places = [line.start() + at for line in table for at, letter in enumerate(line[0]) if letter.isdigit()]
    for place in draw.sample(places, 150):
        other = draw.choice([digit for digit in "0123456789" if digit != page[place]])
        spoilt = page[:place] + other + page[place + 1 :]
        with pytest.raises((AssertionError, KeyError)):
            check_page(spoilt, made_summary)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_committed_pages(page: Path) -> None:
    results = page.with_name("results.json")
    summary = json.loads(results.read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    check_page(text, summary)
    assert text == render(summary), f"weaksep report --from {results} makes another page"
