"""What may be wrong with the labels of a data folder, each finding with its remedy.

egs/urbansound_mix/REMIX.md says what labels can teach and what they cannot; the limits below are taken from its
measurements and from the shipped tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from weaksep.fileio.datadir import DataDir
from weaksep.recordings.inventory import Stock
from weaksep.recordings.spelling import alike, parts_of

# Below this share of a class's clips (or of its time) without the other, the two nearly always occur together: as many
# clips with a wrong label cost 0.3 dB, so that the two are told apart by what one label in ten says.
APART = 0.1
# A class in fewer recordings may be beside another in nearly all of them by chance; in fewer clips, never alone.
ENOUGH = 10
# Eight training recordings of sirens gave a class of which three targets in ten came out worse than the mixture.
FEW_RECORDINGS = {"train": 5, "test": 3}
# Labels that may be wrong: one in ten costs 0.3 dB on synthetic sounds, three in ten 4 dB; from half on the wrong class
# is learnt (REMIX.md).
WRONG_LABELS, MOST_WRONG = 0.1, 0.5
# So many single clips are a cost (they teach what the mixture loss teaches), all of them an error in training.
LONELY = 0.1
# The shortest trainings of the shipped tables have 564 steps, of synthetic sounds; on real recordings 750 have not been
# enough even for isolated sources, and remixing has had 3,750 and 4,500.
HARDLY_STEPS, REAL_STEPS = 450, 3000
TOGETHER = ("hardly ever occurs without", "never occurs without", "always occurs together with")
MISSING = {"train": "nothing can be learnt of it", "valid": "nothing is chosen by it", "test": "it is not scored"}


class Budget(NamedTuple):
    """What a system's configuration says of its training.

    Attributes:
        system: its name.
        supervision: clip, frame or strong.
        remixes: whether it remixes only clips without a class in common.
        mixtures: the variant of the sets that it is trained on; empty for train itself.
        epochs, batch_size: at most so many, of so many clips.
    """

    system: str
    supervision: str
    remixes: bool
    mixtures: str
    epochs: int
    batch_size: int


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        name: what ``--accept`` knows it by.
        meaningless: whether it makes a result meaningless; else it is a remark.
        what: is wrong.
        remedy: what to do.
    """

    name: str
    meaningless: bool
    what: str
    remedy: str


NAMES = (
    *(f"no-{name}-recording" for name in MISSING),
    *(f"few-{name}-recordings" for name in FEW_RECORDINGS),
    *("always-together", "nearly-together", "never-alone", "no-remix-partner", "silent-clips", "inherited-labels"),
    *("names-alike", "names-joined", "hardly-any-steps", "few-steps"),
)


def named(names: Sequence[str], shown: int = 5) -> str:
    """Names as a list in a sentence.

    >>> named(["a"]), named(["a", "b", "c"]), named(["a", "b", "c"], shown=1)
    ('a', 'a, b and c', 'a and 2 more')
    """
    first = list(names[:shown]) + ([f"{len(names) - shown} more"] if len(names) > shown else [])
    return " and ".join(filter(None, [", ".join(first[:-1]), first[-1]]))


def findings(sets: Mapping[str, Stock], budgets: Sequence[Budget]) -> list[Finding]:
    """All that is wrong with a data folder, what makes a result meaningless first.

    Args:
        sets: of ``take_stock``.
        budgets: of the systems that will be trained; empty when nobody knows.
    """
    train = sets["train"]
    found = [*_recordings(sets), *_together(train, budgets), *_alone(train, budgets), *_labels(sets), *_names(train)]
    found += _steps(sets["train"], budgets)
    return sorted(found, key=lambda finding: (not finding.meaningless, NAMES.index(finding.name)))


def _recordings(sets: Mapping[str, Stock]) -> Iterator[Finding]:
    classes = sets["train"].data.labels
    for name, stock in sets.items():
        numbers = dict(zip(classes, stock.by_class, strict=True))
        if lacking := [label for label in classes if not numbers[label]]:
            what = f"no recording of {named(lacking)} in {name}: {MISSING[name]}"
            yield Finding(f"no-{name}-recording", True, what, "label more recordings, or leave it out (classes:)")
        few = [f"{label} {n}" for label, n in numbers.items() if 0 < n < FEW_RECORDINGS.get(name, 0)]
        if few:
            then = "they will be memorised" if name == "train" else "its scores are of those alone"
            what = f"few recordings in {name} ({named(few)}): {then}"
            yield Finding(f"few-{name}-recordings", False, what, f"label {FEW_RECORDINGS[name]} or more of each class")


def _apart(train: Stock, one: str, other: str) -> float:
    """The share of a class's labelled time in which another is not active; 0 where the times are not known."""
    timed, total, alone = train.data.timed(), 0, 0
    for utt, events in train.data.events().items() if timed else ():
        spans = [(event.onset_s, event.offset_s) for event in events if event.label == other]
        for event in events:
            if event.label == one and utt in timed:
                times = np.arange(event.onset_s, event.offset_s, 0.05)
                total += len(times)
                alone += int(sum(not any(on <= time < off for on, off in spans) for time in times))
    return alone / total if total else 0.0


