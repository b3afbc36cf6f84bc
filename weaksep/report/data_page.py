"""DATA.md in a data folder: what is there to learn from, and what is wrong with it, before anything is trained.

It lies beside the sets, not beside RESULTS.md: it is about this data, whatever is trained from it, and goes with it.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from weaksep.errors import raise_problems
from weaksep.fileio.atomic import atomic_path, write_json, write_text
from weaksep.fileio.datadir import DATA_TABLES, TIMED_NAME, DataDir
from weaksep.fileio.inputs import tables_of
from weaksep.fileio.jsontext import load_object
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import STAMP_NAME, Step, run_step
from weaksep.fileio.tables import read_lines
from weaksep.recordings.diagnose import facts_of, known_names
from weaksep.recordings.findings import Budget
from weaksep.recordings.inventory import SETS, take_stock
from weaksep.report.content import WIDTH
from weaksep.report.figures_style import COLOURS
from weaksep.report.formats import markdown_table
from weaksep.report.table import COUNT, FIGURE2, TEXT, field, table_of
from weaksep.report.write import optional

logger = logging.getLogger(__name__)

PAGE_NAME, FIGURE_NAME, FACTS_NAME = "DATA.md", "DATA.png", "DATA.json"
MOST_CLASSES = 40  # in the figure: more cannot be read

_TEXT = """\
# Data in `{place}`

{findings}

## Sets

{sets}

Labels: classes of a clip, on average. Silent: clips with labels in which there is nothing to hear.

## Classes

{classes}

Recordings on each side of the split, then training clips: those of the class, those of it alone (worth most in
remixing), silent ones, and the class that occurs in most of the class's clips.

{figure}
{trainings}
All figures are in {facts}; `weaksep diagnose` makes this page."""
_TRAININGS = """
## Trainings

{table}

Steps: clips / batch in each of the epochs. The trainings of the shipped tables have 564 to 1,880 where the sounds are
synthetic, and with remixing 3,750 and 4,500 on real recordings; after 750, isolated sources have given 1.5 dB there.
"""
_FIGURE = """\
![Recordings of each class, and which classes occur together](DATA.png)

