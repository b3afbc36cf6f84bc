"""The one exception a user meets: something in the input, the options or the files that the user can fix."""

import difflib
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

SHOWN = 20  # problems of a kind; a file has the others
_PLAIN_WORD = re.compile(r"(?:^|(?<=[\s(]))[a-z]+(?:2[a-z]+)?(?=[.,;:)]*(?:\s|$))")


class UserError(Exception):
    """A mistake outside the code. The message says what is wrong, where (file:line or id) and what to do."""


def count(number: int, name: str, ending: str = "s") -> str:
    """A number and its noun.

    >>> count(1, "problem"), count(2, "class", "es")
    ('1 problem', '2 classes')
    """
    return f"{number} {name}" if number == 1 else f"{number} {name}{ending}"


def _ratio(name: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, name).ratio()


def _likeness(name: str, other: str) -> float:
    """difflib's ratio, raised as Winkler does by the letters, up to four, that both begin with."""
    ratio = _ratio(name, other)
    return ratio + 0.1 * min(4, len(os.path.commonprefix([name, other]))) * (1 - ratio)


def _abbreviates(one: str, other: str) -> bool:
    """Whether the shorter of two names, of two letters or more, has the first letter of the longer one, and its other
    letters in their order.

    >>> _abbreviates("database", "db"), _abbreviates("stop", "stop-stage"), _abbreviates("base", "database")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    letters = iter(long)
    return len(short) > 1 and short[0] == long[0] and all(letter in letters for letter in short)


def did_you_mean(name: str, known: Iterable[str], otherwise: str, cutoff: float = 0.6) -> str:
    """A hint at the nearest of the known names; ``otherwise`` where none is near.

    Near are those that difflib finds alike, and abbreviations. utils/parse_options.sh has the same rule.

    >>> did_you_mean("fraem", ["frame", "clip"], "there are: frame, clip")
    'did you mean frame?'
    """
    near = [other for other in known if _ratio(name, other) >= cutoff or _abbreviates(name, other)]
    return f"did you mean {max(near, key=partial(_likeness, name))}?" if near else otherwise


def unknown_names(wanted: Iterable[str], known: Iterable[str]) -> list[str]:
    """A line for each name that is not known, with those that are, nearest first.

    >>> unknown_names(["cat", "dgo"], ["bird", "cat", "dog"])
    ['dgo; did you mean dog? There are: dog, bird, cat']
    """
    names = sorted(set(known))
    more = f" and {len(names) - SHOWN} others" if len(names) > SHOWN else ""
    lines = []
    for name in dict.fromkeys(wanted):
        near = sorted(names, key=partial(_likeness, name), reverse=True)[:SHOWN]
        hint = did_you_mean(name, names, "")
        there = f"{hint} There are" if hint else "there are"
        lines += [] if name in names else [f"{name}; {there}: {', '.join(near) or 'none'}{more}"]
    return lines


def refuse(faults: Mapping[str, object], error: type[Exception] = ValueError) -> None:
    """Raise an error with the first of the texts whose value is true, where one is.

    >>> refuse({"it is empty": False, "it is too long": []})
    """
    for fault, holds in faults.items():
        if holds:
            raise error(fault)


@contextmanager
def noted(problems: list[str], place: str = "") -> Iterator[None]:
    """End the block at a ValueError or UserError, and add it to a list, so that all problems are reported at once."""
    try:
        yield
    except (ValueError, UserError) as error:
        problems.append(f"{place}: {error}" if place else str(error))


def raise_problems(title: str, problems: Sequence[str], *, one_alone: bool = False) -> None:
    """Raise one UserError that lists the problems; do nothing when there is none.

    Of each kind the first ``SHOWN`` are listed. If there are more, all go into a new file in the system's folder of
    temporary files, which the last line names.

    Args:
        title: what was being checked, e.g. "data/train is not a valid data folder".
        problems: one line each.
        one_alone: a single problem is told without the title, for problems that say where they are.
    """
    if one_alone and len(problems) == 1:
        raise UserError(problems[0])
    if problems:
        lines = "".join(f"\n  {problem}" for problem in _first_of_each_kind(problems))
        raise UserError(f"{title} ({count(len(problems), 'problem')}):{lines}")


def _kind(problem: str) -> str:
    """What problems of a kind have in common: their words, without names, numbers and quotations.

    >>> _kind("d/wav.scp:3: mix-3 is not in utt2spk; run it") == _kind("d/wav.scp:9: mix-9 is not in utt2spk; run it")
    True
    """
    return " ".join(_PLAIN_WORD.findall(problem))


def _first_of_each_kind(problems: Sequence[str]) -> list[str]:
    totals, seen = Counter(map(_kind, problems)), Counter[str]()
    shown = []
    for problem in problems:
        kind = _kind(problem)
        seen[kind] += 1
        if seen[kind] <= SHOWN:
            shown.append(problem)
        if seen[kind] == SHOWN < totals[kind]:
            shown.append(f"... and {totals[kind] - SHOWN} more like it")
    if max(totals.values()) > SHOWN:
        shown.append(f"all {len(problems)} {_listed(problems)}")
    return shown


def _listed(problems: Sequence[str]) -> str:
    """Where all problems are listed."""
    try:
        descriptor, path = tempfile.mkstemp(".txt", "weaksep-problems.")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{problem}\n" for problem in problems)
    except OSError as error:
        return f"cannot be listed in a file ({error.strerror}); set TMPDIR to a folder with room"
    return f"are listed in {path}"
