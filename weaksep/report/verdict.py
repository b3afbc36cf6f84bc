"""Does a system separate anything? What has to be said before any table is read.

A no-op gives back the mixture, at whatever level. Its outputs show it where two or more classes are active: sources
that are apart cannot all be like their sum (metrics/likeness.py). Where there are no references, a system must also
show that the evaluation classifier hears classes in their own sources better than in the mixture divided by the number
of outputs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weaksep.fileio.network import TEMPERATURES
from weaksep.metrics.bootstrap import FEWEST_GROUPS, Recordings, count_recordings, paired_bootstrap, support
from weaksep.metrics.likeness import ALIKE, all_alike
from weaksep.report.aggregate import Score, rounded
from weaksep.report.systems import short_name
from weaksep.report.tables import Summary, has_references, is_trained
from weaksep.report.texts import TEXTS

MOST = 0.9  # of the clips


def likeness(scores: Iterable[Score]) -> dict[str, int]:
    """{"alike", "clips"}: clips with two or more active classes, and in how many of them the outputs of all of these,
    but for silent ones, are the mixture.

    Of other clips nothing can be said: where one class is active, the mixture is the right output.
    """
    clips: dict[str, list[float]] = {}
    for score in scores:
        if score.n_active > 1 and score.leak_db is None and score.mixture_correlation is not None:
            clips.setdefault(score.utt, []).append(score.mixture_correlation)
    return {"alike": sum(map(all_alike, clips.values())), "clips": len(clips)}


def gain_over(
    baseline: Mapping[str, float], margins: Mapping[str, float], recordings: Recordings, seed: int
) -> Summary:
    """Mean margin (score/agreement.py) of a system minus that of a baseline, over the clips that both have.

    Args:
        baseline, margins: by clip.
        recordings: what each clip is made of, which the bootstrap draws.
        seed: of the bootstrap.

    Returns:
        {"mean", "ci95": [low, high], "recordings"}; nulls, but for the number, with too few recordings for an interval.
    """
    both = [utt for utt in margins if utt in baseline]
    found: list[float | None] = [None] * 3
    if support(both, recordings) >= FEWEST_GROUPS:
        ours, theirs = ([figures[utt] for utt in both] for figures in (margins, baseline))
        found = rounded(paired_bootstrap(ours, theirs, both, seed, recordings=recordings)[:3])
    return {"mean": found[0], "ci95": found[1:], "recordings": count_recordings(both, recordings)}


def no_op(system: Summary, row: Summary, referenced: bool) -> str | None:
    """Why a system is a no-op, as a sentence; None where it is not, or is no trained system.

    Args:
        system: its figures, with ``likeness``.
        row: its figures without references, with ``gain``; empty where there are none.
        referenced: whether SI-SDRi could be measured: then that says what a system is worth.
    """
    alike, clips = system["likeness"]["alike"], system["likeness"]["clips"]
    low = row.get("gain", {"ci95": [None]})["ci95"][0]
    if is_trained(system) and clips and alike >= MOST * clips:
        return TEXTS["alike"].format(alike=alike, clips=clips, threshold=ALIKE)
    if is_trained(system) and not referenced and low is not None and low <= 0:
        return TEXTS["no_gain"].format(*row["gain"]["ci95"], row["gain"]["recordings"])
    return None


def mark_no_ops(systems: Sequence[Summary], sources: Sequence[Summary] = ()) -> None:
    """Note in the figures of every system, as ``no_op``, why it is one, or None."""
    referenced, rows = has_references(systems), {row["name"]: row for row in sources}
    for system in systems:
        row = rows.get(system["name"], {})
        system["no_op"] = row["no_op"] = no_op(system, row, referenced)


def findings(summary: Mapping[str, Any]) -> list[str]:
    """Sentences for the top of the page and for the log; names stand between backticks."""
    sets = {**summary["more_sets"], summary["test_set"]: summary["systems"]}  # what is said of the main set is enough
    found = {s["name"]: (name, s["no_op"]) for name, systems in sets.items() for s in systems if s.get("no_op")}
    lines = [TEXTS["no_op"].format(short_name(name), *why) for name, why in found.items()]
    edges = {TEMPERATURES[0]: TEXTS["coldest"], TEMPERATURES[-1]: TEXTS["hottest"]}
    tried = [(short_name(facts["name"]), facts.get("temperature")) for facts in summary["training"]]
    lines += [edges[figure].format(name, figure) for name, figure in tried if figure in edges]
    return [" ".join(line.split()) for line in lines]
