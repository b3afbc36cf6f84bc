"""From the names in label files to those of classes; names that are one class, or several, spelt in another way."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from itertools import permutations

from weaksep.fileio.names import folded
from weaksep.fileio.yamltext import yaml_line

# A slip of the pen makes a rare name of a frequent one; names that are about as frequent are two words.
RARE, SLIP = 5, 0.85
_LIST = re.compile(r"[;|]")  # stands in no name, but between the names of a list
_SIGN = re.compile(r"[/+&]| and ")  # may stand in a name, too
_JOINT = re.compile(rf"\s*(?:{_LIST.pattern}|{_SIGN.pattern}|\s)\s*")


def class_of(label: str, rename: Mapping[str, str]) -> str:
    """The class that a name in the label files stands for: itself, with _ for what is no letter or digit.

    >>> class_of("Walk, footsteps", {}), class_of("/m/09x0r", {}), class_of("/m/09x0r", {"/m/09x0r": "Speech"})
    ('Walk_footsteps', 'm_09x0r', 'Speech')

    Args:
        rename: a label, or the class that it would be, -> class.
    """
    # \W has the vowel signs of many scripts, and the accents of names as macOS spells them.
    composed = unicodedata.normalize("NFC", label)
    signs = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else "_" for c in composed)
    plain = re.sub("_+", "_", signs).strip("_")
    return rename.get(label) or rename.get(plain, plain)


def renaming(name: str, other: str) -> str:
    """What to write into prepare.yaml so that a name is another class.

    >>> renaming("Rooster", "rooster")
    'rename: {Rooster: rooster}'
    """
    return f"rename: {yaml_line({name: other})}"


def _bare(name: str) -> str:
    """A name without its case, the signs between its words, and the s of a plural."""
    return re.sub(r"s?(?:[\W_]+|$)", "", folded(name))


def alike(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of names that may be two spellings of one, a rare one first.

    >>> alike({"dog_bark": 9, "dogs bark": 2, "rooster": 10, "roster": 1, "car": 9, "cat": 1})
    [('dogs bark', 'dog_bark'), ('roster', 'rooster')]

    Args:
        counts: how often each name occurs.
    """
    bare, digits = {name: _bare(name) for name in counts}, {name: re.findall(r"\d+", name) for name in counts}
    return [
        (one, other)
        for one, other in permutations(counts, 2)
        if (bare[one] == bare[other] and (counts[one], one) < (counts[other], other))
        or (
            (counts[one] * RARE <= counts[other] and digits[one] == digits[other] and bare[one] != bare[other])
            and SequenceMatcher(None, bare[one], bare[other]).ratio() >= SLIP
        )
    ]


def parts_of(name: str, known: Iterable[str]) -> list[str]:
    """The names that a name is made of, where all of them are known; empty when it is one name.

    >>> parts_of("dog_cat", ["Dog", "cat"]), parts_of("car_horn", ["dog", "cat", "car"])
    (['dog', 'cat'], [])
    """
    parts = [part for part in _JOINT.split(name.replace("_", " ").strip()) if part]
    names = {folded(other) for other in known} - {folded(name)}
    return parts if len(parts) > 1 and names.issuperset(map(folded, parts)) else []


def unclear_labels(labels: Iterable[str], classes: Iterable[str], rename: Mapping[str, str]) -> list[str]:
    """Labels that would silently become something else than what was meant: a line each, with what to do.

    >>> unclear_labels(["dog; rooster", "dog + cat", "dog", "cat", "Walk, footsteps"], [], {})[0]
    "'dog; rooster' looks like a list: put commas between its labels, or rename: {dog; rooster: dog_rooster}"

    Args:
        labels: of the label files, as they are spelt there.
        classes: that were chosen among them; empty where every label is one.
        rename: see ``class_of``; a label that it names is meant as it is.
    """
    given = [label for label in labels if not {label, class_of(label, {})} & rename.keys()]
    lists = [name for name in given if _LIST.search(name) or (_SIGN.search(name) and parts_of(name, labels))]
    bare = {_bare(name): name for name in classes}
    others = {name: bare[_bare(name)] for name in given if _bare(name) in bare and class_of(name, {}) not in classes}
    listed = "looks like a list: put commas between its labels, or"
    problems = [f"{name!r} {listed} {renaming(name, class_of(name, {}))}" for name in lists]
    problems += [
        f"{name!r} looks like the class {own!r} and is none; {renaming(name, own)}" for name, own in others.items()
    ]
    return problems
