r"""Names from outside that become parts of paths: recordings, clips, classes, systems, tags, sets.

Each is checked here, where it comes in; what is checked cannot lead into another folder. The names of ours
that no class may have are here too. The other half is how a strange name is shown: ``one_line`` is what keeps a
terminal, a log or a list of problems whole.
"""

import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

MAX_NAME_BYTES = 255  # what a file system takes
MAX_ID_BYTES = 200  # an id is followed by a suffix, and the name of a temporary file is longer by a few
# Of the clips of a data folder, as ESPnet calls them: a file each, or archives. Two million clips with references are
# five million files, which the file systems of clusters bear badly.
AudioFormat = Literal["wav", "flac", "wav.ark", "flac.ark"]
AUDIO_PATTERNS = ("audio/*/*.wav", "audio/*/*.flac", "audio/*/*.ark")  # what is written so
RESIDUAL = "residual"  # among separated files: what belongs to no class
BACKGROUND = "background"  # among references: what is under the events
_TAKEN = {
    "mix": "is taken: it names the folder of the mixtures",
    RESIDUAL: "is taken: it names the files of what belongs to no class",
    BACKGROUND: "is taken: it names the files of the sound of no class under the events",
}


def one_line(text: str) -> str:
    r"""A text with all that cannot be printed written as an escape: control characters, bytes that are not UTF-8.

    >>> print(one_line("a\nb\x1b[2J\udcff"))
    a\nb\x1b[2J\xff
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python reads a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def text_problem(text: str) -> str | None:
    """What keeps a path or a part of one from being written into tables and messages; None when nothing does."""
    if text.isprintable():
        return None
    kinds = {unicodedata.category(character) for character in text}
    if "Cs" in kinds:
        return "is not UTF-8"
    return "holds a control character" if kinds & {"Cc", "Zl", "Zp"} else None


def _length_problem(name: str, limit: int) -> str | None:
    return f"is longer than {limit} bytes" if len(name.encode()) > limit else None


def name_problem(name: str) -> str | None:
    """What keeps a name from being that of a file or folder of ours; None when nothing does.

    >>> name_problem("dog 1"), name_problem(".."), name_problem("a/b")
    (None, 'is empty or begins with a dot', 'holds a slash')
    """
    if "/" in name:
        return "holds a slash"
    if not name or name[0] == ".":
        return "is empty or begins with a dot"
    return text_problem(name) or _length_problem(name, MAX_NAME_BYTES)


def id_problem(key: str) -> str | None:
    """What keeps a key from being a clip id, the stem of a file's name; None when nothing does.

    >>> id_problem("dog-1"), id_problem("../dog")
    (None, 'holds a slash')
    """
    if not key.isprintable() or " " in key:
        return "holds a blank or a character that cannot be printed"
    return _length_problem(key, MAX_ID_BYTES) or name_problem(key)


def label_problem(name: str) -> str | None:
    """What keeps a name from being a class: it names files and folders, and is a word of comma-separated lists.

    >>> label_problem("dog_bark"), label_problem("mix")
    (None, 'is taken: it names the folder of the mixtures')
    """
    if name == "-" or "," in name:
        return "holds a comma or is the '-' that stands for no class"
    return _TAKEN.get(name) or id_problem(name)


def audio_name(folder: str, utt_id: str) -> str:
    """Path of a file inside a data folder; ``folder`` is "mix" or a class."""
    return f"audio/{folder}/{utt_id}.wav"


def plain_id(text: str) -> str:
    """A file's name as a part of an id: what is no letter, digit, _ or - becomes _.

    >>> plain_id("Häuser am See/1 (2)")
    'H_user_am_See_1__2_'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def folded(name: str) -> str:
    """What two names have in common that some file systems take for one: macOS's, Windows's, those of memory cards."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def doubled(names: Iterable[str]) -> list[str]:
    """Names that occur twice, those that differ in case or Unicode's normal forms alone included, sorted.

    For names that go from machine to machine with the data, such as classes.

    >>> doubled(["dog", "Dog", "cat"])
    ['Dog', 'dog']
    """
    names = list(names)
    counts = Counter(map(folded, names))
    return sorted({name for name in names if counts[folded(name)] > 1})


def clashes(names: Iterable[str], folder: Path) -> list[str]:
    """A line for every name that is one with another on the file system of ``folder``, though they differ.

    For names of many files, which may well differ in case alone where the file system tells them apart.

    Args:
        names: of files, or paths, to be written in the folder.
        folder: need not be there yet.
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(folded(name), []).append(name)
    pairs = ((first, other) for first, *others in groups.values() for other in others)
    return [f"{other} and {first} are one to the disk of {folder}; rename one" for first, other in pairs
            if _is_one(first, other, folder)]  # fmt: skip


def _is_one(first: str, other: str, folder: Path) -> bool:
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.is_dir())
    with tempfile.TemporaryDirectory(prefix=".names.", dir=place) as probe:
        (Path(probe) / first).mkdir(parents=True)
        return (Path(probe) / other).exists()
