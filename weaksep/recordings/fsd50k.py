"""FSD50K's ground truth and metadata: what each clip holds, which class it holds alone, and its licence.

Fonseca, Favory, Pons, Font, Serra, "FSD50K: an Open Dataset of Human-Labeled Sound Events", IEEE/ACM TASLP 2022.
Clips are called after the sound's number on Freesound. Their labels are propagated to the root of the ontology: a clip
of Bark has Dog, Domestic_animals_and_pets and Animal too.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.jsontext import load_object
from weaksep.fileio.parsed import read_text
from weaksep.recordings.spelling import class_of
from weaksep.recordings.tables import read_table

logger = logging.getLogger(__name__)

PARTS = ("dev", "eval")


@dataclass(frozen=True)
class Clip:
    """A clip of FSD50K.

    Attributes:
        name: its number on Freesound.
        part: dev or eval.
        set_name: train and valid of dev, as the corpus splits it, and test of eval.
        labels: spelt as classes are.
        licence: its URL; empty without the metadata.
        uploader: whom some licences want named.
    """

    name: str
    part: str
    set_name: str
    labels: tuple[str, ...]
    licence: str = ""
    uploader: str = ""

    @property
    def file(self) -> str:
        """Where its audio is, below the corpus' folder."""
        return f"FSD50K.{self.part}_audio/{self.name}.wav"

    @property
    def non_commercial(self) -> bool:
        """Whether its licence limits commercial use: CC BY-NC, or Sampling+ (no advertising, and the whole sound is not
        to be sold)."""
        return any(f"licenses/{words}" in self.licence.lower() for words in ("by-nc", "sampling"))


def read_clips(db: Path) -> list[Clip]:
    """All clips of the ground truth; their audio is not looked for.

    Raises:
        UserError: a table is missing or damaged, or a clip of dev has no split.
    """
    clips = []
    for part in PARTS:
        table = db / f"FSD50K.ground_truth/{part}.csv"
        if not table.is_file():
            raise UserError(f"{table}: no such file; unpack FSD50K.ground_truth.zip there")
        known = _metadata(db / f"FSD50K.metadata/{part}_clips_info_FSD50K.json")
        for entry in read_table(table, timed=False):
            (name,), set_name = entry.names, "test" if part == "eval" else entry.set_name
            if set_name is None:
                raise UserError(f"{entry.place}: no split; expected train or val")
            about = known.get(name)
            about = about if isinstance(about, dict) else {}
            labels = tuple(class_of(label, {}) for label in entry.clip_labels or ())
            licence, uploader = (" ".join(str(about.get(key, "")).split()) for key in ("license", "uploader"))
            clips.append(Clip(name, part, set_name, labels, licence, uploader))
    return clips


def _metadata(path: Path) -> dict[str, object]:
    if not path.is_file():
        logger.warning("%s: not there, so no licence is known; unpack FSD50K.metadata.zip there", path)
        return {}
    return load_object(read_text(path), str(path), "unpack FSD50K.metadata.zip again")


def closures(clips: Iterable[Clip]) -> dict[str, frozenset[str]]:
    """Of each class the labels that all of its clips have: itself, and what it is a kind of.

    >>> clips = [Clip("1", "dev", "train", ("Bark", "Dog")), Clip("2", "dev", "train", ("Dog",))]
    >>> {name: sorted(labels) for name, labels in closures(clips).items()}
    {'Bark': ['Bark', 'Dog'], 'Dog': ['Dog']}
    """
    found: dict[str, frozenset[str]] = {}
    for clip in clips:
        own = frozenset(clip.labels)
        found.update({label: found.get(label, own) & own for label in clip.labels})
    return found


def alone(clip: Clip, kinds: Mapping[str, frozenset[str]]) -> list[str]:
    """The classes that a clip holds with nothing else: all its labels are a kind of the class, or what it is a kind of.

    Args:
        clip: one of those that ``kinds`` is from.
        kinds: see ``closures``.

    >>> clips = [Clip("1", "dev", "train", ("Bark", "Dog")), Clip("2", "dev", "train", ("Bark", "Dog", "Rain"))]
    >>> clips += [Clip("3", "dev", "train", ("Dog",)), Clip("4", "dev", "train", ("Rain",))]
    >>> [alone(clip, closures(clips)) for clip in clips]
    [['Bark', 'Dog'], [], ['Dog'], ['Rain']]
    """
    return [
        label for label in clip.labels if all(other in kinds[label] or label in kinds[other] for other in clip.labels)
    ]
