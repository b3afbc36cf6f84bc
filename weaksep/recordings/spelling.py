"""From the names in label files to those of classes; names that are one class, or several, spelt in another way."""

import os
import re
from collections.abc import Iterable, Mapping
from itertools import combinations

from weaksep.fileio.names import folded

# A slip of the pen makes a rare name of a frequent one; two names that are about as frequent are two words.
RARE = 5
SHORTEST_SLIP = 5  # letters: shorter words that differ in one letter are mostly two words (car, cat)
_LIST = re.compile(r"[;|]")  # stands in no name, but between the names of a list
_SIGN = re.compile(r"[/+&]| and ")  # may stand in a name, too
_JOINT = re.compile(rf"\s*(?:{_LIST.pattern}|{_SIGN.pattern}|\s)\s*")


def class_of(label: str, rename: Mapping[str, str]) -> str:
    """The class that a name in the label files stands for: itself, with _ for what is no letter or digit.

    >>> class_of("Walk, footsteps", {}), class_of("/m/09x0r", {}), class_of("/m/09x0r", {"/m/09x0r": "Speech"})
    ('Walk_footsteps', 'm_09x0r', 'Speech')
    """
    return rename.get(label) or re.sub(r"[\W_]+", "_", label).strip("_")


def _bare(name: str) -> str:
    """A name without its case, the signs between its words, and the s of a plural."""
    return re.sub(r"s?(?:[\W_]+|$)", "", folded(name))


def _slip(first: str, other: str) -> bool:
    """Whether two words differ in one letter that is left out, wrong or surplus, or in two that have changed places.

    >>> _slip("rooster", "roster"), _slip("rooster", "roosetr"), _slip("cat", "car"), _slip("site12", "site13")
    (True, True, False, False)
    """
    start = len(os.path.commonprefix([first, other]))
    rest, other_rest = first[start:], other[start:]
    end = len(os.path.commonprefix([rest[::-1], other_rest[::-1]]))
    rest, other_rest = rest[: len(rest) - end], other_rest[: len(other_rest) - end]
    swapped = len(rest) == 2 and rest == other_rest[::-1]
    near = swapped or max(len(rest), len(other_rest)) == 1
    return near and start > 0 and min(len(first), len(other)) >= SHORTEST_SLIP and (rest + other_rest).isalpha()


def alike(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of names that may be two spellings of one, the rarer one first.

    >>> alike({"dog_bark": 9, "Dogs bark": 9, "rooster": 10, "roster": 1, "engine": 8, "engines": 3, "crow": 7})
    [('Dogs bark', 'dog_bark'), ('roster', 'rooster'), ('engines', 'engine')]

    Args:
        counts: how often each name occurs.
    """
    words = {name: re.split(r"[\W_]+", folded(name)) for name in counts}
    pairs = []
    for one, two in combinations(counts, 2):
        rarer, other = sorted((one, two), key=lambda name: (counts[name], name))
        differing = [pair for pair in zip(words[one], words[two], strict=False) if pair[0] != pair[1]]
        slip = len(words[one]) == len(words[two]) and len(differing) == 1 and _slip(*differing[0])
        if _bare(one) == _bare(two) or (slip and counts[rarer] * RARE <= counts[other]):
            pairs.append((rarer, other))
    return pairs


def parts_of(name: str, known: Iterable[str]) -> list[str]:
    """The names that a name is made of, where all of them are known; empty when it is one name.

    >>> parts_of("dog_cat", ["Dog", "cat"]), parts_of("car_horn", ["dog", "cat", "car"])
    (['dog', 'cat'], [])
    """
    parts = [part for part in _JOINT.split(name.replace("_", " ").strip()) if part]
    names = {folded(other) for other in known}
    return parts if len(parts) > 1 and all(folded(part) in names for part in parts) else []


def unclear_labels(labels: Iterable[str], classes: Iterable[str], rename: Mapping[str, str]) -> list[str]:
    """Labels that would silently become something else than what was meant: a line each, with what to do.

    >>> unclear_labels(["dog; rooster", "dog + cat", "dog", "cat", "Walk, footsteps"], [], {})[0]
    "'dog; rooster' looks like a list: put commas between its labels, or see rename:"

    Args:
        labels: of the label files, as they are spelt there.
        classes: that were chosen among them; empty where every label is one.
        rename: a label that it names is meant as it is.
    """
    given = [label for label in labels if label not in rename]
    lists = [name for name in given if _LIST.search(name) or (_SIGN.search(name) and parts_of(name, labels))]
    bare = {_bare(name): name for name in classes}
    others = {name: bare[_bare(name)] for name in given if _bare(name) in bare and class_of(name, {}) not in classes}
    problems = [f"{name!r} looks like a list: put commas between its labels, or see rename:" for name in lists]
    problems += [f"{name!r} looks like the class {own!r} and is none: see rename:" for name, own in others.items()]
    return problems
