"""Tables about all but the separation: classifiers, trainings, data, time."""

from collections.abc import Sequence
from functools import partial
from operator import itemgetter, methodcaller
from typing import Any

from weaksep.fileio.experiments import EQUAL_SHARES
from weaksep.report.recordings import behind
from weaksep.report.systems import CLASSIFIER_PREFIX, PREFIX, short_name
from weaksep.report.table import (
    COUNT,
    FIGURE,
    FIGURE2,
    FIGURE3,
    INTERVAL3,
    SECONDS,
    TEXT,
    Field,
    Table,
    field,
    table_of,
)
from weaksep.report.tables import SYSTEM, Summary
from weaksep.report.texts import ALONG, TEMPERATURE, TEXTS

# Heading and which is best, of the figures of a classifier, and of separated sources against their labels.
FIGURES = {
    "frame_f1": ("frame F", "high"),
    "clip_f1": ("clip F", "high"),
    "map": ("mAP", "high"),
    "event_f1": ("event F", "high"),
    "psds1": ("PSDS 1", "high"),
    "psds2": ("PSDS 2", "high"),
}
AGREEMENT = {
    "own_class": ("own class", "high"),
    "other_class": ("other class", "low"),
    "first_choice": ("first choice", "high"),
    "inactive_classes": ("in absent classes", "low"),
    "inactive_frames": ("outside events", "low"),
    "residual": ("residual", ""),
    "unexplained": ("unexplained", "low"),
}


def _figures(found: Sequence[dict[str, Any]], names: dict[str, tuple[str, str]]) -> list[Field]:
    """A column for each of the figures that somebody has."""
    there = [name for name in names if any(row.get(name) is not None for row in found)]
    return [field(names[name][0], FIGURE3, partial(_share, name), names[name][1]) for name in there]


def _share(name: str, row: dict[str, Any]) -> float | None:
    """A figure between 0 and 1; an energy may be more than the mixture's, and is no share of it then."""
    return None if row.get(name) is None else min(row[name], 1.0)


def _competes(row: dict[str, Any]) -> bool:
    return row["name"].startswith((PREFIX, CLASSIFIER_PREFIX)) and not row.get("no_op")


def classifiers(summary: Summary) -> Table:
    """Classifiers on the mixtures."""
    found = summary["classifiers"]
    along = any(row["name"].startswith(PREFIX) for row in found)
    fields = [field("classifier", TEXT, lambda row: short_name(row["name"])), *_figures(found, FIGURES)]
    text = f"{TEXTS['classifiers']} {ALONG if along else ''}"
    return table_of("classifiers", "Classifiers on the mixtures", found, fields, _competes, text.strip())


def sources(summary: Summary) -> Table:
    """Separated sources as the evaluation classifier hears them."""
    found, title = summary["sources"], "Separated sources, by the evaluation classifier"
    fields = [SYSTEM, field("classifier", TEXT, "classifier"), *_figures(found, FIGURES)]
    return table_of("sources", title, found, fields, _competes, bar=EQUAL_SHARES)


def agreement(summary: Summary) -> Table:
    """Separated sources against weak labels."""
    found = [row for row in summary["sources"] if any(row.get(name) is not None for name in AGREEMENT)]
    title = "Separated sources against their labels, without references"
    fields, texts = [SYSTEM, *_figures(found, AGREEMENT)], [TEXTS["agreement"]]
    if any(row["name"] == EQUAL_SHARES for row in found):
        fields += [
            field("gain", FIGURE3, ("gain", "mean"), "high"),
            field("95 % interval", INTERVAL3, ("gain", "ci95")),
            field("recordings", COUNT, lambda row: row["gain"]["recordings"] or None),
        ]
        texts += [TEXTS["baselines"], behind(summary, summary["test_set"])]
    return table_of("agreement", title, found, fields, _competes, "\n\n".join(filter(None, texts)), bar=EQUAL_SHARES)


def _classifier(facts: dict[str, Any]) -> str:
    name = facts["classifier"] or ""
    return f"{name} (joint)" if name and facts["joint"] else name


def training(summary: Summary) -> Table:
    """What each training was and took."""
    fields = [
        field("training", TEXT, lambda facts: short_name(facts["name"])),
        field("labels", TEXT, "trained_from"),
        field("classifier", TEXT, _classifier),
        field("parameters", COUNT, "parameters"),
        field("epochs", COUNT, "epochs"),
        field("best epoch", COUNT, "best_epoch"),
        field("steps", COUNT, "steps"),
        field("batch", COUNT, "batch_size"),
        field("minutes", FIGURE, "minutes"),
    ]
    text = TEXTS["training"]
    if any(facts.get("temperature") for facts in summary["training"]):
        fields.append(field("temperature", FIGURE, methodcaller("get", "temperature")))
        text += f" {TEMPERATURE}"
    return table_of("training", "Training", summary["training"], fields, text=text)


def data(summary: Summary) -> Table:
    """How much there is of each set."""
    fields = [
        field("set", TEXT, "set"),
        field("mixtures", COUNT, "mixtures"),
        field("hours", FIGURE2, "hours"),
        field("active classes, mean", FIGURE2, "mean_active_classes"),
        field("with two or more", COUNT, "two_or_more"),
    ]
    return table_of("data", "Data", ({"set": name, **facts} for name, facts in summary["data"].items()), fields)


def time(summary: Summary) -> Table:
    """How long each stage took."""
    rows = [(f"{row['stage']} {row['name']}", row["seconds"]) for row in summary["stage_times"]]
    rows += [("all", sum(seconds for _, seconds in rows))] if rows else []
    fields = [field("stage", TEXT, itemgetter(0)), field("time", SECONDS, itemgetter(1))]
    return table_of("time", "Time", rows, fields)
