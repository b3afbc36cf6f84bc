"""Tables as CSV and LaTeX: the raw figures come back, and nothing is left that LaTeX would trip over."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from weaksep.report.content import all_tables, render
from weaksep.report.formats import csv_text, escape, latex_table
from weaksep.report.table import COUNT, FIGURE, SPREAD, TEXT, Column, Table, best_rows


def read_back(table: Table) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(csv_text(table), newline=""))
    assert reader.fieldnames is not None and len(set(reader.fieldnames)) == len(reader.fieldnames)
    return list(reader)


def test_keys_are_names_of_files(made_summary: dict[str, Any]) -> None:
    keys = [table.key for table in all_tables(made_summary)]
    assert len(set(keys)) == len(keys) == 25
    assert all(re.fullmatch(r"\w+", key) for key in keys)


def test_csv_has_the_figures_of_the_json(made_summary: dict[str, Any]) -> None:
    tables = {table.key: read_back(table) for table in all_tables(made_summary)}
    assert len(tables["all_systems"]) == len(made_summary["systems"])
    for row, system in zip(tables["all_systems"], made_summary["systems"], strict=True):
        figures = system["si_sdri_db"]
        assert row["system"] == system["name"].removeprefix("separator_") + " (no-op)" * bool(system["no_op"])
        assert row["steps"] == ("" if system["steps"] is None else str(system["steps"]))
        cells = [row[name] for name in ("mean SI-SDRi (dB)", "95 % interval low", "95 % interval high", "median")]
        assert [float(cell) for cell in cells] == [figures["mean"], *figures["ci95"], figures["median"]]
        assert int(row["pairs"]) == figures["n"]
    for row, system in zip(tables["by_class"], made_summary["systems"], strict=True):
        for name, figures in system["by_class"].items():
            for part in ("mean", "median"):
                assert float(row[f"{name} (n={figures['n']}) {part}"]) == figures[part]
    for row, system in zip(tables["levels"], made_summary["systems"], strict=True):
        figures = system["level_error_db"]["<-15"]
        cells = [float(row[f"below -15 dB (n=80) {part}"]) for part in ("median_absolute", "mean")]
        assert cells == [figures["median_absolute"], figures["mean"]]
    for row, facts in zip(tables["classifiers"], made_summary["classifiers"], strict=True):
        assert (float(row["frame F"]), float(row["event F"])) == (facts["frame_f1"], facts["event_f1"])
        assert "PSDS 2" not in row  # which nobody has
    for row, compared in zip(tables["parts"], made_summary["comparisons"], strict=True):
        assert [float(row[name]) for name in ("difference (dB)", "p")] == [compared["difference_db"], compared["p"]]
        assert "and | pipes" in row["what it is"]
    assert [float(row["time"]) for row in tables["time"]] == [4.5, 61.0, 3725.0, 90_000.0, 93_790.5]


def test_csv_of_odd_texts() -> None:
    odd = ['a "quoted", text', "two\nlines", "", "x;y"]
    table = Table("t", "T", [Column("name", TEXT), Column("gain", SPREAD)], [[name, [None, 0.1]] for name in odd])
    assert read_back(table) == [{"name": name, "gain mean": "", "gain median": "0.1"} for name in odd]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_csv_has_no_formula(text: str) -> None:
    table = Table("t", "T", [Column("name", TEXT), Column("gain", SPREAD)], [[text, [-1.5, 0.1]]])
    assert read_back(table) == [{"name": f"'{text}", "gain mean": "-1.5", "gain median": "0.1"}]


def test_the_page_has_no_markup(made_summary: dict[str, Any]) -> None:
    text = "<script>alert(1)</script> <!-- p < 0.001"
    made_summary["systems"][0]["about"] = made_summary["recipe"] = text
    page = render(made_summary)
    assert not re.search("<[a-zA-Z/!]", page) and "p < 0.001" in page


ODD = "a_b & 50 % of $5 #1 {x} ~ ^ \\ < > | [y] –"


def test_escaping() -> None:
    assert escape(ODD) == (
        r"a\_b \& 50 \% of \$5 \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} $<$ $>$ $|$ {[}y{]} --"
    )
    assert escape("-3.0 to -0.5") == "$-$3.0 to $-$0.5"
    assert escape("5.0 / -1.0") == "5.0 / $-$1.0"
    assert escape("2026-11-25 SI-SDR x-1") == "2026-11-25 SI-SDR x-1"


def bare(latex: str) -> str:
    """LaTeX without comments and without what is escaped."""
    lines = [line for line in latex.splitlines() if not line.startswith("%")]
    return re.sub(r"\\[_&%$#{}]", "", "\n".join(lines))


def check_structure(latex: str, columns: int, rows: int) -> None:
    text = bare(latex)
    assert text.startswith("\\begin{tabular}{") and text.endswith("\\end{tabular}")
    assert text.count("{") == text.count("}") and text.count("$") % 2 == 0
    assert not re.search("[%#_~^|<>]", re.sub(r"\$[<>|]\$", "", text))
    assert {command for command in re.findall(r"\\([a-z]+)", text)} <= {
        *("begin", "end", "toprule", "midrule", "bottomrule", "textbf"),
        *("textasciitilde", "textasciicircum", "textbackslash"),
    }
    lines = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert len(lines) == rows + 1
    assert all(line.count("&") == columns - 1 for line in lines)
    places = re.search(r"\{tabular\}\{(\w+)\}", text)
    assert places is not None and len(places[1]) == columns


def test_latex_is_well_formed(made_summary: dict[str, Any]) -> None:
    made_summary["systems"][3]["name"] = f"separator_{ODD}"
    for table in all_tables(made_summary):
        check_structure(latex_table(table), len(table.columns), len(table.rows))


def test_latex_compiles(made_summary: dict[str, Any], tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed; its structure is checked above")
    made_summary["systems"][3]["name"] = f"separator_{ODD}"
    tables = "\n\n".join(map(latex_table, all_tables(made_summary)))
    (tmp_path / "all.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{tables}\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_best_trained_system_is_bold() -> None:
    gain, leak = Column("gain", FIGURE, "high"), Column("leak", SPREAD, "low")
    columns = [Column("system", TEXT), gain, leak, Column("n", COUNT)]
    rows = [
        ["clip", 1.0, [-9.0, 0.0], 5],
        ["frame", 2.0, [-3.0, -8.0], 5],
        ["x", None, [None, None], 5],
        ["irm", 9.0, [-90.0, -90.0], 5],
    ]
    table = Table("t", "T", columns, rows, rated=frozenset({0, 1, 2}))
    assert [best_rows(table, index) for index in range(4)] == [set(), {1}, {0}, set()]
    lines = latex_table(table).splitlines()
    assert r"clip & 1.0 & \textbf{$-$9.0 / 0.0} & 5 \\" in lines
    assert r"frame & \textbf{2.0} & $-$3.0 / $-$8.0 & 5 \\" in lines
    assert r"irm & 9.0 & $-$90.0 / $-$90.0 & 5 \\" in lines