def _together(train: Stock, budgets: Sequence[Budget]) -> Iterator[Finding]:
    classes, own = train.data.labels, train.labels.astype(int)
    both = own.T @ own
    clips = both.diagonal()
    share = both / np.maximum(1, clips)[:, None]  # of the clips of the row's class, those that hold the column's
    near = (share == 1) | ((share > 1 - APART) & (np.array(train.by_class)[:, None] >= ENOUGH))
    beside: dict[tuple[str, str], list[int]] = {}  # how, and beside which class -> those that are
    for i, j in permutations(range(len(classes)), 2):
        if near[i, j] and not (near[j, i] and (share[j, i], i) > (share[i, j], j)):  # of two ways one is told
            how = TOGETHER[int(share[i, j] == 1) + int(share[i, j] == share[j, i] == 1)]
            beside.setdefault((how, classes[j]), []).append(i)
    for (how, other), those in beside.items():
        names = [classes[i] for i in those]
        times = all(_apart(train, name, other) >= APART for name in names)
        listened = times and all(budget.supervision != "clip" for budget in budgets)
        remedy = f"record or label each without the other, or make them one class (rename: {{{names[0]}: {other}}})"
        remedy = f"train from their times (supervision: frame), or {remedy}" if times else remedy
        what = f"{named([f'{classes[i]} ({clips[i]} training clips)' for i in those])} {how} {other}"
        if how == TOGETHER[0]:
            yield Finding("nearly-together", False, what, remedy)
        else:
            what += ": clip labels cannot tell them apart" if times else ": no loss can tell them apart"
            yield Finding("always-together", not listened, what, remedy)


def _alone(train: Stock, budgets: Sequence[Budget]) -> Iterator[Finding]:
    labelled = train.labels[train.labels.any(axis=1)]
    single = labelled[labelled.sum(axis=1) == 1].any(axis=0)
    never = [n for n, alone, held in zip(train.data.labels, single, labelled.sum(axis=0), strict=True)
             if not alone and held >= ENOUGH]  # fmt: skip
    if never:
        what = f"no training clip holds {named(never)} alone"
        yield Finding("never-alone", False, what, "add some clips of it alone: they are worth most in remixing")
    if budgets and not any(budget.remixes for budget in budgets):
        return
    sets, numbers = np.unique(labelled, axis=0, return_counts=True)
    lonely = int(sum(n for own, n in zip(sets, numbers, strict=True) if sets[:, own].any(axis=1).all()))
    if lonely >= LONELY * max(1, len(labelled)):
        what = f"{lonely} of {len(labelled)} labelled training clips share a class with every other: no remix is theirs"
        remedy = "add clips of few classes, or leave out a class that is everywhere (classes:)"
        yield Finding("no-remix-partner", lonely == len(labelled), what, remedy)


def _labels(sets: Mapping[str, Stock]) -> Iterator[Finding]:
    labels = np.concatenate([stock.labels for stock in sets.values()])
    silent = np.concatenate([stock.silent for stock in sets.values()])[:, None] & labels
    if silent.any():
        shares = silent.sum(axis=0) / np.maximum(1, labels.sum(axis=0))
        most, (number, of) = shares.argmax(), (own.any(axis=1).sum() for own in (silent, labels))
        name = sets["train"].data.labels[most]
        what = f"{number} of {of} labelled clips are silent, of {name} the most ({shares[most]:.0%} of its clips)"
        remedy = "cut silence off, give event times (events:), or make clips as long as the recordings (clip_s:)"
        yield Finding("silent-clips", bool(shares[most] >= MOST_WRONG), what, remedy)
    heirs = np.concatenate([stock.heirs for stock in sets.values()])
    wrong = float((labels.sum(axis=1) * (1 - 1 / heirs)).sum())  # each is right in one clip of the recording at least
    if wrong > WRONG_LABELS * labels.sum():
        cut = heirs > 1
        what = (f"{cut.sum()} clips are cut out of {(cut / heirs).sum():.0f} longer recordings without event times, "
                f"with all their labels: up to {wrong:.0f} of {labels[cut].sum()} may be wrong, "
                f"{wrong / cut.sum():.1f} a clip")  # fmt: skip
        yield Finding("inherited-labels", False, what, "clip_s: as long as the recordings, or event times (events:)")


def _names(train: Stock) -> Iterator[Finding]:
    classes = train.data.labels
    for rarer, other in alike(dict(zip(classes, train.labels.sum(axis=0).tolist(), strict=True))):
        remedy = f"if they are one, rename: {{{rarer}: {other}}}"
        yield Finding("names-alike", False, f"the classes {rarer} and {other} look alike", remedy)
    for name in classes:
        if parts := parts_of(name, [other for other in classes if other != name]):
            what = f"the class {name} is made of the names of {named(parts)}"
            yield Finding("names-joined", False, what, "if it is a list, put commas between the labels")


def steps_of(train: Stock, budget: Budget) -> int:
    """How many steps a training has, as far as its configuration says: repeated or chosen clips are not counted.

    Raises:
        UserError: its mixtures are not there.
    """
    clips = int(train.labels.any(axis=1).sum()) if budget.remixes else len(train.labels)
    if budget.mixtures:
        clips = len(DataDir.load(train.data.path.with_name(f"train_{budget.mixtures}")).wav)
    return -(-clips // budget.batch_size) * budget.epochs


def _steps(train: Stock, budgets: Sequence[Budget]) -> Iterator[Finding]:
    steps = {budget: steps_of(train, budget) for budget in budgets}
    for few in sorted(set(steps.values())):
        if few >= (HARDLY_STEPS if train.mixed else REAL_STEPS):
            continue
        those = [budget for budget, number in steps.items() if number == few]
        factor = -(-REAL_STEPS // few)
        what = (f"{named([budget.system for budget in those])}: {few:,} training steps; "
                "the shipped tables needed 3,000 to 4,500 on real recordings")  # fmt: skip
        epochs = those[0].epochs * factor
        remedy = f"{factor} times as many epochs (--separator-args optim.max_epochs={epochs}), or more recordings"
        hardly = few < HARDLY_STEPS
        yield Finding("hardly-any-steps" if hardly else "few-steps", hardly, what, remedy)
