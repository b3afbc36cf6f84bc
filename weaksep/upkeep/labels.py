"""Classes of the clips: utt2labels or utt2class, and the references in src_<class>.scp."""

from __future__ import annotations

from collections.abc import Iterator

from weaksep.fileio.datadir import REFERENCED_NAME
from weaksep.upkeep.folder import EVENTS, RECORDINGS, Folder
from weaksep.upkeep.problems import Problem


def split_labels(text: str) -> list[str]:
    """Classes of a value of utt2labels.

    >>> split_labels("dog,horn"), split_labels("-")
    (['dog', 'horn'], [])
    """
    return [] if text == "-" else text.split(",")


def clip_classes(folder: Folder) -> dict[str, list[str]]:
    """Clip -> its classes, as utt2labels has them."""
    return {utt: split_labels(entry.value) for utt, entry in folder.table("utt2labels").entries.items()}


def check_clip_labels(folder: Folder) -> Iterator[Problem]:
    """Classes outside labels.txt, or named twice."""
    name, known = folder.kind.labels, folder.labels.lines
    if not known:
        return  # said of labels.txt itself
    for utt, (line, text) in folder.table(name).entries.items():
        names = [text] if folder.kind is EVENTS else split_labels(text)
        for strange in dict.fromkeys(label for label in names if label not in known):
            yield folder.problem(name, line, f"{utt}: class {strange!r} is not in labels.txt", folder.stage)
        if len(set(names)) < len(names):
            yield folder.problem(name, line, f"{utt}: a class is named twice: {text}", folder.stage)


def check_classes_occur(folder: Folder) -> Iterator[Problem]:
    """In a folder of events every class has one; a set of mixtures may do without."""
    table = folder.table("utt2class")
    found = {entry.value for entry in table.entries.values()}
    for label, line in folder.labels.lines.items():
        if table.there and label not in found:
            yield folder.problem("labels.txt", line, f"no event of class {label}", folder.stage)


def check_references(folder: Folder) -> Iterator[Problem]:
    """A reference for each class of each clip, and none beyond; of labelled recordings, none but for listed clips."""
    known = folder.labels.lines
    listed = folder.listed(REFERENCED_NAME)
    if listed is not None and not listed:
        return
    classes = clip_classes(folder)
    for name, label in folder.reference_names.items():
        if known and label not in known:
            yield folder.problem(name, None, f"class {label!r} is not in labels.txt", f"remove it, or {folder.stage}")
    for label in known:
        name = f"src_{label}.scp"
        table = folder.table(name)
        yield from table.problems
        for utt, entry in table.entries.items():
            if folder.wav.entries and utt not in folder.wav.entries:
                yield folder.problem(name, entry.line, f"{utt} is not in wav.scp", folder.fix)
            elif utt in classes and label not in classes[utt]:
                what = f"{utt} has a reference of class {label}, which utt2labels does not give it"
                yield folder.problem(name, entry.line, what, folder.stage)
        if table.there and folder.kind is not RECORDINGS:  # there a class without a file is silent
            yield from _missing(folder, name, label, classes)


def _missing(folder: Folder, name: str, label: str, classes: dict[str, list[str]]) -> Iterator[Problem]:
    have = folder.table(name).entries
    for utt, names in classes.items():
        if label in names and utt not in have and utt in folder.wav.entries:
            line = folder.table("utt2labels").entries[utt].line
            yield folder.problem("utt2labels", line, f"{utt} has class {label} and is not in {name}", folder.stage)
