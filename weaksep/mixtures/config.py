"""Schema of `conf/mix.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from weaksep.mixtures.scene import LEVELS_DB, MAX_CLIP_S

STRICT = ConfigDict(extra="forbid", frozen=True)


class SetSizes(BaseModel):
    """Number of mixtures of each set; of six digits, since it is written so into ids that must sort."""

    model_config = STRICT
    train: int = Field(ge=1, le=999_999)
    valid: int = Field(ge=1, le=999_999)
    test: int = Field(ge=1, le=999_999)


class MixConfig(BaseModel):
    """How mixtures are drawn.

    Args:
        seed: of all draws; another seed gives other mixtures of the same events.
        clip_s: length of a mixture, seconds.
        mean_events: lambda of the zero-truncated Poisson number of events (mean lambda / (1 - e^-lambda)).
        level_db: lowest and highest RMS of an event, dB relative to full scale, uniform in between.
        min_event_s: an event starts at least this long before the clip's end; 0 as in the paper.
        sets: mixtures of each set.
    """

    model_config = STRICT
    seed: int = 0
    clip_s: float = Field(gt=0, le=MAX_CLIP_S)
    mean_events: float = Field(gt=0, le=1000)
    level_db: tuple[float, float] = (-30.0, -25.0)
    min_event_s: float = Field(ge=0, default=0.0)
    sets: SetSizes

    @model_validator(mode="after")
    def _ordered(self) -> MixConfig:
        low, high = self.level_db
        if not LEVELS_DB[0] <= low <= high <= LEVELS_DB[1]:
            raise ValueError(
                f"level_db: expected [lowest, highest], both at most 0 and at least {LEVELS_DB[0]:g}, "
                f"found [{low}, {high}]"
            )
        if self.min_event_s >= self.clip_s:
            raise ValueError("min_event_s must be below clip_s")
        return self
