"""DATA.md in a data folder: what is there to learn from, and what is wrong with it, before anything is trained.

It lies beside the sets, not beside RESULTS.md: it is about this data, whatever is trained from it, and goes with it.
"""

import logging
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import did_you_mean, raise_problems
from weaksep.fileio.atomic import atomic_path, write_json, write_text
from weaksep.fileio.datadir import DATA_TABLES, TIMED_NAME, DataDir
from weaksep.fileio.inputs import files_of, tables_of
from weaksep.fileio.jsontext import load_object
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import STAMP_NAME, Step, run_step
from weaksep.fileio.tables import read_lines
from weaksep.recordings.diagnose import SETS, STOPS, facts_of, findings, trainings_of
from weaksep.report.figures_style import COLOURS
from weaksep.report.formats import text_table
from weaksep.report.write import optional

logger = logging.getLogger(__name__)

PAGE_NAME, FIGURE_NAME, FACTS_NAME = "DATA.md", "DATA.png", "DATA.json"
MOST_CLASSES = 40  # in the figure: more cannot be read
OWN_COLOUR = "#b8b8b8"  # of the diagonal, where a class meets itself

_TEXT = """\
# Data in `{place}`

{findings}

## Sets

{sets}

Labels: classes of a clip, on average. Silent: clips with labels in which there is nothing to hear.

## Classes

{classes}

Recordings on each side of the split, then training clips: those of the class, those of it alone (worth most in
remixing), and silent ones.

{figure}
{trainings}
All figures are in {facts}; `weaksep diagnose` makes this page."""
_TRAININGS = """
## Trainings

{table}

Steps: of all epochs; one has clips / batch, or what `optim.epoch_steps` says. The trainings of the shipped tables have
564 to 1,880 where the sounds are synthetic, and with remixing 3,750 to 7,000 on real recordings; after 750, isolated
sources have given 1.5 dB there.
"""
_FIGURE = """\
![Recordings of each class, and which classes occur together](DATA.png)

To the right, the share of the training clips of a row's class that hold the column's: at 100 % nothing but event times
can tell the class from the other (docs/method/labels.md in weaksep's repository says why). The diagonal is grey:
there a class meets itself. Of more than 40 classes the figure has the most frequent."""
_NO_FIGURE = "No figure: that takes matplotlib (pip install 'weaksep[report]', then again with --force true)."


def render(facts: Mapping[str, Any], place: Path, drawn: bool) -> str:
    """The page as Markdown; see ``facts_of``."""
    lines = [
        f"- **{name}**{' (makes a result meaningless)' if name in STOPS else ''}: {what}.\n  *Remedy:* {remedy}."
        for name, what, remedy in facts["findings"]
    ]
    sets = [
        (name, own["recordings"], own["clips"], f"{own['hours']:.2f}", f"{own['labels'] / own['clips']:.2f}",
         own["clips"] - own["labelled"], own["silent"])
        for name, own in ((name, facts[name]) for name in SETS)
    ]  # fmt: skip
    train = facts["train"]
    columns = (*(facts[name]["recordings_of"] for name in SETS), np.diagonal(train["both"]))
    classes = zip(facts["classes"], *columns, train["alone_of"], train["silent_of"], strict=True)
    keys = ("system", "supervision", "epochs", "batch", "steps")
    trainings = [[row[key] for key in keys] for row in facts["trainings"]]
    return _TEXT.format(
        place=place,
        findings="\n".join(lines) or "Nothing was found that speaks against training from these labels.",
        sets=text_table(("set", "recordings", "clips", "hours", "labels", "unlabelled", "silent"), sets),
        classes=text_table(("class", *SETS, "clips", "alone", "silent"), list(classes)),
        figure=_FIGURE if drawn else _NO_FIGURE,
        trainings=_TRAININGS.format(
            table=text_table(keys, trainings, (0, 1))
        ) if trainings else "",
        facts=FACTS_NAME,
    ) + "\n"  # fmt: skip


