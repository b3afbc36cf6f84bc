"""Which mixtures are chosen, where the answer can be worked out by hand."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from weaksep.report.aggregate import Score
from weaksep.report.examples import choose_examples, reference_system


def a_score(utt: str, gain: float | None, n_active: int = 2, name: str = "bark") -> Score:
    nothing = dict.fromkeys(("si_sdr_db", "si_sdr_mixture_db", "sdr_db", "sir_db", "sar_db", "leak_db", "overlap"))
    return Score(utt=utt, name=name, n_active=n_active, si_sdri_db=gain, **nothing)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["unprocessed", "separator_clip", "separator_frame", "oracle_irm"], "separator_frame"),
        (["unprocessed", "separator_clip", "separator_frame_b", "oracle_irm"], "separator_clip"),
        (["unprocessed", "oracle_ibm", "oracle_irm"], "oracle_irm"),
        (["unprocessed", "oracle_ibm"], "oracle_ibm"),
        (["unprocessed"], "unprocessed"),
        ([], ""),
    ],
)
def test_whose_scores_choose(names, chosen):
    assert reference_system(names) == chosen


def test_of_a_hundred_mixtures_those_about_the_quantiles():
    scores = {"separator_frame": [a_score(f"m{gain:02d}", float(gain)) for gain in range(100)]}
    chosen = choose_examples(scores)
    # Ranks 89 and 90 lie 0.5 % below and above the quantile 0.9, and so on.
    assert {e.utt: e.kind for e in chosen} == {
        **dict.fromkeys(("m88", "m89", "m90", "m91"), "good"),
        **dict.fromkeys(("m48", "m49", "m50", "m51"), "median"),
        **dict.fromkeys(("m08", "m09", "m10", "m11"), "poor"),
    }
    assert [e.kind for e in chosen] == ["good"] * 4 + ["median"] * 4 + ["poor"] * 4
    assert (chosen[0].gain_db, chosen[0].system) == (88.0, "separator_frame")


def test_the_mean_is_over_the_classes_of_a_mixture():
    rows = [a_score("m", 1.0), a_score("m", 4.0, name="horn"), a_score("m", None, name="drill")]
    (only,) = choose_examples({"separator_frame": rows})
    assert (only.utt, only.kind, only.gain_db, only.n_active) == ("m", "median", 2.5, 2)


def test_all_numbers_of_active_classes_have_their_turn():
    counts = [2] * 40 + [3] * 15 + [4] * 5
    random.Random(0).shuffle(counts)
    scores = {"s": [a_score(f"m{rank:02d}", float(rank), count) for rank, count in enumerate(counts)]}
    for kind in ("good", "median", "poor"):
        found = Counter(e.n_active for e in choose_examples(scores) if e.kind == kind)
        third = {"poor": counts[:20], "median": counts[20:40], "good": counts[40:]}[kind]
        assert set(found) == set(third) and max(found.values()) <= 2 + (len(set(third)) < 3)


@pytest.mark.parametrize(
    ("n", "kinds"), [(0, ""), (1, "m"), (2, "gp"), (3, "gmp"), (5, "ggmpp"), (12, "ggggmmmmpppp"), (30, "ggggmmmmpppp")]
)
def test_fewer_mixtures_are_fewer_examples(n, kinds):
    scores = {"s": [a_score(f"m{rank:02d}", float(rank)) for rank in range(n)] + [a_score("single", None, 1)]}
    assert "".join(e.kind[0] for e in choose_examples(scores)) == kinds


def test_neither_the_order_of_rows_nor_ties_matter():
    rows = [a_score(f"m{rank:02d}", float(rank // 7), 2 + rank % 3) for rank in range(50)]
    mixed = random.Random(1).sample(rows, len(rows))
    assert choose_examples({"s": rows}) == choose_examples({"s": mixed})
    assert choose_examples({}) == []
