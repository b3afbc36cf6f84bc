"""Mixtures to look at and to listen to: good, median and poor ones, chosen by their scores and by nothing else.

Of recordings without references, which have no such scores: some, drawn at random.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple, TypeVar

from weaksep.report.aggregate import Score
from weaksep.seeding import generator

# Kind -> the quantile of the mixtures' mean SI-SDRi whose neighbours stand for it. Not the very ends: those are where
# classes hardly overlap, or hardly sound.
KINDS = {"good": 0.9, "median": 0.5, "poor": 0.1}
_THIRDS = ("poor", "median", "good")
DRAWN = "drawn"  # the kind of those that no score has chosen
DOZEN = 12

Item = TypeVar("Item")


class Example(NamedTuple):
    """A chosen mixture.

    Attributes:
        utt: its clip id.
        kind: "good", "median" or "poor": the third it was taken from; or "drawn".
        gain_db: its mean SI-SDRi over active classes by ``system``; None of one that was drawn.
        n_active: number of its active classes, at least two; of a drawn one, at least one.
        system: the one whose scores chose it, or would have.
    """

    utt: str
    kind: str
    gain_db: float | None
    n_active: int
    system: str


def reference_system(names: Iterable[str]) -> str:
    """The system whose scores choose: frame, else the first trained one, else an oracle, else the first; "" of none.

    >>> reference_system(["unprocessed", "separator_clip", "oracle_irm"])
    'separator_clip'
    """
    order = ("separator_frame", "separator_", "oracle_irm", "oracle_", "")
    ranks = {name: (name != order[0], *(not name.startswith(prefix) for prefix in order[1:])) for name in names}
    return min(ranks, key=ranks.__getitem__, default="")


def in_turn(items: Iterable[Item], kind_of: Callable[[Item], int]) -> list[Item]:
    """One of each kind, lowest first, then the next of each, until all have had their turn."""
    queues: dict[int, list[Item]] = {}
    for item in items:
        queues.setdefault(kind_of(item), []).append(item)
    turns = zip_longest(*(queues[kind] for kind in sorted(queues)))
    return [item for turn in turns for item in turn if item is not None]


def choose_examples(scores: Mapping[str, Sequence[Score]], count: int = DOZEN) -> list[Example]:
    """Good, median and poor mixtures of two or more active classes, spread over the number of active classes.

    The mixtures are ordered by their mean SI-SDRi and cut into three thirds. Of each, ``count`` / 3 are taken, those
    nearest to the quantile of its kind first, in turn from each number of active classes.

    Args:
        scores: system name -> rows of its table.
        count: how many, a multiple of three.

    Returns:
        good, median, then poor ones, each by number of active classes and id; fewer when there are fewer mixtures.
    """
    system = reference_system(scores)
    rows = scores.get(system, ())
    gains: dict[str, list[float]] = {}
    active = {row.utt: row.n_active for row in rows}
    for row in rows:
        if row.si_sdri_db is not None:
            gains.setdefault(row.utt, []).append(row.si_sdri_db)
    means = {utt: statistics.fmean(values) for utt, values in gains.items()}
    order = sorted(means, key=lambda utt: (means[utt], utt))
    thirds: dict[str, list[tuple[float, str]]] = {kind: [] for kind in KINDS}
    for rank, utt in enumerate(order):
        kind = _THIRDS[(6 * rank + 3) // (2 * len(order))]
        # Distance in ranks: it does not depend on how far the few best and worst ones lie out.
        thirds[kind].append((abs((rank + 0.5) / len(order) - KINDS[kind]), utt))
    taken = {kind: in_turn((utt for _, utt in sorted(near)), active.__getitem__) for kind, near in thirds.items()}
    return [
        Example(utt, kind, round(means[utt], 4), active[utt], system)
        for kind, utts in taken.items()
        for utt in sorted(utts[: count // len(KINDS)], key=lambda utt: (active[utt], utt))
    ]


def draw_examples(labels: Mapping[str, Sequence[str]], systems: Sequence[str], count: int = DOZEN) -> list[Example]:
    """Some recordings, for want of scores: in turn from each number of classes, those of two and more first.

    Args:
        labels: clip -> its classes.
        systems: names of what has separated them.
        count: how many at most.
    """
    system = reference_system(systems)
    active = {utt: len(names) for utt, names in labels.items() if names and systems}
    drawn = sorted(active, key=lambda utt: (generator(0, "examples", utt).random(), utt))
    taken = in_turn(drawn, lambda utt: active[utt] if active[utt] > 1 else max(active.values()) + 1)[:count]
    return [Example(utt, DRAWN, None, active[utt], system) for utt in sorted(taken, key=lambda utt: (active[utt], utt))]
