"""Schemas of `conf/data.yaml`, one a corpus. The key `corpus` says which one a file follows."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from weaksep.errors import refuse
from weaksep.fileio.names import AudioFormat, doubled, label_problem

N_FOLDS = 10  # of UrbanSound8K


class Counts(BaseModel, extra="forbid", frozen=True):
    """A number for each set; of four digits, since it is written so into ids that must sort."""

    train: int = Field(ge=1, le=9999)
    valid: int = Field(ge=1, le=9999)
    test: int = Field(ge=1, le=9999)


class Split(BaseModel, extra="forbid", frozen=True):
    """The folds of UrbanSound8K that make up each set."""

    train: list[int] = Field(min_length=1)
    valid: list[int] = Field(min_length=1)
    test: list[int] = Field(min_length=1)

    @model_validator(mode="after")
    def _folds(self) -> Split:
        folds = [*self.train, *self.valid, *self.test]
        unknown = ", ".join(str(fold) for fold in sorted(folds) if not 1 <= fold <= N_FOLDS)
        twice = ", ".join(str(fold) for fold in sorted(set(folds)) if folds.count(fold) > 1)
        refuse(
            {
                f"no fold {unknown}; UrbanSound8K has 1 to {N_FOLDS}": unknown,
                f"folds named more than once: {twice}": twice,
            }
        )
        return self


class CorpusConfig(BaseModel, extra="forbid", frozen=True):
    """What every corpus needs. Extend it for a new one and name the pair in `registry.py`.

    Args:
        corpus: name of the reader.
        sample_rate: Hz; all audio of the recipe has this rate.
        classes: sound classes; their order is the class axis everywhere after.
        accept_truncated: take what is there of files that were cut short.
        audio_format: of the events: wav, a file each, or wav.ark, archives of a hundred. They are float32, which flac
            cannot hold: wav is then taken.
    """

    corpus: str
    sample_rate: int = Field(ge=8000, le=192_000)
    classes: list[str] = Field(min_length=2)
    accept_truncated: bool = False
    audio_format: AudioFormat = "wav"

    @model_validator(mode="after")
    def _plain_classes(self) -> CorpusConfig:
        faults: dict[str, object] = {}
        for name in self.classes:
            faults[f"class {name!r}: use letters, digits and _"] = not name.replace("_", "").isalnum()
            faults[f"class {name!r} {label_problem(name)}"] = label_problem(name)
        refuse({**faults, "a class is listed twice": doubled(self.classes)})
        return self


class SyntheticConfig(CorpusConfig):
    """The built-in synthetic corpus.

    Args:
        seed: another seed is another corpus.
        recordings_per_class: recordings of each class in each set; the sets share none.
        events_per_recording: events cut from each recording.
    """

    corpus: Literal["synthetic"]
    seed: int = 0
    recordings_per_class: Counts
    events_per_recording: int = Field(ge=1, le=100)  # two digits of an id


class UrbanSound8KConfig(CorpusConfig):
    """UrbanSound8K.

    Args:
        salience: 1 foreground, 2 background; which to keep.
        split: folds of each set.
    """

    corpus: Literal["urbansound8k"]
    salience: list[Literal[1, 2]] = Field(min_length=1, default=[1])
    split: Split


class TableConfig(CorpusConfig):
    """Any corpus, as a table of its events (corpora/table.py).

    Args:
        table: its name in the folder of --db.
        trim: leave out digital silence at the ends of each event, with which some corpora fill up their files.
    """

    corpus: Literal["table"]
    table: str = "events.tsv"
    trim: bool = False
