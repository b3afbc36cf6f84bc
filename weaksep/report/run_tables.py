"""Tables about all but the separation: classifiers, trainings, data, time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weaksep.report.cells import COUNT, FACTOR, HOURS, MINUTES, SECONDS, SHARE, TEXT, Column, Table
from weaksep.report.systems import short_name

Summary = dict[str, Any]

FIGURES = {
    "frame_f1": "frame F",
    "clip_f1": "clip F",
    "map": "mAP",
    "event_f1": "event F",
    "psds1": "PSDS 1",
    "psds2": "PSDS 2",
}
FIGURES_TEXT = """\
F pools the counts of all classes (micro) at a probability of 0.5, over frames, clips or events; an event counts as
found when it begins within 0.2 s of the true one and ends within 0.2 s or a fifth of its length. mAP is the mean over
classes of the average precision of clips. PSDS 1 and 2 are the polyphonic sound detection scores of the two scenarios
of DCASE, over all thresholds: the first wants exact times, the second rather the right class. All are between 0 and 1;
higher is better."""
ALONG_TEXT = "A row with the name of a system is the classifier that was trained along with it."
SOURCES_TEXT = """\
A classifier (the judge) listens to the separated sources: what it says of class k in the source of class k is taken for
the system's detection of class k. The judge on the mixtures themselves is in the table above; the row "unprocessed",
where there is one, gives every class the whole mixture."""
AGREEMENT = {
    "own_class": ("own class", SHARE, "high"),
    "other_class": ("other class", SHARE, "low"),
    "first_choice": ("first choice", SHARE, "high"),
    "inactive_classes": ("in absent classes", SHARE, "low"),
    "inactive_frames": ("outside events", SHARE, "low"),
    "residual": ("residual", SHARE, ""),
    "unexplained": ("unexplained", SHARE, "low"),
}
AGREEMENT_TEXT = """\
What weak labels alone can say of separated sources; no reference is needed. Own class: the probability that the judge
gives a class in its own source, over the classes that occur in each clip; other class: that of the other class that it
hears most there; first choice: how often it hears the own one most. The rest are shares of the mixtures' energy, mean
over clips: in the sources of classes that do not occur; in those of classes that do, outside their labelled events (of
clips with the times of events); in the residual output of a net that has one; in the mixture minus all outputs. A
source may look right here and be wrong, so these stand beside SI-SDRi and not in its place."""
TRAINING_TEXT = """\
Classifier: which one assesses the sources of a weak system in training; "joint" is trained along with it. Best
epoch: the one whose weights are used, that of the smallest validation loss or, where the configuration says `keep:
last`, the last."""
TEMPERATURE_TEXT = """ Temperature: of the masks, chosen after the training on sums of validation clips, of which only
labels are known; above 1 the masks are softer than the net left them."""
TIME_TEXT = """\
The latest run of each stage that had something to do. Trainings run side by side; a stage that went on after an
interruption shows the seconds of its last part only, and the whole of each training is in the table of trainings."""


def _figures(found: Sequence[dict[str, Any]], names: dict[str, str], key: str, title: str, text: str) -> Table:
    """Classifiers' figures; one that nobody has gets no column. ``names``: key in the summary -> heading."""
    figures = [name for name in FIGURES if any(row[name] is not None for row in found)]
    columns = [Column(heading, TEXT) for heading in names.values()]
    columns += [Column(FIGURES[name], SHARE, "high") for name in figures]
    rows = [[*(short_name(row[name]) for name in names), *(row[name] for name in figures)] for row in found]
    trained = ("separator_", "classifier_")
    rated = frozenset(number for number, row in enumerate(found) if row["name"].startswith(trained))
    return Table(key, title, columns, rows, text, rated)


def classifiers(summary: Summary) -> Table:
    """Classifiers on the mixtures."""
    found = summary["classifiers"]
    along = any(row["name"].startswith("separator_") for row in found)
    text = f"{FIGURES_TEXT} {ALONG_TEXT}" if along else FIGURES_TEXT
    return _figures(found, {"name": "classifier"}, "classifiers", "Classifiers on the mixtures", text)


def sources(summary: Summary) -> Table:
    """Separated sources as a classifier hears them."""
    names = {"name": "system", "judge": "judge"}
    title = "Separated sources, judged by a classifier"
    return _figures(summary["sources"], names, "sources", title, SOURCES_TEXT)


def agreement(summary: Summary) -> Table:
    """Separated sources against weak labels."""
    found = [row for row in summary["sources"] if any(row.get(name) is not None for name in AGREEMENT)]
    names = [name for name in AGREEMENT if any(row.get(name) is not None for row in found)]
    columns = [Column("system", TEXT), *(Column(*AGREEMENT[name]) for name in names)]
    rows = [[short_name(row["name"]), *(row.get(name) for name in names)] for row in found]
    rated = frozenset(number for number, row in enumerate(found) if row["name"].startswith("separator_"))
    title = "Separated sources against their labels, without references"
    return Table("agreement", title, columns, rows, AGREEMENT_TEXT, rated)


def _classifier(facts: dict[str, Any]) -> str:
    name = facts["classifier"] or ""
    return f"{name} (joint)" if name and facts["joint"] else name


def training(summary: Summary) -> Table:
    """What each training was and took."""
    keys = ["parameters", "epochs", "best_epoch", "steps", "batch_size", "minutes"]
    columns = [Column("training", TEXT), Column("labels", TEXT), Column("classifier", TEXT)]
    columns += [Column(name, COUNT) for name in ("parameters", "epochs", "best epoch", "steps", "batch")]
    columns.append(Column("minutes", MINUTES))
    text = TRAINING_TEXT
    if any(facts.get("temperature") for facts in summary["training"]):
        keys.append("temperature")
        columns.append(Column("temperature", FACTOR))
        text += TEMPERATURE_TEXT
    rows = [
        [short_name(facts["name"]), facts["trained_from"], _classifier(facts), *map(facts.get, keys)]
        for facts in summary["training"]
    ]
    return Table("training", "Training", columns, rows, text)


def data(summary: Summary) -> Table:
    """How much there is of each set."""
    keys = ("mixtures", "hours", "mean_active_classes", "two_or_more")
    rows = [[name, *(facts[key] for key in keys)] for name, facts in summary["data"].items()]
    columns = [
        Column("set", TEXT),
        Column("mixtures", COUNT),
        Column("hours", HOURS),
        Column("active classes, mean", HOURS),
        Column("with two or more", COUNT),
    ]
    return Table("data", "Data", columns, rows)


def time(summary: Summary) -> Table:
    """How long each stage took."""
    rows: list[list[Any]] = [[f"{row['stage']} {row['name']}", row["seconds"]] for row in summary["stage_times"]]
    rows.append(["all", sum(row["seconds"] for row in summary["stage_times"])])
    return Table("time", "Time", [Column("stage", TEXT), Column("time", SECONDS)], rows, TIME_TEXT)
