"""exp/report/index.html: results, figures and sounds in one file that opens from the disk and loads nothing else."""

from __future__ import annotations

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
from weaksep.report.figures_style import headline, oracles
from weaksep.report.page_audio import Listening, gather
from weaksep.report.page_store import LIMIT_BYTES
from weaksep.report.page_tables import environment_lines, page_table
from weaksep.report.system_tables import has_references
from weaksep.report.systems import short_name
from weaksep.report.tables import interval, number

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
        "Mean SI-SDRi; the headline systems are repeated in grey. n: pairs of a mixture and an active class. The first "
        "panel has a scale of its own.",
    ),
    "overlap": (
        "By overlap",
        "Mean SI-SDRi by the share of a class's time in which another class sounds too; the headline systems are "
        "repeated in grey. The first panel has a scale of its own.",
    ),
    "classes": (
        "By class",
        "Quartiles of SI-SDRi, whiskers from the 5th to the 95th percentile, and some of the pairs beyond. An arrow "
        "says where a whisker ends that leaves the panel.",
    ),
    "example_good": ("A mixture that went well", "Labels, references, estimated masks and separated sources."),
    "example_median": ("A mixture in the middle", "Labels, references, estimated masks and separated sources."),
    "example_worst": ("A mixture that went badly", "Labels, references, estimated masks and separated sources."),
    "training": ("Trainings", "Training and validation loss by epoch; the dotted line is the best validation loss."),
}
_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def _figure(folder: Path, name: str) -> str | None:
    """A figure as a data URL, of its two files the smaller one; None when there is none."""
    found = [folder / f"{name}.{suffix}" for suffix in _TYPES]
    sizes = {path: path.stat().st_size for path in found if path.is_file()}
    if not sizes:
        return None
    path = min(sizes, key=lambda file: (sizes[file], file))
    return f"data:{_TYPES[path.suffix[1:]]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _tiles(systems: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The figures that one looks at first: headline systems and the best oracle."""
    scored = [system for system in oracles(systems) if system["si_sdri_db"]["mean"] is not None]
    best = sorted(scored, key=lambda system: -system["si_sdri_db"]["mean"])[:1]
    tiles = []
    if not has_references(systems):
        return []
    for system in [*headline(systems)[::-1], *best]:
        told = system.get("trained_from") or system["supervision"]
        tiles.append(
            {
                "name": short_name(system["name"]),
                "origin": told if system in best else f"trained from: {told}",
                "mean": number(system["si_sdri_db"]["mean"]),
                "interval": interval(system["si_sdri_db"]["ci95"]),
                "supervision": system["supervision"],
            }
        )
    return tiles


def write_page(
    folder: Path,
    summary: dict[str, Any],
    scores: Mapping[str, Sequence[Score]],
    expdir: Path,
    datadir: Path,
    limit: int = LIMIT_BYTES,
) -> Path | None:
    """Write folder/index.html; without Jinja the log says so, and there is none.

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
    try:
        import jinja2
        from markupsafe import Markup, escape
    except ImportError:
        logger.warning("no listening page without jinja2: pip install jinja2")
        return None
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
    figures = [(name, *words, _figure(folder / "figures", name)) for name, words in FIGURES.items()]
    text = environment.get_template("page.html").render(
        summary=summary,
        tiles=_tiles(summary["systems"]),
        tables=[page_table(table) for table in all_tables(summary)],
        figures=[figure for figure in figures if figure[-1] is not None],
        listening=listening,
        environment=environment_lines(summary.get("environment") or {}),
        # Our own files, put in as they are.
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    )
    path = folder / PAGE_NAME
    write_text(path, text)
    return path
