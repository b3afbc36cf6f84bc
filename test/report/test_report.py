"""summary.json in the form that other programs read, and a page that says what it says."""

from __future__ import annotations

import json
import re

import pytest

from weaksep.bin import report
from weaksep.errors import UserError
from weaksep.fileio.atomic import write_json, write_text
from weaksep.fileio.tables import write_tsv
from weaksep.fileio.yamlfile import write_yaml
from weaksep.report.collect import collect
from weaksep.report.markdown import headline_table, render
from weaksep.report.tables import table
from weaksep.score.clip import COLUMNS

GAINS = {
    "oracle_irm": 20.0,
    "separator_strong": 12.0,
    "unprocessed": 0.0,
    "separator_clip": 3.25,
    "separator_frame": 6.5,
}


@pytest.fixture
def exp(tmp_path, test_data):
    """Scores of five systems and a classifier over the five clips of the tiny set, and facts of one training."""
    exp = tmp_path / "exp"
    active = {"mix-2": ["bark", "drill"], "mix-3": ["bark", "drill", "horn"], "mix-5": ["horn"]}
    for system, gain in GAINS.items():
        rows = []
        for number, (utt, names) in enumerate(active.items()):
            for name in ("bark", "drill", "horn"):
                row = dict.fromkeys(COLUMNS) | {"utt": utt, "class": name, "n_active": len(names)}
                row["active"] = int(name in names)
                if name not in names:
                    row["leak_db"] = -gain
                else:
                    row |= {"si_sdr_db": gain - 1, "overlap": 0.5}
                    row["si_sdri_db"] = gain + number if len(names) > 1 else None
                rows.append(row)
        # A clip whose references are silent has rows without scores.
        silent = [{"utt": utt, "class": name} for utt in ("mix-1", "mix-4") for name in ("bark", "drill", "horn")]
        rows += [dict.fromkeys(COLUMNS) | key | {"active": 1, "n_active": 0} for key in silent]
        write_tsv(exp / system / "scores/test/scores.tsv", COLUMNS, rows)
        if system.startswith("separator_"):
            write_yaml(exp / system / "config.yaml", {"supervision": system.removeprefix("separator_"), "seed": 3})
    tagging = {"name": "classifier_frame", "frame_f1": 0.9512, "clip_f1": None, "map": 0.5, "n_clips": 3}
    write_json(exp / "classifier_frame/scores/test/tagging.json", tagging)
    write_text(
        exp / "stage_times.tsv",
        "stage\tname\tseconds\tfinished_at\n5\tseparate\t9\tx\n6\tscore\t75.5\tx\n5\tseparate\t3600\tx\n",
    )
    write_text(exp / "separator_strong/best.pt", "")
    return exp


@pytest.fixture
def summary(exp, tmp_path, monkeypatch):
    monkeypatch.setattr("weaksep.report.training.count_parameters", lambda best: 12345)
    history = [
        {"epoch": 1, "step": 10, "seconds": 30, "train": {"loss": 4.0}, "valid": {"loss": 3.0}},
        {"epoch": 2, "step": 20, "seconds": 60, "train": {"loss": 3.0}, "valid": {"loss": 1.0}},
        {"epoch": 3, "step": 30, "seconds": 30, "train": {"loss": 2.0}, "valid": {"loss": 2.0}},
    ]
    write_text(exp / "separator_strong/history.jsonl", "".join(json.dumps(row) + "\n" for row in history))
    return collect("tiny", exp, tmp_path / "data", "test", ["All sounds are made up."])


def test_the_form_that_other_programs_read(summary):
    again = json.loads(json.dumps(summary, allow_nan=False))
    assert again["recipe"] == "tiny"
    assert {"date", "weaksep", "python", "torch", "numpy", "commit", "machine", "seed"} <= set(again["environment"])
    for system in again["systems"]:
        assert system["supervision"] in ("strong", "frame", "clip", "oracle", "unprocessed")
        assert set(system["si_sdri_db"]) == {"mean", "median", "ci95", "n"}
        assert len(system["si_sdri_db"]["ci95"]) == 2
        assert list(system["by_active_classes"]) == ["2", "3"]
        assert list(system["by_class"]) == ["bark", "drill", "horn"]
        parts = [*system["by_active_classes"].values(), *system["by_class"].values(), *system["by_overlap"].values()]
        for figures in [*parts, system["single_class_si_sdr_db"], system["absent_leak_db"]]:
            assert set(figures) == {"mean", "median", "n"}
    assert again["classifiers"] == [{"name": "classifier_frame", "frame_f1": 0.9512, "clip_f1": None, "map": 0.5}]


