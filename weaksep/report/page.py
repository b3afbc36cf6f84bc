"""exp/report/index.html: results, figures and sounds in one file that opens from the disk and loads nothing else."""

import base64
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.report.aggregate import Score
from weaksep.report.content import all_tables
from weaksep.report.environment import environment_lines
from weaksep.report.examples import DRAWN, KINDS
from weaksep.report.figures_style import families, headline, oracles
from weaksep.report.page_audio import LIMIT_BYTES, Listening, gather
from weaksep.report.recordings import behind
from weaksep.report.systems import short_name
from weaksep.report.table import TEXT, Table, best_rows, interval, leading, number, shown
from weaksep.report.tables import has_references
from weaksep.report.verdict import findings

logger = logging.getLogger(__name__)

PAGE_NAME = "index.html"
TEMPLATES = Path(__file__).with_name("templates")
FIGURES = {
    "si_sdri": (
        "All systems",
        "Mean SI-SDRi of every system with the 95 % interval of the mean (bar), and the median (black stroke).",
    ),
    "active_classes": (
        "By number of active classes",
        "Mean SI-SDRi. n: pairs of a mixture and an active class.",
    ),
    "overlap": (
        "By overlap",
        "Mean SI-SDRi by the share of a class's time in which another class sounds too.",
    ),
    "classes": (
        "By class",
        "Quartiles of SI-SDRi, whiskers from the 5th to the 95th percentile, and some of the pairs beyond. An arrow "
        "says where a whisker ends that leaves the panel.",
    ),
    "example_good": ("A mixture that went well", "Labels, references, estimated masks and separated sources."),
    "example_median": ("A mixture in the middle", "Labels, references, estimated masks and separated sources."),
    "example_poor": ("A mixture that went badly", "Labels, references, estimated masks and separated sources."),
    "training": ("Trainings", "Training and validation loss by epoch; the dotted line is the best validation loss."),
}
# Of the two figures that have a panel for each family of systems, where there are several.
PANELS = " The headline systems are repeated in grey in all panels but the first, which has a scale of its own."
BADGES = {**{kind: f"{kind}: near the {100 * share:.0f}th percentile" for kind, share in KINDS.items()}, DRAWN: DRAWN}
BADGES["median"] = "median"
_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def page_table(table: Table) -> dict[str, Any]:
    """A table as the template wants it: ``numeric`` says of each column whether it holds numbers.

    A cell has a text, the number that it is sorted by (None: by its text), and may be the best of its column.
    """
    numeric = [column.kind is not TEXT for column in table.columns]
    best = [best_rows(table, index) for index in range(len(table.columns))]
    rows = [
        [
            {"text": text, "value": leading(cell) if numeric[index] else None, "best": number in best[index]}
            for index, (text, cell) in enumerate(zip(texts, row, strict=True))
        ]
        for number, (texts, row) in enumerate(zip(shown(table), table.rows, strict=True))
    ]
    return {
        "key": re.sub(r"[^A-Za-z0-9]+", "-", table.key),  # an id of the page, whatever a set is called
        "title": table.title,
        "paragraphs": table.text.split("\n\n") if table.text else [],
        "headings": [column.heading for column in table.columns],
        "numeric": numeric,
        "rows": rows,
    }


def _figure(folder: Path, name: str) -> str | None:
    """A figure as a data URL, of its two files the smaller one; None when there is none."""
    found = [path for path in (folder / f"{name}.{suffix}" for suffix in _TYPES) if path.is_file()]
    path = min(found, key=lambda file: (file.stat().st_size, file), default=None)
    if path is None:
        return None
    return f"data:{_TYPES[path.suffix[1:]]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _tiles(systems: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures that one looks at first: headline systems and the best oracle; none without references."""
    scored = [system for system in oracles(systems) if system["si_sdri_db"]["mean"] is not None]
    best = sorted(scored, key=lambda system: -system["si_sdri_db"]["mean"])[:1]
    return [
        {
            "name": short_name(system["name"]),
            "origin": system["trained_from"] if system in best else f"trained from: {system['trained_from']}",
            "mean": number(system["si_sdri_db"]["mean"]),
            "interval": system["si_sdri_db"]["ci95"][0] is not None and interval(system["si_sdri_db"]["ci95"]),
            "supervision": system["supervision"],
            "no_op": bool(system.get("no_op")),
        }
        for system in ([*headline(systems)[::-1], *best] if has_references(systems) else [])
    ]


def write_page(
    folder: Path,
    summary: dict[str, Any],
    scores: Mapping[str, Sequence[Score]],
    expdir: Path,
    datadir: Path,
    limit: int = LIMIT_BYTES,
) -> Path:
    """Write folder/index.html.

    Args:
        folder: exp/report; figures are taken from its folder ``figures``.
        summary: see ``collect``.
        scores: system name -> rows of its table for the summary's test set.
        expdir: experiments, for separated audio.
        datadir: folder of the sets, for mixtures and references.
        limit: bytes that the audio may take; see ``gather``.

    Returns:
        the page's path.
    """
    import jinja2
    from markupsafe import Markup, escape

    try:
        listening = gather(summary["systems"], scores, expdir, datadir / summary["test_set"], limit)
    except UserError as error:  # the numbers are there all the same
        logger.warning("nothing to hear on the page: %s", error)
        listening = Listening()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["code"] = lambda text: Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))
    environment.filters["short"] = short_name
    more = {name: PANELS for name in ("active_classes", "overlap") if len(families(summary["systems"])) > 1}
    figures = [
        (name, title, caption + more.get(name, ""), _figure(folder / "figures", name))
        for name, (title, caption) in FIGURES.items()
    ]
    text = environment.get_template("page.html").render(
        summary=summary,
        warnings=findings(summary),
        tiles=_tiles(summary["systems"]),
        behind=behind(summary, summary["test_set"]),
        tables=[page_table(table) for table in all_tables(summary)],
        figures=[figure for figure in figures if figure[-1] is not None],
        listening=listening,
        badges=BADGES,
        environment=environment_lines(summary["environment"]).items(),
        # Our own files, put in as they are.
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    )
    path = folder / PAGE_NAME
    write_text(path, text)
    return path
