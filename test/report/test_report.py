"""summary.json in the form that other programs read, and a page that says what it says."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from weaksep.bin import report
from weaksep.errors import UserError
from weaksep.fileio.atomic import write_json, write_text
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import write_table
from weaksep.fileio.tsv import write_tsv
from weaksep.fileio.yamlfile import write_yaml
from weaksep.mixtures.scene import Event, Scene
from weaksep.report.collect import collect
from weaksep.report.content import all_tables, headline, render
from weaksep.report.formats import markdown_table, text_table
from weaksep.report.recordings import clip_recordings, recordings_of
from weaksep.report.systems import short_name
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
                    if len(names) > 1:
                        row |= {"si_sdri_db": gain + number, "si_sdr_mixture_db": -1 - number, "sdr_db": gain / 2}
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
    write_text(exp / "separator_strong/model.json", "")
    return exp


@pytest.fixture
def summary(exp, tmp_path, monkeypatch):
    monkeypatch.setattr("weaksep.report.facts.net_facts", lambda best: {"parameters": 12345, "temperature": 2.0})
    history = [
        {"epoch": 1, "step": 10, "seconds": 30, "train": {"loss": 4.0}, "valid": {"loss": 3.0}},
        {"epoch": 2, "step": 20, "seconds": 60, "train": {"loss": 3.0}, "valid": {"loss": 1.0}},
        {"epoch": 3, "step": 30, "seconds": 30, "train": {"loss": 2.0}, "valid": {"loss": 2.0}},
    ]
    monkeypatch.setattr(
        "weaksep.report.aggregate.FEWEST_GROUPS", 2
    )  # of the three mixtures, two are of several classes
    write_text(exp / "separator_strong/history.jsonl", "".join(json.dumps(row) + "\n" for row in history))
    summary, scores = collect("tiny", exp, tmp_path / "data", "test", ["All sounds are made up."], {})
    assert list(scores) == [system["name"] for system in summary["systems"]]
    assert all(len(rows) == 15 for rows in scores.values())
    return summary


def test_the_form_that_other_programs_read(summary):
    again = json.loads(json.dumps(summary, allow_nan=False))
    assert again["recipe"] == "tiny"
    assert {"date", "weaksep", "python", "torch", "numpy", "commit", "machine", "seed"} <= set(again["environment"])
    for system in again["systems"]:
        assert system["supervision"] in ("strong", "frame", "clip", "oracle", "unprocessed")
        assert set(system["si_sdri_db"]) == {"mean", "median", "ci95", "n", "n_recordings"}
        assert len(system["si_sdri_db"]["ci95"]) == 2
        assert list(system["by_active_classes"]) == ["2", "3"]
        assert list(system["by_class"]) == ["bark", "drill", "horn"]
        assert list(system["by_overlap"]) == ["0", "0-0.2", "0.2-0.4", "0.4-0.6", "0.6-0.8", "0.8-1"]
        assert list(system["by_input_si_sdr"]) == ["<-10", "-10--5", "-5-0", "0-5", ">=5"]
        splits = ("by_active_classes", "by_class", "by_overlap", "by_input_si_sdr")
        single = ("single_class_si_sdr_db", "absent_leak_db", "sdr_db", "sir_db", "sar_db")
        parts = [figures for key in splits for figures in system[key].values()] + [system[key] for key in single]
        assert all(set(figures) == {"mean", "median", "n"} for figures in parts)
        assert system["steps"] == (30 if system["name"] == "separator_strong" else None)
        assert isinstance(system["trained_from"], str) and system["about"] == "" and system["headline"] is True
    missing = dict.fromkeys(("frame_f1_macro", "clip_f1_macro", "event_f1", "event_f1_macro", "psds1", "psds2"))
    figures = {"frame_f1": 0.9512, "clip_f1": None, "map": 0.5}
    assert again["classifiers"] == [{"name": "classifier_frame", **figures, **missing}]
    assert (again["more_sets"], again["sources"], again["comparisons"]) == ({}, [], [])


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
    assert (facts["parameters"], facts["temperature"]) == (12345, 2.0)
    assert summary["environment"]["seed"] == 3
    assert [(row["stage"], row["seconds"]) for row in summary["stage_times"]] == [(5, 3600.0), (6, 75.5)]
    assert summary["data"]["test"] == {
        "mixtures": 5,
        "hours": pytest.approx(2.5 / 3600, abs=1e-3),
        "mean_active_classes": 1.8,
        "two_or_more": 3,
        "recordings": None,
        "background_db": None,
    }


def scene(utt, sounds, background=None):
    events = tuple(Event(f"{name}-{rec}", name, rec, 0.0, -30.0) for name, rec in sounds)
    below = background and Event(f"cut-{background}", "unlabelled", background, 0.0, -40.0)
    return Scene(utt, 0.5, 8000, 0.0, events, below)


SCENES = [
    scene("mix-2", [("bark", "r1"), ("drill", "r2"), ("drill", "r2")], "street"),
    scene("mix-3", [("drill", "r1"), ("bark", "r1"), ("horn", "r3")]),
    scene("mix-5", [("horn", "r4")]),
]


def test_mixtures_are_made_of_recordings(test_data):
    data = DataDir.load(test_data)
    write_text(test_data / "scenes.jsonl", "".join(scene.to_json() + "\n" for scene in SCENES))
    street, first = ("unlabelled", "street"), ("bark", "r1")  # a recording of two classes is drawn as one
    assert clip_recordings(data) == {
        "mix-2": {first, ("drill", "r2"), street},
        "mix-3": {first, ("horn", "r3")},
        "mix-5": {("horn", "r4")},
    }
    counts = {"bark": 1, "drill": 2, "horn": 2, "background": 1}
    assert recordings_of(data) == {"all": 5, "by_class": counts}
    (test_data / "scenes.jsonl").unlink()
    write_table(test_data / "utt2spk", {"mix-1": "a", "mix-2": "a"})
    assert clip_recordings(data) == {"mix-1": [("", "a")], "mix-2": [("", "a")]}


def test_intervals_resample_recordings_and_the_page_says_of_how_many(exp, tmp_path, test_data, summary):
    made = [SCENES[0], scene("mix-3", [("bark", "r1"), ("drill", "r2"), ("horn", "r3")])]
    write_text(test_data / "scenes.jsonl", "".join(scene.to_json() + "\n" for scene in made))
    found, _ = collect("tiny", exp, tmp_path / "data", "test", [], {"separator_clip": {"compare_with": "unprocessed"}})
    assert [system["si_sdri_db"]["n_recordings"] for system in found["systems"]] == [4] * 5
    assert found["comparisons"][0]["n_recordings"] == 4
    page = " ".join(render(found).split())
    told = "5 test clips of 4 recordings (per class: bark 1, drill 1, horn 1, background 1). The 95 % interval"
    assert f"Behind the intervals: {told} is by a bootstrap that resamples recordings" in page
    assert page.count("bootstrap that resamples recordings") == 3 and "whole mixtures" not in page
    found["data"]["test"]["recordings"]["by_class"] = {f"class {n}": n + 2 for n in range(13)}
    assert "of 4 recordings (2 to 14 of a class)." in " ".join(render(found).split())


def test_a_page_of_older_intervals_says_that_they_are_of_mixtures(summary):
    for system in summary["systems"]:
        del system["si_sdri_db"]["n_recordings"]
    page = " ".join(render(summary).split())
    assert "bootstrap that resamples whole mixtures" in page and "resamples recordings" not in page


def test_the_page_says_what_the_json_says(summary):
    # Through JSON and back: the page must need nothing else.
    again = json.loads(json.dumps(summary))
    page = render(again)
    assert page == render(summary)
    assert page.startswith("# Results of tiny\n\nAll sounds are made up.\n")
    rows = {}
    for line in markdown_table(headline(again)).splitlines()[2:]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = cells
        assert line in page
    for system in again["systems"]:
        figures = system["si_sdri_db"]
        low, high = figures["ci95"]
        assert rows[short_name(system["name"])] == [
            system["trained_from"],
            "–" if system["steps"] is None else str(system["steps"]),
            f"{figures['mean']:.1f}",
            f"{low:.1f} to {high:.1f}",
            f"{figures['median']:.1f}",
            str(figures["n"]),
        ]
    for text in ("0.951", "1 h 0 min", "12,345", "bark (n=2)", "40 to 60 % (n=5)", "-5 to 0 dB (n=5)", "seed: 3"):
        assert text in page, text


def test_every_number_of_a_split_comes_from_the_json(summary):
    section = render(summary).partition("## SI-SDRi by class")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(lines) == len(summary["systems"])
    for line, system in zip(lines, summary["systems"], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        means = [f"{figures['mean']:.1f} / {figures['median']:.1f}" for figures in system["by_class"].values()]
        assert cells == [short_name(system["name"]), *means]


def test_sections_without_rows_are_left_out(summary):
    bare = {**summary, "classifiers": [], "training": [], "stage_times": [], "data": {}, "notes": []}
    page = render(bare)
    headings = re.findall("^## (.*)$", page, re.MULTILINE)
    assert headings[0] == "Separation" and headings[-1] == "Environment"
    assert not [h for h in headings if re.match("Class|Train|Time|Data|All|What|Separated|Separation on", h)]
    assert "NaN" not in page and "None" not in page


def test_a_table_in_plain_text():
    lines = text_table(["name", "dB"], [["a|b", "1.0"], ["c", "-10.0"]]).splitlines()
    assert lines == [
        "| name |    dB |",
        "| :--- | ----: |",
        "| a\\|b |   1.0 |",
        "| c    | -10.0 |",
    ]
    rule = text_table(["name", "labels", "dB"], [["a", "clip + 1 %", "1.0"]], texts=(0, 1)).splitlines()[1]
    assert rule == "| :--- | :--------- | --: |"


@pytest.fixture
def quick(monkeypatch):
    """No nets are counted, nothing is drawn: what the drawing functions were given."""
    given = {}
    monkeypatch.setattr("weaksep.report.facts.net_facts", lambda best: {"parameters": None, "temperature": None})
    monkeypatch.setattr("weaksep.report.figures.write_figures", lambda *args: given.update(figures=args) or [])
    monkeypatch.setattr("weaksep.report.page.write_page", lambda *args: given.update(page=args) or args[0])
    return given


@pytest.fixture
def run(exp, tmp_path):
    page = tmp_path / "RESULTS.md"

    def command(*more):
        options = ["--recipe", "tiny", "--expdir", str(exp), "--datadir", str(tmp_path / "data"), "--out", str(page)]
        report.main([*options, *more])
        return json.loads((exp / "report/summary.json").read_text())

    return command


def test_the_command_writes_all_and_prints_the_table(exp, tmp_path, quick, run, capsys):
    earlier = Shards(exp / "report")
    earlier.begin([exp / "report/tables/earlier.csv"])
    for name in ("earlier", "mine"):
        write_text(exp / f"report/tables/{name}.csv", "")
    earlier.finish()
    summary = run("--note", "One.", "--note", "Two.")
    assert (tmp_path / "RESULTS.md").read_text() == render(summary)
    assert (tmp_path / "results.json").read_bytes() == (exp / "report/summary.json").read_bytes()
    assert summary["notes"] == ["One.", "Two."]
    assert markdown_table(headline(summary)) in capsys.readouterr().out
    tables = sorted(path.name for path in (exp / "report/tables").iterdir())
    own = [f"{table.key}.{suffix}" for table in all_tables(summary) for suffix in ("csv", "tex")]
    assert tables == sorted(["mine.csv", *own])
    folder, given, scores, histories, *places = quick["figures"]
    assert places == [exp, tmp_path / "data"]
    assert (folder, given, list(histories)) == (exp / "report/figures", summary, [])
    assert quick["page"][0] == exp / "report" and quick["page"][3:] == (exp, tmp_path / "data")
    assert list(scores) == [system["name"] for system in summary["systems"]]


def test_the_page_is_made_again_from_the_json_alone(exp, tmp_path, quick, run, capsys, monkeypatch):
    summary = run()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    capsys.readouterr()
    report.main(["--from", str(tmp_path / "results.json"), "--out", "again.md"])
    assert (elsewhere / "again.md").read_bytes() == (tmp_path / "RESULTS.md").read_bytes()
    assert [path.name for path in elsewhere.iterdir()] == ["again.md"]
    assert capsys.readouterr().out == markdown_table(headline(summary)) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "saved.json: not JSON"),
        ("[]", "saved.json: expected a JSON object"),
        ("{}", r"saved.json: not results of weaksep report \(KeyError: .*; rerun stage 7"),
        ('{"recipe": 1, "notes": [], "systems": 5}', "not results of weaksep report"),
        ('{"recipe": "x", "notes": [1]}', "not results of weaksep report"),
    ],
)
def test_a_json_that_is_no_summary(tmp_path, text, said):
    write_text(tmp_path / "saved.json", text)
    with pytest.raises(UserError, match=said):
        report.main(["--from", str(tmp_path / "saved.json"), "--out", str(tmp_path / "R.md")])
    assert not (tmp_path / "R.md").exists()


def test_what_the_configurations_say(exp, tmp_path, quick, run, monkeypatch):
    monkeypatch.setattr("weaksep.report.comparisons.FEWEST_GROUPS", 2)
    conf = tmp_path / "conf"
    write_text(conf / "clip.yaml", "about: Only which classes.\ncompare_with: frame\n")
    write_text(conf / "strong.yaml", "compare_with: nowhere\n")
    assert run()["comparisons"] == []
    summary = run("--config-dir", str(conf))  # a reason to do it again
    about = {system["name"]: system["about"] for system in summary["systems"]}
    assert about["separator_clip"] == "Only which classes." and about["separator_frame"] == ""
    (row,) = summary["comparisons"]
    expected = {"system": "separator_clip", "with": "separator_frame", "difference_db": -3.25, "ci95": [-3.25, -3.25]}
    assert row == {**expected, "p": pytest.approx(2 / 10_001, abs=1e-6), "n": 5, "n_recordings": 2}
    section = render(summary).partition("## What each part is worth")[2].partition("\n## ")[0]
    assert re.search(
        r"\| clip +\| Only which classes. +\| frame +\| +-3.2 \| +-3.2 to -3.2 \| +< 0.001 \| +5 \|", section
    )
    write_text(conf / "clip.yaml", "about: Another line.\n")
    assert run("--config-dir", str(conf))["comparisons"] == []


def test_other_sets_and_judged_sources(exp, tmp_path, quick, run):
    shutil.copytree(tmp_path / "data/test", tmp_path / "data/test_dense")
    for name in ("unprocessed", "separator_strong"):
        shutil.copytree(exp / name / "scores/test", exp / name / "scores/test_dense")
    figures = {"frame_f1": 0.25, "clip_f1": 0.5, "map": 0.75, "event_f1": 0.125, "psds1": 0.1, "psds2": None}
    for name in ("separator_strong", "unprocessed"):
        judged = {"name": name, "classifier": "classifier_frame", **figures, "n_clips": 5}
        write_json(exp / name / "scores/test/sources.json", judged)
    summary = run()
    assert [(name, [s["name"] for s in systems]) for name, systems in summary["more_sets"].items()] == [
        ("test_dense", ["unprocessed", "separator_strong"])
    ]
    assert summary["more_sets"]["test_dense"][1] == summary["systems"][3]
    assert list(summary["data"]) == ["test", "test_dense"]
    assert [(row["name"], row["psds1"]) for row in summary["sources"]] == [
        ("unprocessed", 0.1),
        ("separator_strong", 0.1),
    ]
    page = render(summary)
    assert "## Separation on test_dense" in page and "## Separated sources, by the evaluation classifier" in page
    assert "| strong      | classifier_frame |   0.250 |  0.500 | 0.750 |   0.125 |  0.100 |" in page
    write_json(exp / "unprocessed/scores/test/sources.json", {**judged, "psds2": 1.5, "classifier": None})
    with pytest.raises(UserError, match=r"not scores of separated sources \(psds2, classifier\); rerun stage 6"):
        run()


def test_a_set_whose_data_has_gone_is_left_out(exp, quick, run, caplog):
    shutil.copytree(exp / "unprocessed/scores/test", exp / "unprocessed/scores/test_gone")
    assert run()["more_sets"] == {}
    assert "test_gone: scored, but there is no such data folder any more; left out" in caplog.text


def test_the_first_table_has_what_was_asked_for_and_all_of_few_systems(exp, quick, run, monkeypatch):
    shutil.copytree(exp / "separator_clip", exp / "separator_remix")
    shutil.copytree(exp / "separator_clip", exp / "separator_clip_max")
    assert all(name in markdown_table(headline(run())) for name in ("remix", "clip_max"))
    monkeypatch.setattr("weaksep.report.tables.MAX_FIRST", 4)
    first = markdown_table(headline(run("--systems", "strong remix")))
    assert "| remix " in first and "clip_max" not in first
    assert "| remix " not in markdown_table(headline(run()))  # not asked for: among all systems


def test_the_headline_leaves_variants_out(exp, quick, run, monkeypatch):
    monkeypatch.setattr("weaksep.report.tables.MAX_FIRST", 3)
    shutil.copytree(exp / "separator_clip", exp / "separator_clip_max")
    summary = run()
    assert "clip_max" not in markdown_table(headline(summary))
    page = render(summary)
    assert "clip_max" in page.partition("## All systems")[2].partition("\n## ")[0]
    # Of a tag the same is the main system.
    (exp / "separator_clip_max").rename(exp / "separator_clip+max")
    assert {system["name"]: system["headline"] for system in run()["systems"]}["separator_clip+max"]


def test_without_a_package_of_the_report(quick, run, monkeypatch, caplog, tmp_path):
    def missing(*args):
        raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")

    monkeypatch.setattr("weaksep.report.page.write_page", missing)
    run()
    assert "no page without jinja2: pip install 'weaksep[report]'" in caplog.text
    assert (tmp_path / "RESULTS.md").exists()


def test_what_is_missing_or_damaged_is_said(exp, tmp_path):
    def run(expdir):
        report.main(["--expdir", str(expdir), "--datadir", str(tmp_path / "data"), "--out", str(tmp_path / "R.md")])

    with pytest.raises(UserError, match="run stage 6 first"):
        run(tmp_path / "nothing")
    (exp / "separator_strong/model.json").unlink()
    write_text(exp / "classifier_frame/scores/test/tagging.json", "{")
    with pytest.raises(UserError, match="tagging.json: not JSON .*; rerun stage 6"):
        run(exp)
    write_yaml(exp / "separator_clip/config.yaml", {"supervision": "none"})
    with pytest.raises(UserError, match="separator_clip/config.yaml: supervision is 'none'"):
        run(exp)
    assert not (tmp_path / "R.md").exists()