To the right, the share of the training clips of a row's class that hold the column's: two classes with 100 % both ways
cannot be told apart (egs/urbansound_mix/REMIX.md)."""
_NO_FIGURE = "No figure: that takes matplotlib (pip install 'weaksep[report]', then again with --force true)."


def render(facts: Mapping[str, Any], place: Path, drawn: bool) -> str:
    """The page as Markdown; see ``facts_of``."""
    lines = [
        fill(f"- **{found['name']}**{', which makes a result meaningless' if found['meaningless'] else ''}: "
             f"{found['what']}. *Remedy:* {found['remedy']}.", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for found in facts["findings"]
    ]  # fmt: skip
    sets = table_of("sets", "", facts["sets"], [
        field("set", TEXT, "set"), *(field(name, COUNT, name) for name in ("recordings", "clips")),
        *(field(name, FIGURE2, name) for name in ("hours", "labels")),
        *(field(name, COUNT, name) for name in ("unlabelled", "silent")),
    ])  # fmt: skip
    classes = table_of("classes", "", facts["classes"], [
        field("class", TEXT, "class"), *(field(name, COUNT, ("recordings", name)) for name in SETS),
        *(field(name, COUNT, name) for name in ("clips", "alone", "silent")), field("most often with", TEXT, "beside"),
    ])  # fmt: skip
    trainings = table_of("trainings", "", facts["trainings"], [
        field("system", TEXT, "system"), field("labels", TEXT, "supervision"),
        *(field(heading, COUNT, key) for heading, key in (("epochs", "epochs"), ("batch", "batch_size"))),
        field("steps", COUNT, "steps"),
    ])  # fmt: skip
    return _TEXT.format(
        place=place,
        findings="\n".join(lines) or "Nothing was found that speaks against training from these labels.",
        sets=markdown_table(sets),
        classes=markdown_table(classes),
        figure=_FIGURE if drawn else _NO_FIGURE,
        trainings=_TRAININGS.format(table=markdown_table(trainings)) if trainings.rows else "",
        facts=FACTS_NAME,
    ) + "\n"  # fmt: skip


def draw(path: Path, facts: Mapping[str, Any]) -> Path:
    """The figure: recordings of each class in each set, and the share of its training clips that hold another class."""
    from matplotlib.figure import Figure

    order = sorted(range(len(facts["classes"])), key=lambda k: -facts["classes"][k]["clips"])[:MOST_CLASSES]
    order.sort()
    shown = [facts["classes"][k] for k in order]
    size = 0.32 * len(order)
    figure = Figure(figsize=(9 + 0.6 * size, max(2.6, 1.3 + size)), layout="constrained")
    bars, shares = figure.subplots(1, 2, sharey=True)
    for number, (name, colour) in enumerate(zip(SETS, COLOURS, strict=False)):
        places = [row + 0.27 * (number - 1) for row in range(len(order))]
        values = [row["recordings"][name] for row in shown]
        bars.bar_label(bars.barh(places, values, 0.25, color=colour, label=name), fontsize="x-small", padding=2)
    bars.set(xlabel="recordings", yticks=range(len(order)), yticklabels=[row["class"] for row in shown])
    bars.margins(x=0.1)
    bars.legend(fontsize="small", ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    grid = [[100 * facts["together"][i][j] for j in order] for i in order]
    image = shares.imshow(grid, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    shares.set_title("of its training clips, those that hold another class too (%)", fontsize="medium")
    shares.set_xticks(range(len(order)))
    shares.set_xticklabels([row["class"] for row in shown], rotation=45, ha="right", rotation_mode="anchor")
    shares.tick_params(labelleft=False)
    for i, row in enumerate(grid if len(order) <= MOST_CLASSES // 2 else ()):
        for j, value in enumerate(row):
            shares.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize="small",
                        color="white" if value > 60 else "black")  # fmt: skip
    figure.colorbar(image, ax=shares)
    shares.set_ylim(len(order) - 0.5, -0.5)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, facecolor="white")
    return path


def diagnose(datadir: Path, budgets: Sequence[Budget], accept: Sequence[str], *, nj: int, force: bool) -> None:
    """Write DATA.md, DATA.png and DATA.json unless they are up to date, and judge what was found.

    Args:
        datadir: folder of the sets.
        budgets: of the systems that will be trained; empty when nobody knows.
        accept: names of findings to go on in spite of.
        nj: worker processes.
        force: although nothing has changed.

    Raises:
        UserError: a set is missing or damaged, ``accept`` holds a name that is none, or something was found that makes
            a result meaningless and is not accepted.
    """
    accepted = known_names(accept)

    def work(claims: Shards) -> None:
        claims.begin(datadir / name for name in (PAGE_NAME, FIGURE_NAME, FACTS_NAME))
        facts = facts_of(take_stock(datadir, nj), budgets)
        drawn = optional("figure of the data", draw, datadir / FIGURE_NAME, facts)
        write_text(datadir / PAGE_NAME, render(facts, datadir, drawn is not None))
        write_json(datadir / FACTS_NAME, facts)
        logger.info("written: %s, %d finding(s)", datadir / PAGE_NAME, len(facts["findings"]))

    sets = {name: DataDir.load(datadir / name) for name in SETS}
    step = Step(
        name=str(datadir / PAGE_NAME),
        folder=datadir,
        settings={"budgets": [budget._asdict() for budget in budgets]},
        tables={
            name: path
            for data in sets.values()
            for name, path in tables_of(data.path, (*DATA_TABLES, TIMED_NAME, "scenes.jsonl")).items()
        },
        files={f"{name}/{utt}": path for name, data in sets.items() for utt, path in data.wav.items()},
        code=["weaksep.report.data_page"],
        outputs=[PAGE_NAME, FIGURE_NAME, FACTS_NAME],
        stamp_name=f"diagnose.{STAMP_NAME}",
    )
    worked = run_step(step, work, force=force)
    facts = load_object("\n".join(read_lines(datadir / FACTS_NAME)), str(datadir / FACTS_NAME), "give --force true")
    lines: dict[bool, list[str]] = {True: [], False: []}  # whether it ends the run
    for found in facts["findings"]:
        ends = found["meaningless"] and found["name"] not in accepted
        lines[ends].append(f"{found['name']}: {found['what']}; {found['remedy']}")
    for line in lines[False] if worked else ():
        logger.warning("%s", line)
    title = f"{datadir}: a result would be meaningless ({PAGE_NAME} has all); mend the data, or give --accept NAMES"
    raise_problems(title, lines[True])