def draw(path: Path, facts: Mapping[str, Any]) -> Path:
    """The figure: recordings of each class in each set, and the share of its training clips that hold another class."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    both = np.array(facts["train"]["both"])
    order = np.sort(np.argsort(-both.diagonal(), kind="stable")[:MOST_CLASSES])
    names = [facts["classes"][k] for k in order]
    size = 0.32 * len(order)
    figure = Figure(figsize=(9 + 0.6 * size, max(2.6, 1.3 + size)), layout="constrained")
    bars, shares = figure.subplots(1, 2, sharey=True)
    for number, name in enumerate(SETS):
        values = [facts[name]["recordings_of"][k] for k in order]
        places = np.arange(len(order)) + 0.27 * (number - 1)
        drawn = bars.barh(places, values, 0.25, color=COLOURS[number], label=name)
        bars.bar_label(drawn, fontsize="x-small", padding=2)
    bars.set(xlabel="recordings", yticks=range(len(order)), yticklabels=names, xmargin=0.1)
    bars.xaxis.get_major_locator().set_params(integer=True)
    bars.legend(fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    grid = (100 * both / np.maximum(1, both.diagonal())[:, None])[np.ix_(order, order)]
    np.fill_diagonal(grid, np.nan)  # a class with itself: always 100 %, and no finding
    cmap = colormaps["Blues"].with_extremes(bad=OWN_COLOUR)
    figure.colorbar(shares.imshow(grid, cmap=cmap, vmin=0, vmax=100, aspect="auto"), ax=shares)
    shares.set_title("% of the row's training clips that hold the column's class", fontsize="medium")
    few = len(order) <= MOST_CLASSES // 2
    shares.set_xticks(range(len(order)), names, rotation=45 if few else 90, ha="right", rotation_mode="anchor")
    shares.tick_params(labelleft=False)
    for i, j in permutations(range(len(order)), 2) if few else ():
        look = {"ha": "center", "va": "center", "fontsize": "small", "color": "white" if grid[i, j] > 60 else "black"}
        shares.text(j, i, f"{grid[i, j]:.0f}", **look)
    shares.set_ylim(len(order) - 0.5, -0.5)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, facecolor="white")
    return path


def diagnose(
    datadir: Path, systems: Sequence[Mapping[str, Any]], accept: Sequence[str], *, nj: int, force: bool
) -> None:
    """Write DATA.md, DATA.png and DATA.json unless they are up to date, and judge what was found.

    Args:
        datadir: folder of the sets.
        systems: that will be trained, see ``trainings_of``; empty when nobody knows.
        accept: names of findings to go on in spite of.
        nj: worker processes.
        force: although nothing has changed.

    Raises:
        UserError: a set is missing or damaged, ``accept`` holds a name that is none, or something was found that makes
            a result meaningless and is not accepted.
    """
    hints = {name: did_you_mean(name, STOPS, f"there are {', '.join(STOPS)}") for name in accept if name not in STOPS}
    raise_problems("--accept", [f"no finding {name!r} that would stop a run; {hint}" for name, hint in hints.items()])

    def work(claims: Shards) -> None:
        claims.begin(datadir / name for name in (PAGE_NAME, FIGURE_NAME, FACTS_NAME))
        facts = facts_of(datadir, nj)
        facts["trainings"] = trainings_of(facts, systems)
        facts["findings"] = findings(facts, facts["trainings"], accept)
        drawn = optional("figure of the data", draw, datadir / FIGURE_NAME, facts)
        write_text(datadir / PAGE_NAME, render(facts, datadir, drawn is not None))
        write_json(datadir / FACTS_NAME, facts)
        logger.info("written: %s, %d finding(s)", datadir / PAGE_NAME, len(facts["findings"]))

    sets = {name: DataDir.load(datadir / name) for name in SETS}
    step = Step(
        name=str(datadir / PAGE_NAME),
        folder=datadir,
        settings={"systems": systems, "accept": [name for name in accept if name == "names-alike"]},
        tables={
            name: path
            for data in sets.values()
            for name, path in tables_of(data.path, (*DATA_TABLES, TIMED_NAME, "scenes.jsonl")).items()
        },
        files={name: file for data in sets.values() for name, file in files_of(data.path, ["wav.scp"]).items()},
        code=["weaksep.report.data_page"],
        outputs=[PAGE_NAME, FIGURE_NAME, FACTS_NAME],
        stamp_name=f"diagnose.{STAMP_NAME}",
    )
    worked = run_step(step, work, force=force)
    facts = load_object("\n".join(read_lines(datadir / FACTS_NAME)), str(datadir / FACTS_NAME), "give --force true")
    stops = [finding for finding in facts["findings"] if finding[0] in STOPS and finding[0] not in accept]
    for finding in facts["findings"] if worked else ():
        if finding not in stops:
            logger.warning("%s: %s; %s", *finding)
    title = f"{datadir}: a result would be meaningless ({PAGE_NAME} has all); mend it as told, or --accept NAMES"
    raise_problems(title, [f"{name}: {what}; {remedy}" for name, what, remedy in stops])
