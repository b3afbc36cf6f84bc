"""Before training: can these labels work? The facts of a data folder, and what is wrong with it.

docs/method/labels.md says what labels can teach and what they cannot; the limits below are taken from the measurements
in docs/method/experiments.md and from the shipped tables.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError, count, refuse
from weaksep.fileio.audioread import read_blocks
from weaksep.fileio.datadir import DataDir, parse_lengths
from weaksep.fileio.tables import read_table
from weaksep.jobs import run_sharded, split_evenly
from weaksep.recordings.spelling import alike, parts_of, renaming
from weaksep.signal.level import db_to_gain, rms

# Findings that make a result meaningless, as ``--accept`` knows them. All others are remarks.
STOPS = (
    *("no-train-recording", "no-valid-recording", "no-test-recording", "always-together", "no-remix-partner"),
    *("mostly-silent", "hardly-any-steps", "names-alike"),
)
Finding = tuple[str, str, str]  # name, what is wrong, what to do
SETS = {"train": "nothing can be learnt of it", "valid": "nothing is chosen by it", "test": "it is not scored"}
SHARD_CLIPS = 200
# So far below a loud clip (the level that one in ten exceeds) a clip holds nothing to learn from, dither and all: the
# noise of 16 bits is at -100 dB, clips are brought to -27 dB, and a click of 5 ms in 10 s is 33 dB below a full one.
SILENT_DB, LOUD_SHARE = -60.0, 0.9
# Less than this share of a class's clips, or of its time, without the other: the two nearly always occur together, and
# as many wrong labels (0.3 dB) drown what tells them apart.
APART = 0.1
# In fewer clips a class may never be alone by chance.
ENOUGH = 10
# With eight training recordings of sirens, three targets in ten came out worse than the mixture.
FEW_RECORDINGS = {"train": 5, "test": 3}
# Labels that may be wrong: one in ten costs 0.3 dB, three in ten 4 dB; from half on the wrong class is learnt.
WRONG_LABELS, MOST_WRONG = 0.1, 0.5
# Clips without a partner, as a share: they teach no more than the mixture loss does. With all of them training fails.
LONELY = 0.1
# The shortest trainings of the shipped tables have 564 steps, of synthetic sounds; on real recordings 750 have not been
# enough even for isolated sources, and remixing has had 3,750 to 7,000.
HARDLY_STEPS, REAL_STEPS = 450, 3000
GRID_S = 0.05  # of labelled time


def levels(paths: Sequence[Path]) -> list[float]:
    """RMS of each file; runs in a worker process."""
    return [rms(np.concatenate(list(read_blocks(path)), axis=1)) for path in paths]


def facts_of(datadir: Path, nj: int) -> dict[str, Any]:
    """Classes, and the facts of each set, as JSON can say them; every clip is read, in ``nj`` processes.

    Raises:
        UserError: a set is missing, holds no clip, cannot be read, or has other classes than the others.
    """
    sets = {name: DataDir.load(datadir / name) for name in SETS}
    empty = {f"{data.path}: no clip in it": not data.wav for data in sets.values()}
    other = len({data.classes for data in sets.values()}) > 1
    refuse({f"{datadir}: its sets have different classes": other, **empty}, UserError)
    paths = [path for data in sets.values() for path in data.wav.values()]
    shards = split_evenly(paths, max(nj, -(-len(paths) // SHARD_CLIPS)))
    heard = np.concatenate(run_sharded(levels, shards, nj=nj, description="levels of the clips"))
    silent = heard <= np.quantile(heard, LOUD_SHARE) * db_to_gain(SILENT_DB)
    parts = np.split(silent, np.cumsum([len(data.wav) for data in sets.values()])[:-1])
    found = {name: _facts(data, part) for (name, data), part in zip(sets.items(), parts, strict=True)}
    return {"classes": list(sets["train"].classes), **found}


def _facts(data: DataDir, silent: np.ndarray) -> dict[str, Any]:
    """Of one set: numbers, lists by class (K), and ``both``: clips with both of two classes (K, K); ``times``: the same
    in labelled time. ``cut``: clips that have all labels of a longer recording, of which there are ``longer``."""
    classes, named, timed = data.classes, data.clip_labels(), data.timed()
    lengths_s = parse_lengths(data.path / "utt2dur").values("a list of lengths")
    speaker = read_table(data.path / "utt2spk")
    pairs = {(name, speaker.get(utt, utt)) for utt, names in named.items() for name in names}
    source = data.path.parent / "events" / data.path.name
    if (source / "utt2class").is_file():  # of mixtures, each of which is a recording of its own in utt2spk
        speaker = read_table(source / "utt2spk")
        pairs = {(name, speaker.get(event, event)) for event, name in read_table(source / "utt2class").items()}
    recordings = Counter(name for name, _ in pairs)
    labels = np.array([[name in names for name in classes] for names in named.values()])
    files = [utt if utt in timed else utt.rpartition("-")[0] for utt in named]  # see ``prepare.clips_of``
    cut = Counter(files)
    heirs = np.array([cut[file] for file in files])  # clips that share the labels of their recording
    labelled = labels[labels.any(axis=1)]
    kinds, numbers = np.unique(labelled, axis=0, return_counts=True)
    times = np.zeros((len(classes), len(classes)))
    for utt, events in data.events().items() if timed else ():
        grid = np.zeros((round(lengths_s.get(utt, 0.0) / GRID_S), len(classes)))
        for event in events if utt in timed else ():
            grid[round(event.onset_s / GRID_S) : round(event.offset_s / GRID_S), classes.index(event.label)] = 1
        times += grid.T @ grid
    return {
        "mixed": (data.path / "scenes.jsonl").is_file(),
        "recordings": len(set(speaker.values())),
        "clips": len(labels),
        "hours": sum(lengths_s.values()) / 3600,
        "labels": int(labels.sum()),
        "labelled": len(labelled),
        "silent": int((silent & labels.any(axis=1)).sum()),
        "recordings_of": [recordings[name] for name in classes],
        "alone_of": labelled[labelled.sum(axis=1) == 1].sum(axis=0).tolist(),
        "silent_of": labels[silent].sum(axis=0).tolist(),
        "both": (labels.astype(int).T @ labels).tolist(),
        "times": times.tolist(),
        "lonely": int(sum(n for own, n in zip(kinds, numbers, strict=True) if kinds[:, own].any(axis=1).all())),
        "cut": int((heirs > 1).sum()),
        "longer": sum(number > 1 for number in cut.values()),
        "wrong": float((labels.sum(axis=1) * (1 - 1 / heirs)).sum()),  # each is right in one of its clips at least
    }


def trainings_of(facts: Mapping[str, Any], systems: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The systems (``system``, ``supervision``, ``remixes`` only clips without a class in common, ``epochs``,
    ``epoch_steps`` where they are set, ``batch``), and how many ``steps`` each will make at most."""
    clips = {True: facts["train"]["labelled"], False: facts["train"]["clips"]}
    return [
        {**row, "steps": (row["epoch_steps"] or -(-clips[row["remixes"]] // row["batch"])) * row["epochs"]}
        for row in systems
    ]


def findings(
    facts: Mapping[str, Any], trainings: Sequence[Mapping[str, Any]], accept: Sequence[str] = ()
) -> list[Finding]:
    """All that is wrong with a data folder: misspelt classes first, then what makes a result meaningless.

    Args:
        facts, trainings: see ``facts_of`` and ``trainings_of``; no training when nobody knows which.
        accept: names of findings that are accepted. Until names-alike is, no other finding tells of a class that looks
            like a misspelling of another.
    """
    numbers = np.sum([np.diagonal(facts[name]["both"]) for name in SETS], axis=0)
    clips = dict(zip(facts["classes"], numbers.tolist(), strict=True))
    meant = dict(sorted(alike(clips), key=lambda pair: clips[pair[1]]))  # the most frequent that a name is like
    found = [
        ("names-alike", f"the classes {one} ({count(clips[one], 'clip')}) and {other} ({clips[other]}) look alike",
         f"put {renaming(one, other)} into prepare.yaml if they are one; --accept names-alike if they are two")
        for one, other in meant.items()
    ]  # fmt: skip
    facts = facts if "names-alike" in accept else _without(facts, meant)
    found += [*_recordings(facts), *_together(facts, trainings), *_clips(facts, trainings), *_names(facts)]
    found += _steps(facts, trainings)
    return sorted(found, key=lambda finding: (finding[0] != "names-alike", finding[0] not in STOPS))


def _without(facts: Mapping[str, Any], classes: Container[str]) -> dict[str, Any]:
    """The facts as though there were no such classes."""
    kept = [k for k, name in enumerate(facts["classes"]) if name not in classes]
    lists = {(name, key): np.array(own) for name in SETS for key, own in facts[name].items() if isinstance(own, list)}
    left = {place: own[np.ix_(*[kept] * own.ndim)].tolist() for place, own in lists.items()}
    sets = {name: {key: left.get((name, key), own) for key, own in facts[name].items()} for name in SETS}
    return {"classes": [facts["classes"][k] for k in kept], **sets}


def _recordings(facts: Mapping[str, Any]) -> Iterator[Finding]:
    for name, then in SETS.items():
        numbers = dict(zip(facts["classes"], facts[name]["recordings_of"], strict=True))
        few = [f"{label} {n}" for label, n in numbers.items() if 0 < n < FEW_RECORDINGS.get(name, 0)]
        if lacking := [label for label, n in numbers.items() if not n]:
            what = f"no recording of {', '.join(lacking)} in {name}: {then}"
            yield f"no-{name}-recording", what, _remedy_of_lack(name, lacking, facts)
        if few:
            then = "they will be memorised" if name == "train" else "its scores are of those alone"
            remedy = f"label {FEW_RECORDINGS[name]} or more of each class"
            yield f"few-{name}-recordings", f"few recordings in {name} ({', '.join(few)}): {then}", remedy


def _remedy_of_lack(name: str, lacking: Sequence[str], facts: Mapping[str, Any]) -> str:
    """What can be done where a set has no recording of a class: another split, or where it has too few, labels."""
    every = dict(zip(facts["classes"], np.sum([facts[own]["recordings_of"] for own in SETS], axis=0), strict=True))
    enough = [f"{own} (of {every[own]})" for own in lacking if every[own] >= len(SETS)]
    few = [f"{own} (there are {every[own]})" for own in lacking if every[own] < len(SETS)]
    how = "name the sets in the label file, or change split: in prepare.yaml"
    put = f"put a recording of {', '.join(enough)} into {name}: {how}"
    label = f"label more recordings of {', '.join(few)}, one for each set at least, or leave it out (classes:)"
    return "; ".join([*([put] if enough else []), *([label] if few else [])])


def _together(facts: Mapping[str, Any], trainings: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    train, classes = facts["train"], facts["classes"]
    both, times = np.array(train["both"]), np.array(train["times"])
    share = both / np.maximum(1, both.diagonal())[:, None]  # of the clips of the row's class, those with the column's
    apart = times.diagonal()[:, None] - times >= np.maximum(APART * times.diagonal()[:, None], GRID_S)
    near = share > 1 - APART
    listened = all(row["supervision"] != "clip" for row in trainings)
    for i, j in permutations(range(len(classes)), 2):
        if near[i, j] and not (near[j, i] and (share[j, i], i) > (share[i, j], j)):  # of two ways one is told
            one, other, by_times = classes[i], classes[j], apart[i, j]
            name, how = ("nearly-together", "hardly ever") if share[i, j] < 1 else ("always-together", "never")
            name = "together-in-clips" if how == "never" and by_times and listened else name
            what = f"{one} ({both[i, i]} training clips) {how} occurs without {other} ({both[j, j]})"
            remedy = f"record or label each without the other, or make them one ({renaming(one, other)})"
            remedy = f"train from their times (supervision: frame), or {remedy}" if by_times else remedy
            yield name, f"{what}: {'clip labels cannot' if by_times else 'no loss can'} tell them apart", remedy


def _clips(facts: Mapping[str, Any], trainings: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    train, classes = facts["train"], facts["classes"]
    held = {name: np.diagonal(facts[name]["both"]) for name in SETS}
    keys = ("labelled", "labels", "silent", "cut", "longer", "wrong")
    sums = {key: sum(facts[name][key] for name in SETS) for key in keys}
    alone = zip(classes, train["alone_of"], held["train"], strict=True)
    if never := [name for name, single, n in alone if not single and n >= ENOUGH]:
        yield (
            "never-alone",
            f"no training clip holds {', '.join(never)} alone",
            "add some: they are worth most in remixing",
        )
    if train["lonely"] > LONELY * train["labelled"] and any(row["remixes"] for row in trainings or [{"remixes": True}]):
        what = f"{train['lonely']} of {train['labelled']} labelled training clips share a class with every other"
        name = "no-remix-partner" if train["lonely"] == train["labelled"] else "few-remix-partners"
        yield name, f"{what}, and are never remixed", "add clips of few classes, or leave out one that is everywhere"
    shares = np.sum([facts[name]["silent_of"] for name in SETS], axis=0) / np.maximum(1, sum(held.values()))
    if sums["silent"]:
        most = f"of {classes[shares.argmax()]} the most ({shares.max():.0%} of its clips)"
        remedy = "cut silence off, give event times (events:), or make clips as long as the recordings (clip_s:)"
        name = "mostly-silent" if shares.max() >= MOST_WRONG else "silent-clips"
        yield name, f"{sums['silent']} of {sums['labelled']} labelled clips are silent, {most}", remedy
    if sums["wrong"] > WRONG_LABELS * sums["labels"]:
        what = f"{sums['cut']} clips are cut out of {sums['longer']} longer recordings without event times, with all "
        what += f"their labels: up to {sums['wrong']:.0f} of {sums['labels']} labels may be wrong, "
        what += f"{sums['wrong'] / sums['cut']:.1f} a clip"
        yield "inherited-labels", what, "clip_s: as long as the recordings, or event times (events:)"


def _names(facts: Mapping[str, Any]) -> Iterator[Finding]:
    for name in facts["classes"]:
        if parts := parts_of(name, facts["classes"]):
            what = f"the class {name} is made of the names of {' and '.join(parts)}"
            yield "names-joined", what, "if it is a list, put commas between the labels"


def _steps(facts: Mapping[str, Any], trainings: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for few in sorted({row["steps"] for row in trainings}):
        if few < (HARDLY_STEPS if facts["train"]["mixed"] else REAL_STEPS):
            those = [row for row in trainings if row["steps"] == few]
            what = f"{', '.join(row['system'] for row in those)}: {few:,} training steps; "
            what += "the shipped tables needed 3,750 to 7,000 on real recordings"
            epochs = those[0]["epochs"] * -(-REAL_STEPS // few)
            # With 1,200 steps on 48 recordings: a median of 10 instead of 5.6 dB (docs/finetuning.md).
            remedy = f"more epochs (--separator-args optim.max_epochs={epochs}), "
            remedy += "or begin with a net: --config conf/esc10"
            yield "hardly-any-steps" if few < HARDLY_STEPS else "few-steps", what, remedy
