"""Schema of ``conf/prepare.yaml``: where recordings and labels lie, and how they become clips."""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from weaksep.errors import refuse
from weaksep.fileio.names import AudioFormat, doubled, label_problem


class Shares(BaseModel, extra="forbid", frozen=True):
    """Shares of the recordings whose set no label file names."""

    train: float = Field(0.8, gt=0, le=1)
    valid: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _whole(self) -> Shares:
        total = self.train + self.valid + self.test
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"split: the shares of train, valid and test add up to {total:g}, not 1")
        return self


class PrepareConfig(BaseModel, extra="forbid", frozen=True):
    """How labelled recordings become data folders.

    Args:
        audio: folder of the recordings; this and the files below are relative to the folder of --db.
        clip_labels: what occurs in each recording (recordings/tables.py, audioset.py and jams.py have the formats).
        events: when; of all recordings or of some. Used where it is there; the log says when it is not.
        references: isolated sources of some recordings, ``<class>/<the recording's file below audio>``, to score with.
            Used where it is there.
        sample_rate: Hz; all clips have this rate.
        classes: sound classes; their order is the class axis everywhere after. null: every one that the labels name.
        rename: a name in the labels, or the class it would be -> a class; several may become one. AudioSet's codes are
            such names.
        clip_s: length of a clip, seconds. Longer recordings are cut, shorter ones filled up with silence.
        level_db: RMS that the loud parts of each recording are brought to, dB relative to full scale; null to leave
            them as they are. ``weaksep separate`` brings recordings to -27 dB too, unless --level-db says otherwise.
        split: shares of train, valid and test.
        seed: of that split.
        accept_truncated: take what is there of recordings that were cut short.
        audio_format: of the clips, as of events (corpora/config.py).
    """

    audio: str = "audio"
    clip_labels: str | None = "clip_labels.tsv"
    events: str | None = "events.tsv"
    references: str | None = "references"
    sample_rate: int = Field(16_000, ge=8000, le=192_000)
    classes: list[str] | None = Field(None, min_length=2)
    rename: dict[str, str] = {}
    clip_s: float = Field(10.0, gt=0.1, le=600)
    level_db: float | None = Field(-27.0, ge=-90, le=0)
    split: Shares = Shares()
    seed: int = 0
    accept_truncated: bool = False
    audio_format: AudioFormat = "wav"

    @model_validator(mode="after")
    def _plain_classes(self) -> PrepareConfig:
        names = self.classes or []
        problems = {name: label_problem(name) for name in [*names, *self.rename.values()]}
        wrong = {f"class {name!r} {problem}": problem for name, problem in problems.items()}
        refuse({"classes: one is listed twice": doubled(names), **wrong})
        return self
