"""Schema of `conf/mix.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from weaksep.errors import UserError, did_you_mean, refuse
from weaksep.fileio.names import AudioFormat
from weaksep.mixtures.scene import LEVELS_DB, MAX_CLIP_S


class SetSizes(BaseModel, extra="forbid", frozen=True):
    """Number of mixtures of each set."""

    train: int = Field(ge=1, le=99_999_999)
    valid: int = Field(ge=1, le=99_999_999)
    test: int = Field(ge=1, le=99_999_999)


class VariantSizes(SetSizes):
    """The same for a variant; without a test set of its own, its systems are scored on the recipe's."""

    train: int = Field(0, ge=0, le=99_999_999)
    valid: int = Field(0, ge=0, le=99_999_999)
    test: int = Field(0, ge=0, le=99_999_999)


class AloneConfig(BaseModel, extra="forbid", frozen=True):
    """Which pieces of a mixture, where one class is active alone, are good enough to serve as an event of it.

    Args:
        min_s: shortest piece, in seconds.
        min_level_db: least RMS, dB relative to full scale: a labelled pause is no example of its class.
    """

    min_s: float = Field(0.2, gt=0)
    min_level_db: float = Field(-50.0, le=0)


def _unordered(level_db: tuple[float, float]) -> dict[str, object]:
    """What is wrong with a range of levels, see ``refuse``."""
    low, high = level_db
    expected = f"[lowest, highest], both at most 0 and at least {LEVELS_DB[0]:g}"
    return {f"level_db: expected {expected}, found [{low}, {high}]": not LEVELS_DB[0] <= low <= high <= LEVELS_DB[1]}


class BackgroundConfig(BaseModel, extra="forbid", frozen=True):
    """Sound of no class under the events: pieces of unlabelled recordings.

    Args:
        level_db: lowest and highest RMS of a piece, dB relative to full scale, uniform in between.
        probability: that a mixture has one.
        db: where the recordings are: a folder of audio files, or a wav.scp, beside which utt2spk may say which files
            are of one recording. As a path on the command line; --background comes before it.
    """

    level_db: tuple[float, float] = (-40.0, -25.0)
    probability: float = Field(1.0, gt=0, le=1)
    db: str | None = None

    @model_validator(mode="after")
    def _ordered(self) -> BackgroundConfig:
        refuse(_unordered(self.level_db))
        return self


class Variant(BaseModel, extra="forbid", frozen=True):
    """More sets of mixtures, data/<set>_<name>: for the systems that say ``mixtures: <name>``, or to test on.

    Args:
        mean_events, level_db, min_event_s: where they differ from the recipe's.
        background: where its keys differ; null for none.
        events: "isolated", the corpus' own; "same", those of the recipe's own mixtures, where and as loud as there, so
            that only what is under them differs; or "alone", cut out of the recipe's mixtures by their frame labels.
        alone: which pieces count as events of their class.
        recordings: "own" of each set, or "train" for a test set of the recordings that systems were trained on: how
            much better they do there is the generalisation gap.
        sets: number of mixtures of each set; both train and valid, or neither.
    """

    mean_events: float | None = Field(None, ge=0, le=1000)
    level_db: tuple[float, float] | None = None
    min_event_s: float | None = Field(None, ge=0)
    background: BackgroundConfig | None = None
    events: Literal["isolated", "same", "alone"] = "isolated"
    alone: AloneConfig = AloneConfig()
    recordings: Literal["own", "train"] = "own"
    sets: VariantSizes

    @model_validator(mode="after")
    def _whole(self) -> Variant:
        train, valid, test = self.sets.train, self.sets.valid, self.sets.test
        alone, borrowed = self.events == "alone", self.recordings == "train"
        drawn_so = {"mean_events", "level_db", "min_event_s", "recordings"}
        changed = self.events == "same" and not drawn_so.isdisjoint(self.model_fields_set)
        refuse(
            {
                "sets.test: mixtures of events that are cut out are for training; leave test out": alone and test,
                "events: those are the same; leave mean_events, level_db, min_event_s and recordings out": changed,
                "sets: train and valid go together; give both or neither": bool(train) != bool(valid),
                "sets: give train and valid, or test, or all three": not (train or valid or test),
                "recordings: train is for a test set; leave sets.train and sets.valid out": borrowed and train,
                "background.db: one for all; give it above, not in a variant": self.background and self.background.db,
            }
        )
        return self


class MixConfig(BaseModel, extra="forbid", frozen=True):
    """How mixtures are drawn.

    Args:
        seed: of all draws; another seed gives other mixtures of the same events.
        clip_s: length of a mixture, seconds.
        mean_events: lambda of the zero-truncated Poisson number of events (mean lambda / (1 - e^-lambda)); 0 for clips
            without events, of backgrounds alone.
        level_db: lowest and highest RMS of an event, dB relative to full scale, uniform in between.
        min_event_s: an event starts at least this long before the clip's end; 0 as in the paper.
        background: what is under the events; None for nothing, as in the paper.
        audio_format: of the audio: wav or flac, a file each; wav.ark or flac.ark, archives of some hundred.
        sets: mixtures of each set.
        variants: more sets by name, made when a system asks for them.
    """

    seed: int = 0
    clip_s: float = Field(gt=0, le=MAX_CLIP_S)
    mean_events: float = Field(ge=0, le=1000)
    level_db: tuple[float, float] = (-30.0, -25.0)
    min_event_s: float = Field(ge=0, default=0.0)
    background: BackgroundConfig | None = None
    audio_format: AudioFormat = "wav"
    sets: SetSizes
    variants: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*$")], Variant] = {}

    @model_validator(mode="after")
    def _ordered(self) -> MixConfig:
        silent = not self.mean_events and (self.background is None or self.background.probability < 1)
        refuse(
            {
                **_unordered(self.level_db),
                "min_event_s must be below clip_s": self.min_event_s >= self.clip_s,
                "mean_events: 0 is for clips of backgrounds alone; give background, with probability 1": silent,
            }
        )
        return self

    def sizes(self) -> dict[str, int]:
        """Number of mixtures of each set that has any."""
        return {name: size for name, size in self.sets.model_dump().items() if size}

    def variant(self, name: str) -> MixConfig:
        """The configuration of a variant; its ``sets`` are the variant's.

        Raises:
            UserError: there is none of that name, or its values do not go together.
        """
        if name not in self.variants:
            hint = did_you_mean(name, self.variants, f"there are: {', '.join(self.variants) or 'none'}")
            raise UserError(f"no variant {name!r} of the mixtures in mix.yaml ({hint}); a system asks for it")
        found = self.variants[name]
        own = found.model_dump(include={"mean_events", "level_db", "min_event_s"}, exclude_none=True)
        if "background" in found.model_fields_set:
            pair = (self.background, found.background)
            common, changed = (part.model_dump(exclude_unset=True) if part else {} for part in pair)
            own["background"] = {**common, **changed} if found.background else None
        try:
            whole = MixConfig.model_validate({**self.model_dump(exclude={"variants"}), **own})
        except ValueError as error:
            raise UserError(f"mix.yaml: variants.{name}: {error}") from None
        return whole.model_copy(update={"sets": found.sets})
