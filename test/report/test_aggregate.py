"""Figures of a system from rows made by hand."""

from __future__ import annotations

import pytest

from weaksep.errors import UserError
from weaksep.fileio.tsv import write_tsv
from weaksep.report import aggregate
from weaksep.report.aggregate import Score, describe, describe_with_interval, read_scores, system_statistics
from weaksep.score.clip import COLUMNS


def active(utt, name, n_active, gain, overlap=0.0, si_sdr=0.0, level=None, **bss):
    return Score(utt, name, n_active, si_sdr, level, gain if n_active > 1 else None, overlap=overlap, **bss)


def absent(utt, name, n_active, leak):
    return Score(utt, name, n_active, leak_db=leak)


ROWS = [
    active("a", "bark", 1, None, si_sdr=20.0),
    absent("a", "drill", 1, -30.0),
    absent("a", "horn", 1, -50.0),
    active("b", "bark", 2, 4.0, overlap=0.1, level=5.0, sdr_db=8.0, sir_db=12.0, sar_db=9.0),
    active("b", "drill", 2, 6.0, overlap=0.9, level=-5.0, sdr_db=10.0, sir_db=20.0, sar_db=11.0),
    absent("b", "horn", 2, -10.0),
    active("c", "bark", 3, -1.0, overlap=1.0, level=-5.0),
    active("c", "drill", 3, 3.0, overlap=0.0, level=-10.001),
    active("c", "horn", 3, 13.0, overlap=0.4, level=-60.0),
]


@pytest.fixture
def figures():
    return system_statistics(ROWS, ("bark", "drill", "horn"), seed=0)


def test_improvement_leaves_single_classes_out(figures):
    overall = figures["si_sdri_db"]
    assert (overall["mean"], overall["median"], overall["n"]) == (5.0, 4.0, 5)
    assert overall["ci95"] == [None, None]  # of two mixtures


@pytest.mark.parametrize(("recordings", "interval"), [(4, [None, None]), (5, [5.0, 5.0])])
def test_there_is_no_interval_of_few_recordings(recordings, interval):
    copies = [row._replace(utt=f"{row.utt}{n}") for n in range(5) for row in ROWS]  # each mixture has a mean of 5
    made_of = {utt: [("", f"{n % recordings}")] for n, utt in enumerate(sorted({row.utt for row in copies}))}
    found = system_statistics(copies, ("bark", "drill", "horn"), seed=0, recordings=made_of)["si_sdri_db"]
    assert found["ci95"] == interval and found["mean"] == 5.0


def test_by_number_of_active_classes(figures):
    assert figures["by_active_classes"] == {
        "2": {"mean": 5.0, "median": 5.0, "n": 2},
        "3": {"mean": 5.0, "median": 3.0, "n": 3},
    }


def test_one_class_over_a_background_is_kept_apart_where_there_are_more():
    lone = [active("a", "bark", 1, None)._replace(si_sdri_db=9.0)]
    figures = system_statistics([*lone, *ROWS[3:]], ("bark", "drill", "horn"), seed=0)
    assert (figures["si_sdri_db"]["mean"], figures["si_sdri_db"]["n"]) == (5.0, 5)
    assert figures["by_active_classes"]["1"] == {"mean": 9.0, "median": 9.0, "n": 1}
    assert system_statistics(lone, ("bark",), seed=0)["si_sdri_db"]["mean"] == 9.0


def test_by_class(figures):
    assert {name: (f["mean"], f["n"]) for name, f in figures["by_class"].items()} == {
        "bark": (1.5, 2),
        "drill": (4.5, 2),
        "horn": (13.0, 1),
    }


def test_by_overlap(figures):
    means = {name: (f["mean"], f["n"]) for name, f in figures["by_overlap"].items()}
    assert means == {
        "0": (3.0, 1),
        "0-0.2": (4.0, 1),
        "0.2-0.4": (None, 0),
        "0.4-0.6": (13.0, 1),
        "0.6-0.8": (None, 0),
        "0.8-1": (2.5, 2),
    }


def test_by_the_mixtures_own_si_sdr(figures):
    means = {name: (f["mean"], f["n"]) for name, f in figures["by_input_si_sdr"].items()}
    assert means == {"<-10": (8.0, 2), "-10--5": (None, 0), "-5-0": (2.5, 2), "0-5": (None, 0), ">=5": (4.0, 1)}


def test_bss_eval(figures):
    assert figures["sdr_db"] == {"mean": 9.0, "median": 9.0, "n": 2}
    assert figures["sir_db"] == {"mean": 16.0, "median": 16.0, "n": 2}
    assert figures["sar_db"] == {"mean": 10.0, "median": 10.0, "n": 2}


