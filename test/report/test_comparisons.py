"""Systems against one another: pairs are found by clip and class, and what is not scored is not compared."""

from __future__ import annotations

import pytest

from weaksep.metrics.bootstrap import paired_bootstrap
from weaksep.report.aggregate import Score
from weaksep.report.comparisons import compare, compare_all


def rows(gains: dict[tuple[str, str], float | None]) -> list[Score]:
    return [Score(utt, name, 2, si_sdri_db=gain) for (utt, name), gain in gains.items()]


ONE = {("a", "x"): 5.0, ("a", "y"): 7.0, ("b", "x"): 1.0, ("c", "z"): None, ("d", "x"): 99.0}
OTHER = {("b", "x"): 3.0, ("a", "y"): 3.0, ("a", "x"): 4.0, ("c", "z"): 2.0, ("d", "x"): None, ("e", "x"): -99.0}


def test_only_what_both_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.report.comparisons.FEWEST_GROUPS", 2)
    found = compare(rows(ONE), rows(OTHER), seed=0)
    difference, low, high, p = paired_bootstrap([5.0, 7.0, 1.0], [4.0, 3.0, 3.0], ["a", "a", "b"], 0)
    assert difference == 1.0
    assert found == {
        "difference_db": 1.0,
        "ci95": pytest.approx([low, high]),
        "p": round(p, 6),
        "n": 3,
        "n_recordings": 2,
    }
    back = compare(rows(OTHER), rows(ONE), seed=0)
    assert back["difference_db"] == -1.0 and back["n"] == 3 and back["p"] == found["p"]


@pytest.mark.parametrize("mixtures", ["a", "aabbccdd"])
def test_a_few_mixtures_say_nothing(mixtures: str) -> None:
    one = {(utt, f"class {n}"): 5.0 for n, utt in enumerate(mixtures)}
    found = compare(rows(one), rows({**OTHER, **dict.fromkeys(one, 4.0)}), seed=0)
    assert found == {
        "difference_db": None,
        "ci95": [None, None],
        "p": None,
        "n": len(mixtures),
        "n_recordings": len(set(mixtures)),
    }


def test_mixtures_of_one_recording_say_nothing_and_those_of_shared_ones_less(monkeypatch: pytest.MonkeyPatch) -> None:
    one = rows({(f"mix-{n}", "x"): n - 2.0 for n in range(8)})
    other = rows({(f"mix-{n}", "x"): 0.0 for n in range(8)})
    same = {f"mix-{n}": [("", "r")] for n in range(8)}
    nothing = {"difference_db": None, "ci95": [None, None], "p": None, "n": 8, "n_recordings": 1}
    assert compare(one, other, 0, same) == nothing
    monkeypatch.setattr("weaksep.report.comparisons.FEWEST_GROUPS", 2)
    shared = compare(one, other, 0, {f"mix-{n}": [("x", f"r{n // 4}")] for n in range(8)})
    own = compare(one, other, 0)
    assert shared["ci95"] == [-0.5, 3.5] and shared["p"] > own["p"] and own["ci95"][0] > -0.5
    assert (shared["n_recordings"], own["n_recordings"]) == (2, 8)


def test_all(caplog: pytest.LogCaptureFixture) -> None:
    scores = {"separator_b": rows(ONE), "separator_a": rows(OTHER), "unprocessed": rows(OTHER)}
    descriptions = {
        "separator_a": {"about": "", "compare_with": "separator_gone"},
        "separator_b": {"about": "", "compare_with": "separator_a"},
        "separator_not_scored": {"about": "", "compare_with": "separator_a"},
    }
    (found,) = compare_all(scores, descriptions, seed=0)
    assert (found["system"], found["with"], found["n"]) == ("separator_b", "separator_a", 3)
    assert "separator_a: not compared with separator_gone, which is not scored" in caplog.text
