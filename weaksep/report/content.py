"""All tables of a report as data, in the order of the page, and the page itself as Markdown (RESULTS.md).

They need the summary and nothing else, so that the page can be made again.
"""

import re
import textwrap

from weaksep.report import run_tables, tables
from weaksep.report.aggregate import INPUT_BINS, OVERLAP_BINS
from weaksep.report.environment import environment_lines
from weaksep.report.formats import markdown_table
from weaksep.report.recordings import behind, resampled
from weaksep.report.table import Table
from weaksep.report.tables import Summary, has_references, headline_systems, legend, separation
from weaksep.report.texts import END, MEASURE, TEXTS
from weaksep.report.verdict import findings

WIDTH = 110
MARKUP = re.compile(r"<(?=[A-Za-z/!?])")  # what Markdown would take for the beginning of a tag
# Key in the summary, what it is by, and the bins in words.
SPLITS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("by_active_classes", "number of active classes", {}),
    ("by_class", "class", {}),
    ("by_overlap", "overlap", OVERLAP_BINS),
    ("by_input_si_sdr", "SI-SDR of the mixture", INPUT_BINS),
)


def headline(summary: Summary) -> Table:
    """The table that one looks at first: SI-SDRi; of recordings without references, what labels say of the sources."""
    without, systems = run_tables.agreement(summary), headline_systems(summary["systems"])
    if without.rows and not has_references(summary["systems"]):
        return without
    texts = (MEASURE.format(resampled(summary)), behind(summary, summary["test_set"]), *legend(systems))
    return separation(systems, "separation", "Separation", *texts)


def all_tables(summary: Summary) -> list[Table]:
    """Every table that has rows.

    Args:
        summary: see ``collect``.
    """
    first, sources, classifiers = headline(summary), run_tables.sources(summary), run_tables.classifiers(summary)
    found = [first, sources, classifiers]
    if first.key != "agreement":
        found = [first, *_improvements(summary), classifiers, sources, run_tables.agreement(summary)]
    for name in summary["more_sets"]:
        found += _of_a_further_set(summary, name)
    found += [
        tables.backgrounds(summary),
        run_tables.training(summary),
        run_tables.data(summary),
        run_tables.time(summary),
    ]
    return [table for table in found if table.rows]


def _improvements(summary: Summary) -> list[Table]:
    """The tables after the first that need references."""
    systems, parts = summary["systems"], tables.parts(summary)
    first, text = headline_systems(systems), TEXTS["all_systems"] if parts.rows else ""
    more = separation(systems, "all_systems", "All systems", text, *legend(systems, known=first))
    splits = [tables.split(systems, by, by, f"SI-SDRi by {of} (mean / median, dB)", words) for by, of, words in SPLITS]
    worse = [tables.worse(systems, *SPLITS[1]), tables.worse(systems, *SPLITS[3]), tables.found_in(systems)]
    found = [parts, tables.seeds(summary), *splits, *worse]
    found += [tables.single(systems), tables.levels(systems), tables.confidence(systems)]
    found += [tables.bss_eval(systems)]
    return [more, *found] if len(first) < len(systems) else found


def _of_a_further_set(summary: Summary, name: str) -> list[Table]:
    """What the systems do on a further test set, and by the number of classes in its mixtures."""
    systems = summary["more_sets"][name]
    here, main = (summary["data"].get(key, {}).get("mean_active_classes") for key in (name, summary["test_set"]))
    text = f"The same on the mixtures of `{name}`"
    if here is not None and main is not None:
        text += f", with {here:.2f} active classes on average instead of {main:.2f}"
    texts = (f"{text}.", behind(summary, name), *legend(systems, known=summary["systems"]))
    title = f"SI-SDRi on {name} by number of active classes (mean / median, dB)"
    return [
        tables.gap(summary, name),
        separation(systems, name, f"Separation on {name}", *texts),
        tables.split(systems, "by_active_classes", f"{name}_by_active_classes", title, {}),
    ]


def render(summary: Summary) -> str:
    """The text of RESULTS.md: Markdown, in which names and descriptions cannot be HTML.

    Args:
        summary: see ``collect``.
    """

    def wrapped(text: str) -> str:
        return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)

    title = f"# Results of {summary['recipe']}"
    blocks = [title, *(wrapped(f"**Warning.** {line}") for line in findings(summary)), *summary["notes"]]
    for table in all_tables(summary):
        blocks += [f"## {table.title}", markdown_table(table), *map(wrapped, filter(None, table.text.split("\n\n")))]
    environment = [f"- {what}: {text}" for what, text in environment_lines(summary["environment"]).items()]
    page = "\n\n".join([*blocks, "## Environment", "\n".join(environment), wrapped(END)]) + "\n"
    return MARKUP.sub("&lt;", page)