def test_targets_made_worse(figures):
    assert figures["worse"] == {
        "all": 0.2,
        "by_class": {"bark": 0.5, "drill": 0.0, "horn": 0.0},
        "by_input_si_sdr": {"<-10": 0.0, "-10--5": None, "-5-0": 0.5, "0-5": None, ">=5": 0.0},
        "found_in": {"own": 0, "active": 0, "absent": 1},
    }


def test_where_targets_made_worse_have_gone():
    outputs = {"bark": "bark", "drill": "bark", "horn": "siren"}
    rows = [Score("a", name, 3, 0.0, 0.0, -1.0, dominant_output=output) for name, output in outputs.items()]
    rows.append(Score("b", "bark", 2, 0.0, 0.0, 3.0, dominant_output="horn"))
    rows.append(Score("b", "drill", 2, 0.0, 0.0, -3.0, dominant_output="bark"))
    found = system_statistics(rows, ("bark", "drill", "horn", "siren"), seed=0)["worse"]["found_in"]
    assert found == {"own": 1, "active": 2, "absent": 1}


def test_single_class_and_leak(figures):
    assert figures["single_class_si_sdr_db"] == {"mean": 20.0, "median": 20.0, "n": 1}
    assert figures["absent_leak_db"] == {"mean": -30.0, "median": -30.0, "n": 3}


def test_levels():
    errors = {-40.0: -40.0, -15.25: 1.0, -15.0: 3.0, -12.0: -1.0, -10.001: 4.0, -0.1: 2.0, 0.0: 0.5}
    rows = [Score(f"{level}", "bark", 2, relative_level_db=level, level_error_db=x) for level, x in errors.items()]
    found = system_statistics([*rows, absent("a", "bark", 1, -3.0)], ("bark",), seed=0)["level_error_db"]
    assert found == {
        "all": {"median_absolute": 2.0, "mean": -4.3571, "median": 1.0, "n": 7},
        "<-15": {"median_absolute": 20.5, "mean": -19.5, "median": -19.5, "n": 2},
        "-15--10": {"median_absolute": 3.0, "mean": 2.0, "median": 3.0, "n": 3},
        "-10--5": {"median_absolute": None, "mean": None, "median": None, "n": 0},
        "-5-0": {"median_absolute": 2.0, "mean": 2.0, "median": 2.0, "n": 1},
        ">=0": {"median_absolute": 0.5, "mean": 0.5, "median": 0.5, "n": 1},
    }


def test_nothing_is_null_not_nan():
    assert describe([]) == {"mean": None, "median": None, "n": 0}
    assert describe_with_interval([], [], 0) == {
        "mean": None,
        "median": None,
        "ci95": [None, None],
        "n": 0,
        "n_recordings": 0,
    }
    figures = system_statistics([absent("a", "bark", 0, -3.0)], ("bark",), seed=0)
    assert figures["si_sdri_db"]["n"] == 0 and figures["by_active_classes"] == {}


def test_rows_from_a_file(tmp_path):
    row = dict.fromkeys(COLUMNS) | {"utt": "a", "class": "bark", "active": 1, "n_active": 1, "si_sdr_db": "12.5"}
    numbers = {name: index / 4 for index, name in enumerate(COLUMNS[4:-1])} | {"dominant_output": "bark"}
    write_tsv(tmp_path / "scores.tsv", COLUMNS, [row, row | {"class": "drill"} | numbers])
    assert read_scores(tmp_path / "scores.tsv") == [
        Score("a", "bark", 1, si_sdr_db=12.5),
        Score("a", "drill", 1, **numbers),
    ]
    assert COLUMNS == aggregate.COLUMNS  # what stage 6 writes is what is read here


def test_a_table_from_before_there_were_levels(tmp_path):
    columns = [name for name in COLUMNS if name not in aggregate.NEWER]
    row = dict.fromkeys(columns) | {"utt": "a", "class": "bark", "active": 1, "n_active": 1, "si_sdr_db": "12.5"}
    write_tsv(tmp_path / "scores.tsv", columns, [row])
    scores = read_scores(tmp_path / "scores.tsv")
    assert scores == [Score("a", "bark", 1, si_sdr_db=12.5)]
    assert system_statistics(scores, ("bark",), seed=0)["level_error_db"]["all"]["n"] == 0


def test_damaged_tables(tmp_path):
    path = tmp_path / "scores.tsv"
    row = dict.fromkeys(COLUMNS) | {"utt": "a", "class": "bark", "active": 1, "n_active": 2}
    write_tsv(path, COLUMNS, [row | {"si_sdr_db": "loud"}, row, row | {"n_active": "two"}])
    with pytest.raises(UserError, match="2 problems") as caught:
        read_scores(path)
    assert "scores.tsv:2" in str(caught.value) and "scores.tsv:4" in str(caught.value)
    write_tsv(path, COLUMNS, [])
    with pytest.raises(UserError, match="holds no rows"):
        read_scores(path)