def test_two_or_more_active_classes_only(summary):
    strong = next(system for system in summary["systems"] if system["name"] == "separator_strong")
    # Two pairs of 12.0 in mix-2, three of 13.0 in mix-3; mix-5 has one class.
    assert strong["si_sdri_db"]["n"] == 5 and strong["si_sdri_db"]["mean"] == pytest.approx(12.6)
    assert strong["single_class_si_sdr_db"] == {"mean": 11.0, "median": 11.0, "n": 1}


def test_order_from_what_knows_nothing_to_what_knows_all(summary):
    names = [system["name"] for system in summary["systems"]]
    assert names == ["unprocessed", "separator_clip", "separator_frame", "separator_strong", "oracle_irm"]


def test_training_seed_and_stages(summary):
    (facts,) = summary["training"]
    assert (facts["epochs"], facts["best_epoch"], facts["steps"], facts["minutes"]) == (3, 2, 30, 2.0)
    assert facts["parameters"] == 12345
    assert summary["environment"]["seed"] == 3
    assert [(row["stage"], row["seconds"]) for row in summary["stage_times"]] == [(5, 3600.0), (6, 75.5)]
    assert summary["data"]["test"] == {
        "mixtures": 5,
        "hours": pytest.approx(2.5 / 3600, abs=1e-3),
        "mean_active_classes": 1.8,
        "two_or_more": 3,
    }


def test_the_page_says_what_the_json_says(summary):
    # Through JSON and back: the page must need nothing else.
    again = json.loads(json.dumps(summary))
    page = render(again)
    assert page == render(summary)
    assert page.startswith("# Results of tiny\n\nAll sounds are made up.\n")
    rows = {}
    for line in headline_table(again).splitlines()[2:]:
        name, supervision, mean, interval, median, n = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = (supervision, mean, interval, median, n)
        assert line in page
    for system in again["systems"]:
        figures = system["si_sdri_db"]
        low, high = figures["ci95"]
        assert rows[system["name"]] == (
            system["supervision"],
            f"{figures['mean']:.1f}",
            f"{low:.1f} to {high:.1f}",
            f"{figures['median']:.1f}",
            str(figures["n"]),
        )
    for text in ("0.951", "1 h 0 min", "12,345", "bark (n=2)", "50 to 75 % (n=5)", "seed: 3"):
        assert text in page, text


def test_every_number_of_a_split_comes_from_the_json(summary):
    section = render(summary).partition("## SI-SDRi by class")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(lines) == len(summary["systems"])
    for line, system in zip(lines, summary["systems"], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells == [system["name"], *(f"{figures['mean']:.1f}" for figures in system["by_class"].values())]


def test_sections_without_rows_are_left_out(summary):
    bare = {**summary, "classifiers": [], "training": [], "stage_times": [], "data": {}, "notes": []}
    page = render(bare)
    assert not re.search(r"^## (Classifiers|Training|Time|Data)$", page, re.MULTILINE)
    assert "NaN" not in page and "None" not in page


def test_a_table_in_plain_text():
    lines = table(["name", "dB"], [["a|b", "1.0"], ["c", "-10.0"]]).splitlines()
    assert lines == [
        "| name |    dB |",
        "| :--- | ----: |",
        "| a\\|b |   1.0 |",
        "| c    | -10.0 |",
    ]


def test_the_command_writes_both_and_prints_the_table(exp, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("weaksep.report.training.count_parameters", lambda best: None)
    page = tmp_path / "RESULTS.md"
    options = ["--recipe", "tiny", "--expdir", str(exp), "--datadir", str(tmp_path / "data"), "--out", str(page)]
    report.main([*options, "--note", "One.", "--note", "Two."])
    summary = json.loads((exp / "report/summary.json").read_text())
    assert page.read_text() == render(summary)
    assert summary["notes"] == ["One.", "Two."]
    assert headline_table(summary) in capsys.readouterr().out


def test_what_is_missing_or_damaged_is_said(exp, tmp_path):
    def run(expdir):
        report.main(["--expdir", str(expdir), "--datadir", str(tmp_path / "data"), "--out", str(tmp_path / "R.md")])

    with pytest.raises(UserError, match="run stage 6 first"):
        run(tmp_path / "nothing")
    (exp / "separator_strong/best.pt").unlink()
    write_text(exp / "classifier_frame/scores/test/tagging.json", "{")
    with pytest.raises(UserError, match="tagging.json: not JSON .*; rerun stage 6"):
        run(exp)
    write_yaml(exp / "separator_clip/config.yaml", {"supervision": "none"})
    with pytest.raises(UserError, match="separator_clip/config.yaml: supervision is 'none'"):
        run(exp)
    assert not (tmp_path / "R.md").exists()
